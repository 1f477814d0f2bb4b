//! Restarts at any point go on with the story.

use model::Matcher;

use super::stage::{Reply, Stage, alert, between, config, from, seconds, simple, t};
use crate::notification::Reason;
use crate::notifier::{Effect, Notifier, Settings};
use crate::receiver::Outcome;

/// Alerts as Prometheus sends them: good for four minutes.
fn sent(at: f64, text: &str) -> model::Alert {
    between(at, at + 240.0, text)
}

#[test]
fn groups_keep_their_instants_and_nobody_is_told_twice() {
    let mut stage = Stage::new(simple("[]", "30s", "5m", "4h"));
    stage.at(0.0).push([sent(0.0, "i=1"), sent(0.0, "i=2")]);
    stage.at(60.0).restart(10.0);
    stage.at(200.0).push([between(0.0, 440.0, "i=1"), between(0.0, 440.0, "i=2"), sent(200.0, "i=3")]);
    stage.at(400.0).restart(0.0);
    stage.at(1000.0).push([sent(0.0, "i=1")]);
    let heard = [
        "30 hook first notification: 1 2",
        "330 hook new alerts added: 1 2 3",
        // Nobody spoke for any of them since the restart: they end after one full term, at 640.
        "930 hook all alerts resolved: -1 -2 -3",
    ];
    assert_eq!(stage.heard(), heard);
}

#[test]
fn a_resolve_that_comes_first_does_not_close_the_group() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h"));
    stage.at(0.0).push([sent(0.0, "i=a"), sent(0.0, "i=b")]);
    stage.at(5.0).restart(1.0);
    stage.at(7.0).push([between(0.0, 7.0, "i=a")]);
    stage.at(30.0).push([sent(0.0, "i=b")]);
    assert_eq!(stage.heard(), ["1 hook first notification: a b", "11 hook some alerts resolved: -a b"]);
}

#[test]
fn a_flush_missed_in_the_downtime_is_made_up_for_at_once() {
    let mut stage = Stage::new(simple("[]", "30s", "5m", "4h"));
    stage.at(0.0).push([sent(0.0, "i=1")]);
    stage.at(20.0).restart(50.0);
    stage.at(100.0).push([sent(100.0, "i=2")]);
    stage.at(400.0);
    assert_eq!(stage.heard(), ["70 hook first notification: 1", "330 hook new alerts added: -1 2"]);
}

#[test]
fn group_wait_goes_on_over_a_restart() {
    let mut stage = Stage::new(simple("[]", "30s", "5m", "4h"));
    stage.at(0.0).push([sent(0.0, "i=1")]);
    stage.at(20.0).restart(5.0);
    stage.at(100.0);
    assert_eq!(stage.heard(), ["30 hook first notification: 1"]);
}

#[test]
fn a_crash_between_sending_and_hearing_back_costs_one_duplicate() {
    let mut stage = Stage::new(simple("[]", "30s", "5m", "4h")).script(|_, _| Reply::OkAfter(1.0));
    stage.at(0.0).push([sent(0.0, "i=1")]);
    stage.at(30.5).restart(5.0);
    stage.at(200.0);
    assert_eq!(stage.heard(), ["30 hook first notification: 1", "35.5 hook first notification: 1"]);
}

#[test]
fn a_retry_under_way_goes_on_after_a_crash() {
    let mut stage =
        Stage::new(simple("[]", "30s", "12h", "24h")).script(|_, now| if now < 90.0 { Reply::Fail } else { Reply::Ok });
    stage.at(0.0).push([between(0.0, 9000.0, "i=1")]);
    stage.at(80.0).restart(20.0);
    stage.at(2000.0);
    assert_eq!(stage.heard(), ["100 hook first notification: 1"], "not only at the next flush, in half a day");
}

#[test]
fn a_repeat_missed_in_the_downtime_is_made_up_for() {
    let mut stage = Stage::new(simple("[]", "30s", "5m", "1h"));
    stage.at(0.0).push([between(0.0, 90_000.0, "i=1")]);
    stage.at(100.0).restart(10_000.0);
    stage.at(12_000.0);
    assert_eq!(stage.heard(), ["30 hook first notification: 1", "10100 hook repeat interval elapsed: 1"]);
}

#[test]
fn a_resolve_that_was_told_is_not_told_again() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h"));
    stage.at(0.0).push([sent(0.0, "i=1"), sent(0.0, "i=2")]);
    stage.at(250.0);
    assert_eq!(stage.heard(), ["1 hook first notification: 1 2", "241 hook all alerts resolved: -1 -2"]);
    stage.restart(5.0).at(600.0);
    assert_eq!(stage.heard(), [""; 0], "it ran out in the old process; the new one must not take it for firing");
    assert_eq!(stage.notifier.group_count(), 0);
}

#[test]
fn a_resolve_in_a_silence_is_still_owed_after_a_restart() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h"));
    stage.at(0.0).push([sent(0.0, "i=1")]);
    stage.at(5.0).silence(&[Matcher::equal("i", "1")], 5.0, 500.0);
    stage.at(300.0).restart(5.0);
    stage.at(600.0);
    assert_eq!(stage.heard(), ["1 hook first notification: 1", "501 hook all alerts resolved: -1"]);
    assert_eq!(stage.attempts[1].1.notification.alerts[0].resolved_at, Some(t(240.0)));
}

#[test]
fn a_silence_survives() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h"));
    let id = stage.silence(&[Matcher::new("i", model::MatchOp::Regex, "1|2").unwrap()], 0.0, 100.0);
    stage.restart(1.0).push([sent(1.0, "i=1"), sent(1.0, "i=3")]);
    stage.at(50.0);
    assert_eq!(stage.heard(), ["2 hook first notification: 3"]);
    assert_eq!(stage.notifier.silence(id).map(|silence| seconds(silence.ends_at)), Some(100.0));
}

#[test]
fn a_resolve_is_told_although_nobody_reported_it() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h"));
    stage.at(0.0).push([sent(0.0, "i=1")]);
    stage.at(5.0).restart(20.0);
    stage.at(1000.0);
    assert_eq!(stage.heard(), ["1 hook first notification: 1", "271 hook all alerts resolved: -1"]);
}

#[test]
fn the_start_delay_holds_restored_groups_too() {
    let settings = crate::notifier::Settings { start_delay: std::time::Duration::from_secs(60), ..Default::default() };
    let mut stage = Stage::with(settings, simple("[]", "1s", "10s", "1h"));
    stage.at(0.0).push([sent(0.0, "i=1")]);
    stage.at(61.0).push([sent(61.0, "i=2")]);
    stage.restart(0.5).at(200.0);
    assert_eq!(stage.heard(), ["60 hook first notification: 1", "121.5 hook new alerts added: 1 2"]);
}

#[test]
fn another_configuration_may_await_the_restart() {
    let two = "route: {receiver: hook, group_by: [], group_wait: 1s, group_interval: 10s, routes: [
  {matchers: [i=1], receiver: other}]}
receivers: [{name: hook, webhook_configs: [{url: 'http://h'}]}, {name: other, webhook_configs: [{url: 'http://o'}]}]";
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h"));
    stage.at(0.0).push([sent(0.0, "i=1"), sent(0.0, "i=2")]);
    stage.at(5.0).reload(config(two));
    stage.restart(1.0).at(30.0);
    assert_eq!(stage.heard(), ["1 hook first notification: 1 2", "6 other first notification: 1"]);
}

#[test]
fn broken_records_are_named_and_left_out() {
    let mut stage = Stage::new(simple("[]", "1s", "10s", "1h"));
    stage.at(0.0).push([from(0.0, "i=1"), alert("i=2")]);
    let mut records: Vec<(String, Vec<u8>)> = stage.store.clone().into_iter().collect();
    records.push(("alert/x".to_owned(), b"{\"v1\":{\"alerts\":{}}}".to_vec()));
    records.push(("log/y".to_owned(), vec![0xFF]));
    let silence = r#"{"v1":{"silence":{"id":"00000000-0000-0000-0000-000000000001","matchers":[{"name":"a","op":"=~","value":"("}],
"starts_at":0,"ends_at":9,"updated_at":0,"created_by":"","comment":"","annotations":{}}}}"#;
    records.push(("silence/z".to_owned(), silence.as_bytes().to_vec()));
    let mut notifier = crate::notifier::Notifier::new(Default::default());
    let warnings = notifier.restore(t(1.0), records.into_iter());
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings[0].starts_with("record alert/x is left out: invalid type"), "{warnings:?}");
    assert_eq!(notifier.alerts(t(1.0)).count(), 2);
}

#[test]
fn a_resolve_leaves_once_the_store_knows_that_the_alert_ended() {
    // A kill after the page and before the store knew told the alert to fire again.
    let mut notifier = Notifier::new(Settings::default());
    let mut out = Vec::new();
    notifier.configure(t(0.0), simple("[]", "1s", "10s", "5s"), &mut out);
    let mut told = |at: f64, alerts: Vec<model::Alert>| {
        notifier.receive(t(at), alerts, &mut out).unwrap();
        notifier.advance(t(at + 10.0), &mut out);
        let delivery = out.drain(..).find_map(|effect| match effect {
            Effect::Deliver(delivery) => Some(delivery),
            _ => None,
        });
        let delivery = delivery.unwrap();
        notifier.delivered(t(at + 10.0), delivery.id, Outcome::Delivered, &mut out);
        out.clear();
        (delivery.notification.reason, delivery.is_recorded)
    };
    assert_eq!(told(0.0, vec![sent(0.0, "i=1")]), (Reason::FirstNotification, true));
    assert_eq!(told(20.0, vec![sent(0.0, "i=1")]), (Reason::RepeatInterval, false), "nothing that was not known");
    assert_eq!(told(40.0, vec![between(0.0, 40.0, "i=1")]), (Reason::AllResolved, true));
}
