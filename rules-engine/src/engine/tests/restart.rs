//! What survives a restart.

use super::bench::{Bench, alert, group, secs};
use crate::engine::Settings;
use crate::rule::RuleGroup;

fn groups() -> Vec<RuleGroup> {
    vec![group("g", 15, [alert("A", "x").hold(60).keep(60).note("v", "{{ $value }}")])]
}

fn start() -> Bench {
    let mut bench = Bench::with(Settings::default(), groups());
    bench.set("x", &["job=a 1"]);
    bench
}

#[test]
fn for_goes_on_over_a_restart() {
    let mut bench = start();
    bench.run_to(31);
    let mut bench = bench.restart(4, groups());
    assert_eq!(bench.states(), [r#"pending {alertname="A", job="a"}"#], "known before the first evaluation");
    bench.run_to(60);
    assert_eq!(bench.sent(), [r#"t+60 firing {alertname="A", job="a"} t+60..t+300"#]);
}

#[test]
fn after_a_long_downtime_pending_starts_anew_and_firing_goes_on() {
    let mut bench = start();
    bench.run_to(31);
    let mut bench = bench.restart(3600, groups());
    assert_eq!((bench.states().len(), bench.alert_records()), (0, 0));
    bench.run_to(3660);
    assert_eq!(bench.states(), [r#"pending {alertname="A", job="a"}"#]);
    bench.run_to(3800);
    bench.sent();
    let mut bench = bench.restart(5000, groups());
    assert_eq!(bench.states(), [r#"firing {alertname="A", job="a"}"#]);
    bench.run_to(8820);
    let sent = bench.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(sent[0].contains("firing") && sent[0].contains(" t+3705.."), "as it was: {sent:?}");
}

#[test]
fn nothing_is_sent_twice_because_of_a_restart() {
    let mut bench = start();
    bench.run_to(61);
    assert_eq!(bench.sent().len(), 1);
    let mut bench = bench.restart(5, groups());
    bench.run_to(134);
    assert_eq!(bench.sent(), [""; 0]);
    bench.run_to(135);
    assert_eq!(bench.sent(), [r#"t+135 firing {alertname="A", job="a"} t+60..t+375"#]);
}

#[test]
fn what_was_resolved_during_the_downtime_is_resolved() {
    let mut bench = start();
    bench.run_to(61);
    let mut bench = bench.restart(600, groups());
    bench.set("x", &[]);
    bench.run_to(730);
    assert_eq!(
        bench.sent(),
        [
            // Kept firing for a minute from the first evaluation without it.
            r#"t+675 firing {alertname="A", job="a"} t+60..t+915"#,
            r#"t+735 resolved {alertname="A", job="a"} t+60..t+735"#,
        ][..1]
    );
    bench.run_to(735);
    assert_eq!(bench.sent(), [r#"t+735 resolved {alertname="A", job="a"} t+60..t+735"#]);
}

#[test]
fn keeping_and_resolved_alerts_go_on() {
    let mut bench = start();
    bench.run_to(61);
    bench.set("x", &[]);
    bench.run_to(80);
    bench.sent();
    let mut bench = bench.restart(2, groups());
    let instance = bench.engine.groups().next().unwrap().rules().next().unwrap().instances()[0].clone();
    assert_eq!((instance.value, instance.annotations.get("v")), (1.0, Some("1")));
    assert_eq!(instance.course.keep_firing_since, Some(bench.zero.plus(secs(75))));
    bench.run_to(136);
    assert_eq!(bench.sent(), [r#"t+135 resolved {alertname="A", job="a"} t+60..t+135"#]);
    let mut bench = bench.restart(2, groups());
    bench.run_to(211);
    assert_eq!(bench.sent(), [r#"t+210 resolved {alertname="A", job="a"} t+60..t+135"#]);
    bench.run_to(1100);
    assert_eq!((bench.states().len(), bench.alert_records()), (0, 0));
}

#[test]
fn alerts_of_rules_that_are_gone_are_resolved_and_forgotten() {
    let mut bench = start();
    bench.run_to(61);
    bench.set("y", &["job=b 1"]);
    let bench = bench.restart(10, vec![group("g", 15, [alert("Other", "y")])]);
    let mut bench = bench;
    assert_eq!(bench.sent(), [r#"t+71 resolved {alertname="A", job="a"} t+60..t+71"#]);
    assert_eq!(bench.alert_records(), 0);
    let bench = bench.restart(10, vec![]);
    assert_eq!(bench.records.len(), 0, "no group, no record");
}

#[test]
fn a_rule_that_moved_to_another_file_during_the_downtime_goes_on() {
    let mut bench = start();
    bench.run_to(61);
    let mut moved = groups();
    moved[0].file = "other.yml".to_owned();
    let mut bench = bench.restart(10, moved.clone());
    assert_eq!((bench.sent().len(), bench.alert_records()), (0, 1));
    assert_eq!(bench.states(), [r#"firing {alertname="A", job="a"}"#]);
    let bench = bench.restart(10, moved);
    assert_eq!(bench.states(), [r#"firing {alertname="A", job="a"}"#], "under its new key");
}

#[test]
fn equal_rules_get_their_own_back() {
    let groups = || vec![group("g", 15, [alert("A", "x"), alert("A", "y"), alert("A", "z")])];
    let mut bench = Bench::with(Settings::default(), groups());
    bench.set("x", &["job=x 1"]);
    bench.set("z", &["job=z 1"]);
    bench.run_to(0);
    let bench = bench.restart(5, groups());
    let rules = bench.engine.groups().next().unwrap();
    let of = |place: usize| {
        rules.rules().nth(place).unwrap().instances().iter().map(|i| i.labels.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of(0), [r#"{alertname="A", job="x"}"#]);
    assert_eq!(of(1), [""; 0]);
    assert_eq!(of(2), [r#"{alertname="A", job="z"}"#]);
}
