//! Alertmanager's acceptance scenarios with exact instants instead of intervals.

use std::sync::Arc;

use model::Matcher;

use super::stage::{Reply, Stage, alert, between, config, from, noted, simple};
use crate::config::Config;
use crate::notifier::Settings;

/// Ours, or one that does as Alertmanager does.
type Make = fn(Arc<Config>) -> Stage;

macro_rules! in_both_modes {
    ($($timeline:ident)*) => {
        mod alertmanager {
            $(#[test] fn $timeline() { super::$timeline(super::Stage::alertmanager) })*
        }
        mod ours {
            $(#[test] fn $timeline() { super::$timeline(super::Stage::new) })*
        }
    };
}

// Where the two differ, the timeline says so.
in_both_modes! { merge_alerts merge_alerts_with_ends_at repeat retry batching resolved_by_timeout resolved_filter cold_start reload_moves_no_timer a_stalled_webhook_is_retried inhibiting always_inhibiting an_empty_inhibition_rule_inhibits_nothing silencing silence_delete }

fn merge_alerts(new: Make) {
    let mut stage = new(simple("[alertname]", "1s", "1s", "1ms"));
    stage.at(1.0).push([from(1.1, "alertname=K")]);
    stage.at(1.2).push([from(1.0, "alertname=K")]);
    stage.at(2.1).push([noted("v1", from(1.0, "alertname=K"))]);
    stage.at(3.6).push([noted("v2", from(1.0, "alertname=K"))]);
    stage.at(4.6).push([noted("v2", between(1.0, 4.5, "alertname=K"))]);
    stage.at(4.8).push([noted("v3", between(1.0, 4.8, "alertname=K"))]);
    stage.at(4.8).push([noted("v3", between(1.0, 4.1, "alertname=K"))]);
    stage.at(5.3).push([from(5.0, "alertname=K")]);
    stage.at(6.9);
    let heard = [
        "2 hook first notification: K",
        "3 hook repeat interval elapsed: K(v1)",
        "4 hook repeat interval elapsed: K(v2)",
        "5 hook all alerts resolved: -K(v3)",
        // The old group went with its last alert. The new alert's wait is counted from when it came.
        "6.3 hook first notification: K",
    ];
    assert_eq!(stage.heard(), heard);
    let starts: Vec<f64> =
        stage.attempts.iter().map(|(_, d)| super::stage::seconds(d.notification.alerts[0].starts_at)).collect();
    assert_eq!(starts, [1.0, 1.0, 1.0, 1.0, 5.0], "the earliest start survives, and a later fire begins anew");
    let resolved = stage.attempts[3].1.notification.alerts[0].resolved_at;
    assert_eq!(resolved, Some(super::stage::t(4.8)), "the latest explicit end wins");
}

fn merge_alerts_with_ends_at(new: Make) {
    let mut stage = new(simple("[alertname]", "1s", "1s", "1ms"));
    stage.at(1.0).push([between(1.1, 4.1, "alertname=K")]);
    stage.at(1.2).push([between(1.0, 4.0, "alertname=K")]);
    stage.at(2.1).push([noted("v1", between(1.0, 4.0, "alertname=K"))]);
    stage.at(3.6).push([noted("v2", between(1.0, 7.0, "alertname=K"))]);
    stage.at(4.6).push([noted("v2", between(1.0, 4.5, "alertname=K"))]);
    stage.at(4.8).push([noted("v3", between(1.0, 4.8, "alertname=K"))]);
    stage.at(4.8).push([noted("v3", between(1.0, 4.1, "alertname=K"))]);
    stage.at(5.3).push([between(5.0, 8.0, "alertname=K")]);
    stage.at(6.9);
    let heard = [
        "2 hook first notification: K",
        "3 hook repeat interval elapsed: K(v1)",
        "4 hook repeat interval elapsed: K(v2)",
        "5 hook all alerts resolved: -K(v3)",
        "6.3 hook first notification: K",
    ];
    assert_eq!(stage.heard(), heard);
}

fn repeat(new: Make) {
    let mut stage = new(simple("[alertname]", "1s", "1s", "1ms"));
    stage.at(1.0).push([from(1.0, "alertname=K")]);
    stage.at(3.5).push([between(1.0, 3.0, "alertname=K")]);
    stage.at(60.0);
    let heard = ["2 hook first notification: K", "3 hook repeat interval elapsed: K", "4 hook all alerts resolved: -K"];
    assert_eq!(stage.heard(), heard);
    assert_eq!(stage.notifier.group_count(), 0);
}

fn retry(new: Make) {
    let yaml = "route: {receiver: two, group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 3s}
receivers: [{name: two, webhook_configs: [{url: 'http://a'}, {url: 'http://b'}]}]";
    let mut stage = new(config(yaml)).script(|d, now| {
        if d.integration.index == 1 && now < 4.5 { Reply::FailAfter(0.5, Some(60.0)) } else { Reply::Ok }
    });
    stage.at(1.0).push([alert("alertname=K")]);
    stage.at(7.0);
    let heard = ["2 two/0 first notification: K", "6 two/0 repeat interval elapsed: K"];
    assert_eq!(stage.heard(), heard, "the second is left alone as long as it asked");

    let mut stage =
        new(config(yaml)).script(|d, now| if d.integration.index == 1 && now < 5.5 { Reply::Fail } else { Reply::Ok });
    stage.at(1.0).push([alert("alertname=K")]);
    stage.at(7.0);
    let heard = stage.heard();
    assert_eq!(heard[0], "2 two/0 first notification: K");
    assert!(heard.contains(&"6 two/0 repeat interval elapsed: K".to_owned()), "{heard:?}");
    assert_eq!(heard.iter().filter(|line| line.contains("two/1 first notification: K")).count(), 1, "{heard:?}");
}

fn batching(new: Make) {
    let mut stage = new(simple("[]", "1s", "1s", "4900ms"));
    stage.at(1.1).push([from(1.1, "alertname=A")]);
    stage.at(1.7).push([from(1.7, "alertname=B")]);
    stage.at(3.3).push([from(3.3, "alertname=C"), from(3.3, "alertname=D"), from(3.3, "alertname=E")]);
    stage.at(10.0);
    let heard = [
        "2.1 hook first notification: A B",
        "4.1 hook new alerts added: A B C D E",
        "9.1 hook repeat interval elapsed: A B C D E",
    ];
    assert_eq!(stage.heard(), heard);
}

fn resolved_by_timeout(new: Make) {
    let yaml = "global: {resolve_timeout: 10s}
route: {receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 5s}
receivers: [{name: hook, webhook_configs: [{url: 'http://hook'}]}]";
    let mut stage = new(config(yaml));
    stage.at(1.0).push([alert("alertname=K i=1"), alert("alertname=K i=2"), alert("alertname=K i=3")]);
    stage.at(60.0);
    let heard = ["2 hook first notification: K/1 K/2 K/3", "12 hook all alerts resolved: -K/1 -K/2 -K/3"];
    assert_eq!(stage.heard(), heard);
    assert_eq!(stage.attempts[1].1.notification.alerts[0].resolved_at, Some(super::stage::t(11.0)));
}

fn resolved_filter(new: Make) {
    let yaml = "global: {resolve_timeout: 10s}
route: {receiver: ab, group_by: [alertname], group_wait: 1s, group_interval: 5s}
receivers: [{name: ab, webhook_configs: [{url: 'http://a'}, {url: 'http://b', send_resolved: false}]}]";
    let mut stage = new(config(yaml));
    stage.at(1.0).push([alert("alertname=K v=1"), alert("alertname=K v=2")]);
    stage.at(3.0).push([between(1.0, 3.0, "alertname=K v=1"), between(3.0, 60.0, "alertname=K v=3")]);
    stage.at(13.0);
    let heard = [
        "2 ab/0 first notification: K/1 K/2",
        "2 ab/1 first notification: K/1 K/2",
        "7 ab/0 new alerts added: -K/1 K/2 K/3",
        "7 ab/1 new alerts added: K/2 K/3",
        "12 ab/0 some alerts resolved: -K/2 K/3",
    ];
    assert_eq!(stage.heard(), heard);
}

fn cold_start(new: Make) {
    let yaml = "route: {receiver: hook, group_by: [], group_wait: 1s, group_interval: 6s}
receivers: [{name: hook, webhook_configs: [{url: 'http://hook'}]}]";
    let as_alertmanager = new(config(yaml)).is_alertmanager();
    let settings = Settings { start_delay: std::time::Duration::from_secs(5), as_alertmanager, ..Settings::default() };
    let mut stage = Stage::with(settings, config(yaml));
    stage.at(1.0).push([from(-100.0, "alertname=A")]);
    stage.at(2.0).push([from(2.0, "alertname=B")]);
    stage.at(5.0).reload(config(yaml));
    stage.at(6.0).push([from(6.0, "alertname=C")]);
    stage.at(7.0).push([from(7.0, "alertname=D")]);
    stage.at(12.0);
    assert_eq!(stage.heard(), ["5 hook first notification: A B", "11 hook new alerts added: A B C D"]);
}

fn reload_moves_no_timer(new: Make) {
    let mut stage = new(simple("[]", "1s", "6s", "10m"));
    stage.at(1.0).push([alert("alertname=A")]);
    stage.at(3.0).reload(simple("[]", "1s", "6s", "10m"));
    stage.at(4.0).push([alert("alertname=B")]);
    stage.at(20.0);
    // Alertmanager counts the interval anew from the reload.
    let second = if stage.is_alertmanager() { "9 hook new alerts added: A B" } else { "8 hook new alerts added: A B" };
    assert_eq!(stage.heard(), ["2 hook first notification: A", second]);
}

fn a_stalled_webhook_is_retried(new: Make) {
    let mut stage = new(simple("[alertname]", "1s", "1m", "4h"))
        .script(|_, now| if now < 3.0 { Reply::FailAfter(0.5, None) } else { Reply::Ok });
    stage.at(1.0).push([alert("alertname=K")]);
    stage.at(30.0);
    let heard = stage.heard();
    assert_eq!(heard.len(), 1);
    assert!(stage.attempts.len() > 1 && heard[0].ends_with("first notification: K"));
}

const INHIBITION: &str =
    "route: {receiver: hook, group_by: [], group_wait: 1s, group_interval: 1s, repeat_interval: 1s}
receivers: [{name: hook, webhook_configs: [{url: 'http://hook'}]}]
inhibit_rules: [{source_matchers: [alertname=JobDown], target_matchers: [alertname=InstanceDown], equal: [job, zone]}]";

fn inhibiting(new: Make) {
    let mut stage = new(config(INHIBITION));
    stage.at(1.0).push([
        alert("alertname=T"),
        alert("alertname=InstanceDown job=j zone=aa"),
        alert("alertname=InstanceDown job=j zone=ab"),
    ]);
    stage.at(2.2).push([alert("alertname=JobDown job=j zone=aa")]);
    stage.at(3.6).push([between(2.2, 3.6, "alertname=JobDown job=j zone=aa")]);
    stage.at(4.5);
    let heard = [
        "2 hook first notification: InstanceDown/j/aa InstanceDown/j/ab T",
        "3 hook new alerts added: InstanceDown/j/ab JobDown/j/aa T",
        "4 hook new alerts added: InstanceDown/j/aa InstanceDown/j/ab -JobDown/j/aa T",
    ];
    // It was told before, which Alertmanager has forgotten.
    let reason = if stage.is_alertmanager() { "new alerts added" } else { "no longer muted" };
    let heard = heard.map(|line| line.replacen("4 hook new alerts added", &format!("4 hook {reason}"), 1));
    assert_eq!(stage.heard(), heard);
}

fn always_inhibiting(new: Make) {
    let mut stage = new(config(INHIBITION));
    stage.at(1.0).push([alert("alertname=JobDown job=j zone=aa"), alert("alertname=InstanceDown job=j zone=aa")]);
    stage.at(2.6).push([
        between(1.0, 2.6, "alertname=JobDown job=j zone=aa"),
        between(1.0, 2.6, "alertname=InstanceDown job=j zone=aa"),
    ]);
    stage.at(10.0);
    let heard =
        ["2 hook first notification: JobDown/j/aa", "3 hook all alerts resolved: -InstanceDown/j/aa -JobDown/j/aa"];
    assert_eq!(stage.heard(), heard);
}

fn an_empty_inhibition_rule_inhibits_nothing(new: Make) {
    let yaml = "route: {receiver: hook, group_by: [], group_wait: 1s}
receivers: [{name: hook, webhook_configs: [{url: 'http://hook'}]}]
inhibit_rules: [{}]";
    let mut stage = new(config(yaml));
    stage.at(1.0).push([alert("alertname=A"), alert("alertname=B")]);
    stage.at(3.0);
    assert_eq!(stage.heard(), ["2 hook first notification: A B"]);
}

fn silencing(new: Make) {
    let mut stage = new(simple("[]", "1s", "1s", "1ms"));
    stage.at(1.0).push([alert("alertname=test1"), alert("alertname=test2")]);
    stage.at(2.5).silence(&[Matcher::equal("alertname", "test1")], 2.5, 4.5);
    stage.at(5.0);
    let heard = [
        "2 hook first notification: test1 test2",
        "3 hook repeat interval elapsed: test2",
        "4 hook repeat interval elapsed: test2",
        "5 hook new alerts added: test1 test2",
    ];
    if stage.is_alertmanager() {
        assert_eq!(stage.heard(), heard);
    } else {
        let ours = ["4.5 hook no longer muted: test1 test2", "5 hook repeat interval elapsed: test1 test2"];
        assert_eq!(stage.heard(), [&heard[..3], &ours].concat(), "at the end of the silence");
    }
}

fn silence_delete(new: Make) {
    let mut stage = new(simple("[]", "1s", "1s", "1ms"));
    stage.at(1.0).push([alert("alertname=test1"), alert("alertname=test2")]);
    let id = stage.at(1.3).silence(&[Matcher::new("alertname", model::MatchOp::Regex, ".+").unwrap()], 1.3, 3600.0);
    stage.at(3.5).expire(id);
    stage.at(4.0);
    if stage.is_alertmanager() {
        assert_eq!(stage.heard(), ["4 hook first notification: test1 test2"]);
    } else {
        let heard = ["3.5 hook first notification: test1 test2", "4 hook repeat interval elapsed: test1 test2"];
        assert_eq!(stage.heard(), heard, "at the end of the silence");
    }
}
