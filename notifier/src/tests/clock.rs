//! The system clock is set back or put forward by an hour: pages come as they would have, and what is over stays over.

use super::stage::{Stage, alert, between, simple, t};

const HOUR: f64 = 3600.0;

fn stage() -> Stage {
    Stage::new(simple("[alertname]", "2s", "10s", "1h"))
}

#[test]
fn a_first_page_is_not_an_hour_late() {
    let mut stage = stage();
    stage.at(HOUR + 1.0).push([alert("alertname=K i=1")]).at(HOUR + 2.0).clock_set_back(HOUR);
    stage.at(60.0);
    assert_eq!(stage.heard(), ["3 hook first notification: K/1"]);
}

#[test]
fn the_groups_grid_moves_along_and_nothing_is_told_twice() {
    let mut stage = stage();
    stage.at(HOUR + 1.0).push([alert("alertname=K i=1")]).at(HOUR + 4.0);
    stage.heard();
    stage.clock_set_back(HOUR).push([alert("alertname=K i=1"), alert("alertname=K i=2")]).at(60.0);
    assert_eq!(stage.heard(), ["13 hook new alerts added: K/1 K/2"]);
    stage.restart(0.5).push([alert("alertname=K i=1"), alert("alertname=K i=2")]);
    stage.at(61.0).push([between(1.0, 61.0, "alertname=K i=1"), between(1.0, 61.0, "alertname=K i=2")]).at(200.0);
    assert_eq!(stage.heard(), ["63 hook all alerts resolved: -K/1 -K/2"]);
}

#[test]
fn what_was_resolved_does_not_fire_again() {
    let mut stage = stage();
    stage.at(HOUR + 1.0).push([alert("alertname=K i=1"), alert("alertname=K i=2")]).at(HOUR + 4.0);
    stage.push([between(HOUR + 1.0, HOUR + 4.0, "alertname=K i=1")]);
    stage.heard();
    stage.at(HOUR + 5.0).clock_set_back(HOUR).at(60.0);
    assert_eq!(stage.heard(), ["13 hook some alerts resolved: -K/1 K/2"]);
}

#[test]
fn a_repeat_comes_an_interval_after_the_page_as_told_by_the_new_clock() {
    let mut stage = stage();
    stage.at(HOUR + 1.0).push([alert("alertname=K i=1")]).at(HOUR + 4.0).clock_set_back(HOUR);
    for refresh in 0..40 {
        stage.at(5.0 + 120.0 * f64::from(refresh)).push([alert("alertname=K i=1")]);
    }
    let heard = stage.heard();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[1].ends_with("hook repeat interval elapsed: K/1"), "{heard:?}");
    let at: f64 = heard[1].split(' ').next().unwrap().parse().unwrap();
    assert!((HOUR..HOUR + 30.0).contains(&at), "{heard:?}");
}

#[test]
fn a_start_at_an_earlier_time_takes_nothing_that_is_over_for_firing_and_holds_no_page_back() {
    let mut stage = Stage::new(simple("[alertname]", "10s", "1m", "4h"));
    let kind = |name: &str| vec![model::Matcher::equal("alertname", name)];
    stage.at(5000.0).push([between(5000.0, 90000.0, "alertname=K"), between(5000.0, 90000.0, "alertname=L")]);
    let silence = stage.silence(&kind("M"), 5000.0, 90000.0);
    stage.at(5100.0).push([between(5000.0, 5100.0, "alertname=L")]).expire(silence).at(5200.0);
    stage.push([between(5200.0, 90000.0, "alertname=N")]);
    stage.heard();
    // down, and the clock is half an hour behind when it is back
    stage.now = t(3400.0);
    stage.restart(0.0).at(3430.0);
    assert_eq!(stage.notifier.silence(silence).unwrap().state(stage.now), crate::silence::SilenceState::Expired);
    stage.push([between(3430.0, 90000.0, "alertname=M")]).at(3700.0);
    let heard = stage.heard();
    assert!(!heard.iter().any(|line| line.contains(": K") || line.contains(" L")), "{heard:?}");
    assert!(heard.iter().any(|line| line.ends_with("first notification: N")), "{heard:?}");
    assert!(heard.contains(&"3440 hook first notification: M".to_owned()), "{heard:?}");
}

#[test]
fn put_forward_it_brings_no_page_nearer_and_resolves_nothing() {
    let mut stage = stage();
    stage.at(1.0).push([between(1.0, 240.0, "alertname=K i=1")]).at(4.0);
    assert_eq!(stage.heard(), ["3 hook first notification: K/1"]);
    stage.push([between(4.0, 240.0, "alertname=K i=2"), between(4.0, 240.0, "alertname=L")]);
    stage.clock_put_forward(HOUR);
    // what its source keeps reporting, as valid for four minutes by the new clock
    stage.at(HOUR + 60.0).push([between(1.0, HOUR + 300.0, "alertname=K i=1")]);
    stage.at(HOUR + 200.0);
    assert_eq!(stage.heard(), ["3606 hook first notification: L", "3613 hook new alerts added: K/1 K/2"]);
    // Nobody reports the others any more: they are over when they would have been.
    stage.at(HOUR + 280.0);
    assert_eq!(stage.heard(), ["3843 hook some alerts resolved: K/1 -K/2", "3846 hook all alerts resolved: -L"]);
}

#[test]
fn put_forward_it_brings_no_repeat_nearer() {
    let mut stage = stage();
    stage.at(1.0).push([between(1.0, 9.0 * HOUR, "alertname=K")]).at(1800.0);
    stage.heard();
    stage.clock_put_forward(HOUR).at(HOUR + 3599.0);
    assert!(stage.heard().is_empty());
    stage.at(HOUR + 3620.0);
    assert_eq!(stage.heard(), ["7213 hook repeat interval elapsed: K"]);
}

#[test]
fn put_forward_it_ends_a_silence_whose_time_it_skips() {
    let mut stage = stage();
    let silence = stage.silence(&[model::Matcher::equal("alertname", "K")], 0.0, 1800.0);
    stage.at(1.0).push([between(1.0, 9.0 * HOUR, "alertname=K")]).at(60.0);
    assert!(stage.heard().is_empty());
    stage.clock_put_forward(HOUR).at(HOUR + 75.0);
    assert_eq!(stage.notifier.silence(silence).unwrap().state(stage.now), crate::silence::SilenceState::Expired);
    assert_eq!(stage.heard().len(), 1, "told at the next flush");
}

#[test]
fn set_back_it_leaves_a_silence_active_and_ends_it_when_it_shows_its_end() {
    let mut stage = stage();
    stage.at(HOUR);
    let silence = stage.silence(&[model::Matcher::equal("alertname", "K")], HOUR, HOUR + 600.0);
    stage.at(HOUR + 1.0).push([between(HOUR + 1.0, 9.0 * HOUR, "alertname=K")]).at(HOUR + 60.0);
    stage.clock_set_back(HOUR);
    for minute in 2..60 {
        stage.at(60.0 * f64::from(minute));
    }
    assert_eq!(stage.notifier.silence(silence).unwrap().state(stage.now), crate::silence::SilenceState::Active);
    assert!(stage.heard().is_empty());
    stage.at(HOUR + 700.0);
    assert_eq!(stage.heard().len(), 1);
}
