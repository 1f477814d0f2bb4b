//! What survives a restart.

use super::bench::{Bench, alert, group, secs};
use crate::alerting::Restoration;
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
fn what_a_killed_process_had_sent_is_sent_once_more() {
    let mut bench = start();
    bench.run_to(61);
    assert_eq!(bench.sent().len(), 1);
    let mut bench = bench.restart(5, groups());
    bench.run_to(75);
    assert_eq!(bench.sent(), [r#"t+75 firing {alertname="A", job="a"} t+60..t+315"#]);
    bench.run_to(149);
    assert_eq!(bench.sent(), [""; 0]);
    bench.run_to(150);
    assert_eq!(bench.sent(), [r#"t+150 firing {alertname="A", job="a"} t+60..t+390"#]);
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
    bench.run_to(90);
    assert_eq!(bench.sent(), [r#"t+90 firing {alertname="A", job="a"} t+60..t+330"#]);
    bench.run_to(136);
    assert_eq!(bench.sent(), [r#"t+135 resolved {alertname="A", job="a"} t+60..t+135"#]);
    let mut bench = bench.restart(2, groups());
    bench.run_to(151);
    assert_eq!(bench.sent(), [r#"t+150 resolved {alertname="A", job="a"} t+60..t+135"#]);
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

/// A rule whose `for` is long enough to be worth a question, in a service that knows nothing of it.
fn without_records() -> (Bench, String) {
    let groups =
        vec![group("g", 60, [alert("A", "x").hold(3600).label("severity", "page").label("t", "{{ $value }}")])];
    let mut bench = Bench::new(groups.clone());
    bench.set("x", &["job=a 1", "job=b 1"]);
    let RuleGroup { rules, interval, .. } = &groups[0];
    let settings = Settings::default();
    let restoration = Restoration {
        ts: bench.zero,
        hold: secs(3600),
        interval: *interval,
        tolerance: settings.for_outage_tolerance,
        grace: settings.for_grace_period,
    };
    let query = restoration.query("A", &rules[0].labels);
    (bench, query)
}

#[test]
fn what_no_record_tells_is_asked_of_the_query_api() {
    let (mut bench, query) = without_records();
    let zero = bench.zero.as_secs_f64();
    let part = |name: &str, value: f64| {
        format!("alertname=A job=a severity=page t=1 __name__=ALERTS_FOR_STATE watchfire_part={name} {value}")
    };
    // Active for 50 minutes when it was last written, 5 minutes ago.
    let answer = [part("since", zero - 3300.0), part("last", zero - 300.0), part("seen", zero - 10.0)];
    bench.set(&query, &answer.each_ref().map(String::as_str));
    bench.run_to(0);
    let asked: Vec<_> = bench.queries.iter().map(|(expr, _)| expr.as_str()).collect();
    assert_eq!(asked, ["x", query.as_str()]);
    let written = bench.written();
    assert_eq!(written.len(), 4, "{written:?}");
    assert!(
        written[1].ends_with(&format!(
            "{{alertname=\"A\", job=\"a\", severity=\"page\", t=\"1\"}} {}",
            zero.floor() - 3000.0
        )),
        "{written:?}"
    );
    assert!(written[3].ends_with(&format!(" {}", zero.floor())), "b is new: {written:?}");
    bench.run_to(599);
    assert_eq!(bench.sent(), [""; 0]);
    bench.run_to(600);
    assert_eq!(bench.sent().len(), 1, "10 minutes were left");
    assert_eq!(bench.queries.iter().filter(|(expr, _)| *expr == query).count(), 1, "asked once");

    // From now on the records tell.
    let groups =
        vec![group("g", 60, [alert("A", "x").hold(3600).label("severity", "page").label("t", "{{ $value }}")])];
    let mut bench = bench.restart(60, groups);
    bench.run_to(800);
    assert!(bench.queries.iter().all(|(expr, _)| *expr == "x"), "{:?}", bench.queries);
    assert_eq!(bench.states().len(), 2);
}

#[test]
fn nothing_is_written_until_the_past_is_known() {
    let (mut bench, query) = without_records();
    bench.fail_for_now(&query, "busy");
    bench.run_to(60);
    assert_eq!((bench.written(), bench.alert_records()), (Vec::new(), 0), "the past is not overwritten");
    assert_eq!(bench.healths(), ["ok"]);
    bench.run_to(120);
    assert_eq!((bench.written().len(), bench.alert_records()), (4, 2), "the third failure is the last");
    assert!(bench.log.iter().any(|line| line.text.contains("could not be queried: busy")), "{:?}", bench.log);
    bench.run_to(180);
    assert_eq!(bench.queries.iter().filter(|(expr, _)| *expr == query).count(), 3);
}

#[test]
fn a_reload_does_not_stop_the_inquiry() {
    let (mut bench, query) = without_records();
    bench.fail_for_now(&query, "busy");
    bench.run_to(0);
    let rule = alert("A", "x").hold(3600).label("severity", "page").label("t", "{{ $value }}").note("new", "text");
    bench.reload(vec![group("g", 60, [rule])]);
    assert_eq!(bench.alert_records(), 0, "what is not known yet is not recorded");
    bench.set(&query, &[]);
    bench.run_to(60);
    assert_eq!((bench.alert_records(), bench.queries.iter().filter(|(expr, _)| *expr == query).count()), (2, 2));
}

#[test]
fn short_timers_and_groups_added_later_ask_for_no_past() {
    let mut bench = Bench::new(vec![group("g", 60, [alert("A", "x").hold(599)])]);
    bench.set("x", &["job=a 1"]);
    bench.set("y", &["job=a 1"]);
    bench.run_to(60);
    bench.reload(vec![group("g", 60, [alert("A", "x").hold(599)]), group("h", 60, [alert("B", "y").hold(3600)])]);
    bench.run_to(180);
    assert!(bench.queries.iter().all(|(expr, _)| expr == "x" || expr == "y"), "{:?}", bench.queries);
}
