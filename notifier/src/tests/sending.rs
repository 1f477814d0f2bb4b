//! Retries, delays asked for, refusals, and attempts that outlast a flush.

use std::time::Duration;

use super::stage::{Reply, Stage, alert, between, config, simple};
use crate::decision::{HoldReason, Verdict};
use crate::notifier::{DeliveryId, Settings};
use crate::receiver::Outcome;

#[test]
fn a_failed_attempt_is_repeated_sooner_than_the_next_flush() {
    let mut stage = Stage::new(simple("[]", "1s", "5m", "4h"))
        .script(|d, _| if d.attempt < 4 { Reply::FailAfter(0.1, None) } else { Reply::Ok });
    stage.at(0.0).push([alert("i=1")]);
    stage.at(2.0).push([alert("i=2")]);
    stage.at(290.0);
    let heard = stage.heard();
    assert!(heard.len() == 1 && heard[0].ends_with("first notification: 1"), "the same content: {heard:?}");
    let times: Vec<f64> = stage.attempts.iter().map(|(at, _)| *at).collect();
    let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0] - 0.1).collect();
    for (gap, middle) in gaps.iter().zip([0.5, 0.75, 1.125]) {
        assert!((middle * 0.5..=middle * 1.5).contains(gap), "{gaps:?}");
    }
    let tally = &stage.notifier.tally().integrations["webhook"];
    assert_eq!((tally.notifications, tally.requests, tally.requests_failed), (1, 4, 3));
    assert!(tally.failed.is_empty());
}

#[test]
fn the_next_flush_replaces_a_failing_content_by_the_newest() {
    let mut stage =
        Stage::new(simple("[]", "1s", "10s", "4h")).script(|_, now| if now < 11.0 { Reply::Fail } else { Reply::Ok });
    stage.at(0.0).push([alert("i=1"), alert("i=2")]);
    stage.at(5.0).push([between(0.0, 5.0, "i=1"), alert("i=3")]);
    stage.at(30.0);
    assert_eq!(stage.heard(), ["11 hook first notification: -1 2 3"]);
    assert_eq!(stage.notifier.tally().integrations["webhook"].failed["contextDeadlineExceeded"], 1);
}

#[test]
fn attempts_have_deadlines() {
    for (interval, expected) in [("2s", 11.0), ("1m", 61.0), ("12h", 601.0)] {
        let mut stage = Stage::new(simple("[]", "1s", interval, "24h"));
        stage.at(0.0).push([alert("i=1")]);
        stage.at(1.0);
        assert_eq!(super::stage::seconds(stage.attempts[0].1.deadline), expected, "{interval}");
    }
}

#[test]
fn a_wait_that_is_asked_for_is_kept_and_ends_with_the_newest_content() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h"))
        .script(|_, now| if now < 30.0 { Reply::FailAfter(0.0, Some(30.0)) } else { Reply::Ok });
    stage.at(0.0).push([alert("i=1")]);
    stage.at(15.0).push([alert("i=2")]);
    stage.at(60.0);
    assert_eq!(stage.heard(), ["31 hook first notification: 1 2"]);
    assert_eq!(stage.attempts.len(), 2, "not called in between");
}

#[test]
fn a_wait_that_is_asked_for_ends_a_fire_that_is_over() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h"))
        .script(|_, now| if now < 30.0 { Reply::FailAfter(0.0, Some(30.0)) } else { Reply::Ok });
    stage.at(0.0).push([alert("i=1")]);
    stage.at(15.0).push([between(0.0, 15.0, "i=1")]);
    stage.at(60.0);
    assert_eq!(stage.heard(), [""; 0], "nobody was told that it fires");
    assert_eq!(stage.notifier.group_count(), 0);
}

#[test]
fn a_receiver_that_is_gone_for_good_is_owed_ends_for_the_retention_only() {
    let settings = Settings { retention: Duration::from_secs(600), ..Settings::default() };
    let mut stage = Stage::with(settings, simple("[]", "1s", "10s", "1h"))
        .script(|_, now| if now < 2.0 { Reply::Ok } else { Reply::Fail });
    stage.at(0.0).push([alert("i=1")]);
    stage.at(5.0).push([between(0.0, 5.0, "i=1")]);
    stage.at(600.0);
    assert_eq!(stage.notifier.group_count(), 1, "its end is still owed");
    stage.at(620.0);
    assert_eq!(stage.notifier.group_count(), 0);
    let attempts = stage.attempts.len();
    stage.at(2000.0);
    assert_eq!(stage.attempts.len(), attempts, "nobody is called any more");
}

#[test]
fn refused_content_is_not_repeated_before_the_next_flush() {
    let mut stage =
        Stage::new(simple("[]", "1s", "10s", "1h")).script(|_, now| if now < 20.0 { Reply::Reject } else { Reply::Ok });
    stage.at(0.0).push([alert("i=1")]);
    stage.at(60.0);
    assert_eq!(stage.heard(), ["21 hook first notification: 1"]);
    let times: Vec<f64> = stage.attempts.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [1.0, 11.0, 21.0]);
    assert_eq!(stage.notifier.tally().integrations["webhook"].failed["clientError"], 2);
}

#[test]
fn an_attempt_under_way_is_never_doubled_and_its_outcome_asks_anew() {
    let mut stage = Stage::new(simple("[]", "1s", "2s", "1h"))
        .script(|_, now| if now < 2.0 { Reply::OkAfter(7.5) } else { Reply::Ok });
    stage.at(0.0).push([alert("i=1")]);
    stage.at(4.0).push([alert("i=2")]);
    stage.at(20.0);
    assert_eq!(stage.heard(), ["1 hook first notification: 1", "8.5 hook new alerts added: 1 2"]);
    let held = stage.decisions.iter().filter(|d| d.verdict == Verdict::Hold(HoldReason::InFlight));
    assert_eq!(held.count(), 3, "the flushes at 3, 5 and 7");
}

#[test]
fn what_resolves_while_its_fire_is_being_told_is_told_resolved() {
    let mut stage = Stage::new(simple("[]", "1s", "2s", "1h"))
        .script(|_, now| if now < 2.0 { Reply::OkAfter(7.5) } else { Reply::Ok });
    stage.at(0.0).push([alert("i=1")]);
    stage.at(2.0).push([between(0.0, 2.0, "i=1")]);
    stage.at(20.0);
    assert_eq!(stage.heard(), ["1 hook first notification: 1", "8.5 hook all alerts resolved: -1"]);
    assert_eq!(stage.notifier.group_count(), 0);
}

const PAIR: &str = "route: {receiver: pair, group_by: [], group_wait: 1s, group_interval: 10s, repeat_interval: 1h}
receivers: [{name: pair, webhook_configs: [{url: 'http://good'}, {url: 'http://bad'}]}]";

#[test]
fn one_integration_never_delays_another() {
    let mut stage = Stage::new(config(PAIR))
        .script(|d, _| if d.integration.index == 1 { Reply::FailAfter(3.0, None) } else { Reply::Ok });
    stage.at(0.0).push([alert("i=1"), alert("i=2"), alert("i=3")]);
    stage.at(5.0).push([between(0.0, 5.0, "i=1")]);
    stage.at(15.0).push([alert("i=4"), alert("i=3")]);
    stage.at(60.0);
    let heard = [
        "1 pair/0 first notification: 1 2 3",
        "11 pair/0 some alerts resolved: -1 2 3",
        "21 pair/0 new alerts added: 2 3 4",
    ];
    assert_eq!(stage.heard(), heard);
}

/// Alertmanager keeps every resolved alert of a group with a receiver that always fails.
#[test]
fn nothing_piles_up_behind_a_broken_receiver() {
    let mut stage = Stage::new(config(PAIR))
        .script(|d, _| if d.integration.index == 1 { Reply::FailAfter(1.0, None) } else { Reply::Ok });
    for i in 0..500 {
        let start = f64::from(i) * 20.0;
        stage.at(start).push([between(start, start + 12.0, &format!("i={i}"))]);
    }
    stage.at(10_100.0);
    assert_eq!(stage.notifier.group_count(), 0);
    assert!(stage.kept().iter().all(|key| key.starts_with("log/")), "{:?}", stage.kept());
    assert_eq!(stage.heard().iter().filter(|line| line.contains('-')).count(), 500);
}

/// A resolved alert stays while one integration has yet to hear of it; the other is not told again.
#[test]
fn a_resolve_kept_for_one_is_not_repeated_to_the_other() {
    let mut stage = Stage::new(config(PAIR)).script(|d, now| {
        if d.integration.index == 1 && now > 5.0 && now < 35.0 { Reply::FailAfter(1.0, None) } else { Reply::Ok }
    });
    stage.at(0.0).push([alert("i=1"), alert("i=2")]);
    stage.at(6.0).push([between(0.0, 6.0, "i=1")]);
    stage.at(15.0).push([alert("i=3")]);
    stage.at(60.0);
    let mut heard = stage.heard();
    heard.sort();
    let good: Vec<&String> = heard.iter().filter(|line| line.contains("pair/0")).collect();
    let expected =
        ["1 pair/0 first notification: 1 2", "11 pair/0 some alerts resolved: -1 2", "21 pair/0 new alerts added: 2 3"];
    assert_eq!(good, expected);
    assert_eq!(heard.iter().filter(|line| line.contains("pair/1") && line.contains("-1")).count(), 1, "{heard:?}");
}

#[test]
fn an_unknown_or_repeated_report_changes_nothing() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h"));
    stage.at(0.0).push([alert("i=1")]);
    stage.at(2.0);
    let mut out = Vec::new();
    stage.notifier.advance(stage.now, &mut out);
    let before = format!("{:?}", stage.notifier);
    stage.notifier.delivered(stage.now, stage.attempts[0].1.id, Outcome::Delivered, &mut out);
    stage.notifier.delivered(stage.now, DeliveryId(99), Outcome::Delivered, &mut out);
    assert!(out.is_empty());
    assert_eq!(format!("{:?}", stage.notifier), before);
}

#[test]
fn integrations_that_are_told_the_same_share_it() {
    let yaml = "route: {receiver: three, group_by: [], group_wait: 1s}
receivers: [{name: three, webhook_configs: [{url: 'http://1'}, {url: 'http://2'}, {url: 'http://3', send_resolved: false}]}]";
    let mut stage = Stage::new(config(yaml));
    stage.at(0.0).push([alert("i=1"), alert("i=2")]);
    stage.at(0.5).push([between(0.0, 0.5, "i=1")]);
    stage.at(2.0);
    let told: Vec<_> = stage.attempts.iter().map(|(_, d)| &d.notification).collect();
    assert!(std::sync::Arc::ptr_eq(told[0], told[1]));
    assert_eq!((told[0].alerts.len(), told[2].alerts.len()), (2, 1));
}
