//! Silences, inhibition and time intervals across the life of an alert.

use model::Matcher;

use super::stage::{Stage, alert, between, config, draft, from, simple, t};
use crate::notifier::{AlertState, Settings};
use crate::silence::{SilenceError, SilenceState};

fn kind(name: &str) -> [Matcher; 1] {
    [Matcher::equal("alertname", name)]
}

#[test]
fn what_was_told_to_fire_is_told_resolved_once_the_silence_ends() {
    let mut stage = Stage::new(simple("[team]", "1s", "2s", "1h"));
    stage.at(0.0).push([alert("alertname=K team=x")]);
    let id = stage.at(2.0).silence(&kind("K"), 2.0, 3600.0);
    stage.at(4.0).push([between(0.0, 4.0, "alertname=K team=x")]);
    stage.at(20.0).expire(id);
    stage.at(100.0);
    // Alertmanager drops the second and leaves incidents open (#226).
    assert_eq!(stage.heard(), ["1 hook first notification: K/x", "21 hook all alerts resolved: -K/x"]);
    assert_eq!(stage.notifier.group_count(), 0);
}

#[test]
fn a_debt_survives_other_notifications_of_the_group() {
    let mut stage = Stage::new(simple("[team]", "1s", "2s", "1h"));
    stage.at(0.0).push([alert("alertname=A team=x"), alert("alertname=B team=x")]);
    stage.at(2.0).silence(&kind("A"), 2.0, 9.5);
    stage.at(2.5).push([alert("alertname=C team=x"), between(0.0, 2.5, "alertname=B team=x")]);
    stage.at(4.0).push([between(0.0, 4.0, "alertname=A team=x")]);
    stage.at(6.0).push([between(2.5, 6.0, "alertname=C team=x")]);
    stage.at(30.0);
    let heard = [
        "1 hook first notification: A/x B/x",
        "3 hook new alerts added: -B/x C/x",
        "7 hook all alerts resolved: -C/x",
        "11 hook all alerts resolved: -A/x",
    ];
    assert_eq!(stage.heard(), heard);
    assert_eq!(stage.notifier.group_count(), 0);
}

#[test]
fn a_silence_hides_before_and_lets_through_after() {
    let mut stage = Stage::new(simple("[]", "1s", "2s", "1h"));
    stage.at(0.1).silence(&kind("K"), 0.1, 3.9);
    stage.at(0.4).push([alert("alertname=K")]);
    let now = stage.now;
    let status = stage.notifier.alerts(now).next().unwrap().status();
    assert_eq!((status.state, status.silenced_by.len()), (AlertState::Suppressed, 1));
    stage.at(8.0);
    assert_eq!(stage.heard(), ["3.9 hook first notification: K"]);
    let now = stage.now;
    assert_eq!(stage.notifier.alerts(now).next().unwrap().status().state, AlertState::Active);
    assert_eq!(stage.notifier.silence_count(SilenceState::Expired, now), 1);
}

#[test]
fn a_pending_silence_hides_nothing_yet() {
    let mut stage = Stage::new(simple("[]", "1s", "2s", "1s"));
    stage.at(0.0).silence(&kind("K"), 4.0, 8.0);
    stage.push([alert("alertname=K")]);
    stage.at(12.0);
    let heard = [
        "1 hook first notification: K",
        "3 hook repeat interval elapsed: K",
        "8 hook no longer muted: K",
        "11 hook repeat interval elapsed: K",
    ];
    assert_eq!(stage.heard(), heard);
}

#[test]
fn silences_have_limits() {
    let settings = Settings { silences_max: 1, silence_bytes_max: 400, ..Settings::default() };
    let mut stage = Stage::with(settings, simple("[]", "1s", "2s", "1h"));
    let long = crate::silence::SilenceDraft { comment: "x".repeat(400), ..draft(&kind("K"), 0.0, 10.0) };
    assert!(matches!(stage.set_silence(long), Err(SilenceError::TooLarge { bytes_max: 400, .. })));
    let id = stage.silence(&kind("K"), 0.0, 10.0);
    assert_eq!(stage.set_silence(draft(&kind("L"), 0.0, 10.0)), Err(SilenceError::TooMany(1)));
    let edit = crate::silence::SilenceDraft { id: Some(id), ..draft(&kind("K"), 0.0, 20.0) };
    assert_eq!(stage.set_silence(edit), Ok(id), "an edit in place is not one more");
    assert_eq!(stage.store.len(), 1);
    stage.at(20.0 + 120.0 * 3600.0 + 900.0);
    assert!(stage.store.is_empty() && stage.notifier.silences().next().is_none(), "gone after the retention");
}

const ZONES: &str =
    "route: {receiver: hook, group_by: ['...'], group_wait: 1s, group_interval: 2s, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: 'http://hook'}]}]
inhibit_rules: [{source_matchers: [sev=crit], target_matchers: [sev=warn], equal: [zone]}]";

#[test]
fn a_target_is_told_at_the_next_flush_after_its_last_source_resolved() {
    let mut stage = Stage::new(config(ZONES));
    stage.at(0.2).push([alert("sev=crit zone=a i=1"), alert("sev=crit zone=a i=2"), alert("sev=warn zone=a")]);
    stage.at(2.2).push([between(0.2, 2.2, "sev=crit zone=a i=1")]);
    stage.at(4.0);
    let now = stage.now;
    let target = stage.notifier.alerts(now).find(|alert| alert.labels().get("sev") == Some("warn")).unwrap();
    assert_eq!(target.status().inhibited_by.len(), 1, "the other source still counts");
    stage.at(4.2).push([between(0.2, 4.2, "sev=crit zone=a i=2")]);
    stage.at(20.0);
    let heard = [
        "1.2 hook first notification: 1/crit/a",
        "1.2 hook first notification: 2/crit/a",
        "3.2 hook all alerts resolved: -1/crit/a",
        "5.2 hook all alerts resolved: -2/crit/a",
        "5.2 hook first notification: warn/a",
    ];
    assert_eq!(stage.heard(), heard);
}

#[test]
fn a_source_that_runs_out_inhibits_no_more() {
    let mut stage = Stage::new(config(ZONES));
    stage.at(0.0).push([between(0.0, 4.5, "sev=crit zone=a"), alert("sev=warn zone=a"), alert("sev=warn zone=b")]);
    stage.at(10.0);
    let heard = [
        "1 hook first notification: crit/a",
        "1 hook first notification: warn/b",
        "5 hook all alerts resolved: -crit/a",
        "5 hook first notification: warn/a",
    ];
    assert_eq!(stage.heard(), heard);
}

#[test]
fn a_target_told_before_its_source_came_is_closed_after_it() {
    let mut stage = Stage::new(config(ZONES));
    stage.at(0.0).push([alert("sev=warn zone=a")]);
    stage.at(2.0).push([alert("sev=crit zone=a")]);
    stage.at(4.0).push([between(0.0, 4.0, "sev=warn zone=a")]);
    stage.at(10.0).push([between(2.0, 10.0, "sev=crit zone=a")]);
    stage.at(30.0);
    let heard = [
        "1 hook first notification: warn/a",
        "3 hook first notification: crit/a",
        "11 hook all alerts resolved: -warn/a",
        "11 hook all alerts resolved: -crit/a",
    ];
    assert_eq!(stage.heard(), heard);
}

/// The stage's clock starts on a Monday at midnight.
const NIGHT: &str = "route:
  receiver: hook
  routes: [{matchers: [k=1], receiver: hook, mute_time_intervals: [night], group_wait: 1s, group_interval: 10m, repeat_interval: 1h},
    {matchers: [k=2], receiver: hook, active_time_intervals: [night], group_wait: 1s, group_interval: 10m, repeat_interval: 4h}]
receivers: [{name: hook, webhook_configs: [{url: 'http://hook'}]}]
time_intervals: [{name: night, time_intervals: [{times: [{start_time: '00:00', end_time: '01:00'}]}]}]";

#[test]
fn muted_and_inactive_routes_are_quiet() {
    let mut stage = Stage::new(config(NIGHT));
    stage.at(0.0).push([between(0.0, 9000.0, "k=1"), between(0.0, 9000.0, "k=2")]);
    let now = stage.now;
    let groups = stage.notifier.groups(now);
    let status = groups[0].alerts().next().unwrap().status();
    assert_eq!((groups[0].muted_by(), status.state), (vec!["night".to_owned()], AlertState::Suppressed));
    assert!(groups[1].muted_by().is_empty());
    assert_eq!(
        stage.notifier.alerts(now).next().unwrap().status().state,
        AlertState::Active,
        "alerts alone know no route"
    );
    stage.at(10_000.0);
    // The mute ends at 01:00, and is told then. The active interval ends too: the resolve waits for the next night.
    let heard = [
        "1 hook first notification: 2",
        "3600 hook first notification: 1",
        "7201 hook repeat interval elapsed: 1",
        "9001 hook all alerts resolved: -1",
    ];
    assert_eq!(stage.heard(), heard);
    let counts = stage.notifier.tally().suppressed;
    assert_eq!((counts.mute_time_interval, counts.active_time_interval), (6, 11));
    stage.at(90_000.0);
    assert_eq!(stage.heard(), ["86401 hook all alerts resolved: -2"]);
}

#[test]
fn an_integration_without_resolves_hears_of_the_next_fire() {
    let yaml = "route: {receiver: mail, group_by: [], group_wait: 1s, group_interval: 2s, repeat_interval: 1h}
receivers: [{name: mail, webhook_configs: [{url: 'http://m', send_resolved: false}]}]";
    let mut stage = Stage::new(config(yaml));
    stage.at(0.0).push([alert("i=1"), alert("i=2")]);
    stage.at(2.0).push([between(0.0, 2.0, "i=1")]);
    stage.at(4.0).push([from(4.0, "i=1")]);
    stage.at(6.0).push([between(4.0, 6.0, "i=1"), between(0.0, 6.0, "i=2")]);
    stage.at(8.0);
    assert_eq!(stage.notifier.group_count(), 0);
    stage.push([from(8.0, "i=2")]);
    stage.at(20.0);
    let heard = ["1 mail first notification: 1 2", "5 mail new alerts added: 1 2", "9 mail first notification: 2"];
    assert_eq!(stage.heard(), heard);
    let _ = t(0.0);
}
