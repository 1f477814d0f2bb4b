//! When groups begin, flush and end.

use model::Matcher;

use super::stage::{Reply, Stage, alert, between, config, from, labels, noted, simple, t};
use crate::alert_book::BookLimits;
use crate::decision::{HoldReason, Verdict};
use crate::notifier::{Effect, Settings};

fn hour() -> std::sync::Arc<crate::config::Config> {
    simple("[alertname]", "2s", "10s", "1h")
}

#[test]
fn group_wait_collects_and_the_interval_adds() {
    let mut stage = Stage::new(hour());
    stage.at(1.0).push([alert("alertname=K i=1")]);
    stage.at(2.9).push([alert("alertname=K i=2")]);
    stage.at(3.1).push([alert("alertname=K i=3")]);
    stage.at(5.0).push([alert("alertname=L i=1")]);
    stage.at(100.0);
    let heard = [
        "3 hook first notification: K/1 K/2",
        "7 hook first notification: L/1",
        "13 hook new alerts added: K/1 K/2 K/3",
    ];
    assert_eq!(stage.heard(), heard);
}

/// Alertmanager takes alerts one by one and would tell `[a]` first and the other an interval later.
#[test]
fn old_alerts_of_one_batch_are_told_together_and_at_once() {
    let mut stage = Stage::new(hour());
    stage.at(10.0).push([from(8.0, "alertname=K i=1"), from(9.9, "alertname=K i=2")]).at(10.0);
    assert_eq!(stage.heard(), ["10 hook first notification: K/1 K/2"]);
}

#[test]
fn resolved_before_the_first_flush_is_never_told_alone() {
    let mut stage = Stage::new(hour());
    stage.at(1.0).push([alert("alertname=K i=1"), alert("alertname=L i=1"), alert("alertname=L i=2")]);
    stage.at(2.0).push([between(1.0, 2.0, "alertname=K i=1"), between(1.0, 2.0, "alertname=L i=1")]);
    stage.at(30.0);
    assert_eq!(stage.heard(), ["3 hook first notification: -L/1 L/2"]);
    assert_eq!(stage.notifier.group_count(), 1, "the group of K went with it");
}

#[test]
fn a_flap_between_flushes_is_told_at_the_next() {
    let mut stage = Stage::new(hour());
    stage.at(1.0).push([from(1.0, "alertname=K i=1")]);
    stage.at(5.0).push([between(1.0, 5.0, "alertname=K i=1")]);
    stage.at(6.0).push([from(6.0, "alertname=K i=1")]);
    stage.at(60.0);
    assert_eq!(stage.heard(), ["3 hook first notification: K/1", "13 hook fires again: K/1"]);
}

#[test]
fn a_flap_between_flushes_is_no_news_to_alertmanager() {
    let mut stage = Stage::alertmanager(hour());
    stage.at(1.0).push([alert("alertname=K i=1")]);
    stage.at(5.0).push([between(1.0, 5.0, "alertname=K i=1")]);
    stage.at(6.0).push([from(6.0, "alertname=K i=1")]);
    stage.at(60.0);
    assert_eq!(stage.heard(), ["3 hook first notification: K/1"]);
}

#[test]
fn a_flap_across_flushes_is_told_each_time() {
    let mut stage = Stage::new(hour());
    stage.at(1.0).push([alert("alertname=K i=1")]);
    stage.at(5.0).push([between(1.0, 5.0, "alertname=K i=1")]);
    stage.at(14.0).push([from(14.0, "alertname=K i=1")]);
    stage.at(20.0).push([between(14.0, 20.0, "alertname=K i=1")]);
    stage.at(60.0);
    let heard = [
        "3 hook first notification: K/1",
        "13 hook all alerts resolved: -K/1",
        "16 hook first notification: K/1",
        "26 hook all alerts resolved: -K/1",
    ];
    assert_eq!(stage.heard(), heard);
}

#[test]
fn a_resolve_posted_again_and_again_is_told_once() {
    let mut stage = Stage::new(simple("[alertname]", "1s", "2s", "3s"));
    stage.at(0.2).push([from(0.2, "alertname=K i=1"), from(0.2, "alertname=K i=2")]);
    for step in 0..20 {
        stage.at(1.9 + 0.7 * f64::from(step)).push([between(0.2, 1.9, "alertname=K i=1")]);
    }
    let heard = stage.heard();
    assert_eq!(heard[..2], ["1.2 hook first notification: K/1 K/2", "3.2 hook some alerts resolved: -K/1 K/2"]);
    assert!(heard[2..].iter().all(|line| line.ends_with("repeat interval elapsed: K/2")), "{heard:?}");
}

#[test]
fn unchanged_groups_repeat_at_the_first_flush_past_the_interval() {
    let mut stage = Stage::new(simple("[alertname]", "1s", "2s", "3s"));
    stage.at(0.2).push([alert("alertname=K")]);
    stage.at(10.0);
    let heard = [
        "1.2 hook first notification: K",
        "5.2 hook repeat interval elapsed: K",
        "9.2 hook repeat interval elapsed: K",
    ];
    assert_eq!(stage.heard(), heard);
    // A multiple of the interval is reached one flush late, as in Alertmanager: it must have passed.
    let mut stage = Stage::new(simple("[alertname]", "1s", "2s", "4s"));
    stage.at(0.0).push([alert("alertname=K")]);
    stage.at(10.0);
    assert_eq!(stage.heard(), ["1 hook first notification: K", "7 hook repeat interval elapsed: K"]);
}

#[test]
fn a_changed_text_is_told_with_the_next_notification_only() {
    let mut stage = Stage::new(simple("[alertname]", "1s", "2s", "7s"));
    stage.at(0.0).push([noted("v1", alert("alertname=K"))]);
    stage.at(2.0).push([noted("v2", from(0.0, "alertname=K"))]);
    stage.at(10.0);
    assert_eq!(stage.heard(), ["1 hook first notification: K(v1)", "9 hook repeat interval elapsed: K(v2)"]);
}

#[test]
fn routes_that_continue_make_groups_of_their_own() {
    let yaml = "route: {receiver: none, routes: [
  {matchers: [team=a], receiver: one, continue: true, group_by: ['...'], group_wait: 1s},
  {matchers: [team=a], receiver: two, group_by: [], group_wait: 2s}]}
receivers: [{name: none}, {name: one, webhook_configs: [{url: 'http://1'}]}, {name: two, webhook_configs: [{url: 'http://2'}]}]";
    let mut stage = Stage::new(config(yaml));
    stage.at(0.0).push([alert("team=a i=1"), alert("team=a i=2"), alert("team=b i=3")]);
    stage.at(10.0);
    let heard = ["1 one first notification: 1/a", "1 one first notification: 2/a", "2 two first notification: 1/a 2/a"];
    assert_eq!(stage.heard(), heard);
    assert_eq!(stage.notifier.group_count(), 4);
    let keys: Vec<String> = stage.attempts.iter().map(|(_, d)| d.notification.group_key.clone()).collect();
    assert_eq!(keys[2], r#"{}/{team="a"}:{}"#);
    let receivers: Vec<Vec<&str>> = stage.notifier.alerts(stage.now).map(|alert| alert.receivers().collect()).collect();
    assert_eq!(receivers, [vec!["one", "two"], vec!["one", "two"], vec!["none"]]);
}

#[test]
fn a_sink_lets_resolved_alerts_go() {
    let mut stage =
        Stage::new(config("route: {receiver: none, group_wait: 1s, group_interval: 5s}\nreceivers: [{name: none}]"));
    stage.at(0.0).push([between(0.0, 3.0, "alertname=K")]);
    stage.at(5.9);
    assert_eq!(stage.notifier.group_count(), 1);
    stage.at(6.0);
    assert_eq!(stage.notifier.group_count(), 0);
    assert_eq!(stage.kept(), [""; 0]);
}

#[test]
fn what_is_refused_and_what_is_counted() {
    let mut stage = Stage::new(hour());
    stage.at(1.0);
    let mut out = Vec::new();
    let batch = vec![
        alert("alertname=K"),
        model::Alert { labels: model::LabelSet::from_pairs([("a", "")]), ..alert("a=b") },
        between(5.0, 4.0, "alertname=L"),
        model::Alert { labels: model::LabelSet::from_pairs([("", "x")]), ..alert("a=b") },
        model::Alert { annotations: model::LabelSet::from_pairs([("", "x")]), ..alert("a=b") },
        between(0.0, 0.5, "alertname=M"),
        model::Alert { ends_at: Some(t(9.0)), ..alert("alertname=N") },
    ];
    let refused = stage.notifier.receive(stage.now, batch, &mut out).unwrap_err();
    let expected = [
        "at least one label pair required",
        "start time must be before end time",
        "invalid label set: invalid name \"\"",
        "invalid annotations: invalid name \"\"",
    ];
    assert_eq!(refused.messages, expected);
    assert_eq!((refused.invalid, refused.no_room), (4, 0));
    let tally = stage.notifier.tally();
    assert_eq!((tally.alerts_received_firing, tally.alerts_received_resolved, tally.alerts_invalid), (6, 1, 4));
    let now = stage.now;
    let mut live: Vec<_> =
        stage.notifier.alerts(now).map(|alert| (alert.labels().to_string(), alert.starts_at())).collect();
    live.sort();
    assert_eq!(live, [(r#"{alertname="K"}"#.to_owned(), t(1.0)), (r#"{alertname="N"}"#.to_owned(), t(9.0))]);
}

#[test]
fn a_name_takes_no_more_than_its_limit() {
    let settings = Settings { alerts_per_name_max: 2, ..Settings::default() };
    let mut stage = Stage::with(settings, hour());
    stage.at(0.0).push([between(0.0, 5.0, "alertname=K i=1"), alert("alertname=K i=2"), alert("alertname=K i=3")]);
    stage.push([alert("alertname=K i=2"), alert("alertname=L")]);
    assert_eq!(stage.notifier.tally().alerts_limited, 1);
    stage.at(6.0).push([alert("alertname=K i=3"), alert("alertname=K i=4")]);
    assert_eq!(stage.notifier.tally().alerts_limited, 2, "the resolved one made room for one");
    assert_eq!(stage.notifier.alerts(stage.now).count(), 3);
}

#[test]
fn what_is_known_is_kept_up_to_date_when_there_is_no_room_for_more() {
    let book = BookLimits { alerts_max: 2, text_bytes_max: 1000 };
    let mut stage = Stage::with(Settings { book, ..Settings::default() }, hour());
    let mut give = |at: f64, alerts: Vec<model::Alert>| {
        let mut out = Vec::new();
        stage.at(at);
        let taken = stage.notifier.receive(stage.now, alerts, &mut out).map_err(|not_taken| not_taken.to_string());
        let mut live: Vec<_> = stage.notifier.alerts(stage.now).map(|alert| alert.labels().to_string()).collect();
        live.sort();
        (taken, live.len(), stage.notifier.tally().alerts_refused)
    };
    let full = |count| {
        Err(format!("{count} new alerts found no room: --alerts.max-alerts or --alerts.max-size-bytes is reached"))
    };
    assert_eq!(give(0.0, vec![alert("alertname=A"), alert("alertname=B"), alert("alertname=C")]), (full(1), 2, 1));
    assert_eq!(give(1.0, vec![alert("alertname=A"), alert("alertname=B")]), (Ok(()), 2, 1), "refreshed");
    assert_eq!(give(2.0, vec![between(0.0, 1.0, "alertname=D")]), (Ok(()), 2, 2), "it is over: nobody misses it");
    let resolve = between(0.0, 2.5, "alertname=A");
    assert_eq!(give(3.0, vec![resolve]).1, 1, "resolved");
    // Its group is to tell of it before its place is free.
    assert_eq!(give(4.0, vec![alert("alertname=C")]), (full(1), 1, 3));
    assert_eq!(give(100.0, vec![alert("alertname=C")]), (Ok(()), 2, 3), "room was made for it");
    let long = |name: &str| model::Alert {
        annotations: model::LabelSet::from_pairs([("text", "x".repeat(2000))]),
        ..alert(&format!("alertname={name}"))
    };
    assert_eq!(give(101.0, vec![long("B")]), (Ok(()), 2, 3), "refreshed without its text");
    let (_, bytes, texts_left) = stage.notifier.alert_load();
    assert!(bytes < 1000 && texts_left == 1, "{bytes} {texts_left}");
}

#[test]
fn a_flood_of_bad_alerts_is_answered_in_a_few_words() {
    let mut stage = Stage::new(hour());
    let long = "x".repeat(100_000);
    let alerts = (0..1000)
        .map(|n| model::Alert { labels: model::LabelSet::from_pairs([(format!("{n}{long}"), "x")]), ..alert("a=b") });
    let refused = stage.notifier.receive(stage.now, alerts.collect(), &mut Vec::new()).unwrap_err();
    let text = refused.to_string();
    assert!(text.len() < 5000 && text.ends_with("; and 980 others"), "{text}");
    assert_eq!((refused.invalid, stage.notifier.tally().alerts_invalid), (1000, 1000));
}

#[test]
fn resolved_alerts_are_cleared_away() {
    let mut stage = Stage::new(hour());
    stage.at(0.0).push([between(0.0, 5.0, "alertname=K"), alert("alertname=L")]);
    stage.at(1700.0);
    let in_book = |stage: &Stage| [t(0.0), t(1e9)].map(|at| stage.notifier.alerts(at).count());
    assert_eq!(in_book(&stage), [2, 0], "L ran out after five minutes; both are kept for views of the past only");
    stage.at(1800.0);
    assert_eq!(in_book(&stage), [0, 0]);
}

#[test]
fn the_log_outlives_its_group_for_two_repeats() {
    let mut stage = Stage::new(simple("[alertname]", "2s", "10s", "1h"));
    stage.at(0.0).push([between(0.0, 5.0, "alertname=K")]);
    stage.at(7212.0 + 900.0);
    assert_eq!(stage.store.keys().filter(|key| key.starts_with("log/")).count(), 0);
    let mut stage = Stage::new(simple("[alertname]", "2s", "10s", "1h"));
    stage.at(0.0).push([between(0.0, 5.0, "alertname=K")]);
    stage.at(7200.0);
    assert_eq!(stage.kept().len(), 1);
}

#[test]
fn every_decision_is_said_with_its_reason() {
    let mut stage = Stage::new(hour());
    stage.at(0.0).push([alert("alertname=K i=1"), alert("alertname=K i=2")]);
    stage.at(12.0);
    stage.at(13.0).silence(&[Matcher::equal("i", "1")], 13.0, 30.0);
    stage.silence(&[Matcher::equal("i", "2")], 13.0, 30.0);
    stage.at(22.0);
    let said: Vec<_> = stage
        .decisions
        .iter()
        .map(|d| (super::stage::seconds(d.at), d.verdict.as_str(), d.firing, d.suppressed))
        .collect();
    let expected = [
        (2.0, "first notification", 2, 0),
        (12.0, "unchanged since the last notification", 2, 0),
        (22.0, "silenced", 0, 2),
    ];
    assert_eq!(said, expected);
    assert_eq!(stage.decisions[2].verdict, Verdict::Hold(HoldReason::Silenced));
    assert_eq!(stage.notifier.tally().suppressed.silence, 2);
}

#[test]
fn alerts_before_the_first_configuration_wait_for_it() {
    let mut notifier = crate::notifier::Notifier::new(Settings::default());
    let mut out = Vec::new();
    notifier.receive(t(0.0), vec![from(-100.0, "alertname=K")], &mut out).unwrap();
    assert!(out.is_empty() && notifier.next_wake().is_none());
    notifier.configure(t(1.0), hour(), &mut out);
    notifier.advance(t(1.0), &mut out);
    assert_eq!(out.iter().filter(|effect| matches!(effect, Effect::Deliver(_))).count(), 1);
    assert_eq!(notifier.groups(t(1.0))[0].labels(), &labels("alertname=K"));
}

#[test]
fn a_flush_that_is_late_keeps_the_grid() {
    let mut stage = Stage::new(hour()).script(|_, _| Reply::Ok);
    stage.at(0.0).push([alert("alertname=K i=1")]);
    let mut out = Vec::new();
    stage.notifier.advance(t(27.0), &mut out);
    assert_eq!(
        out.iter().filter(|effect| matches!(effect, Effect::Decided(_))).count(),
        1,
        "one flush for all that were due"
    );
    assert_eq!(stage.notifier.next_wake(), Some(t(32.0)));
}
