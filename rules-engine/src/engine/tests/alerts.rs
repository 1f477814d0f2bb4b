//! One rule's alerts over time: when they fire, are sent, repeated and resolved.

use super::bench::{Bench, alert, group, labels, secs};
use crate::engine::Settings;

fn no_writes() -> Settings {
    Settings::default()
}

#[test]
fn fires_after_for_is_repeated_each_75_s_and_resolved_once() {
    let mut bench = Bench::with(no_writes(), vec![group("g", 15, [alert("A", "up == 0").hold(30)])]);
    bench.set("up == 0", &["__name__=up job=a 0"]);
    bench.run_to(29);
    assert_eq!(bench.states(), [r#"pending {alertname="A", job="a"}"#]);
    assert_eq!(bench.sent(), [""; 0]);
    bench.run_to(190);
    assert_eq!(
        bench.sent(),
        [
            r#"t+30 firing {alertname="A", job="a"} t+30..t+270"#,
            r#"t+105 firing {alertname="A", job="a"} t+30..t+345"#,
            r#"t+180 firing {alertname="A", job="a"} t+30..t+420"#,
        ]
    );
    bench.set("up == 0", &[]);
    bench.run_to(300);
    assert_eq!(bench.states(), [r#"inactive {alertname="A", job="a"}"#]);
    assert_eq!(
        bench.sent(),
        [
            r#"t+195 resolved {alertname="A", job="a"} t+30..t+195"#,
            r#"t+270 resolved {alertname="A", job="a"} t+30..t+195"#,
        ]
    );
    // Kept and told for 15 minutes after t+195, dropped at the first evaluation after them.
    bench.run_to(1095);
    assert_eq!((bench.sent().len(), bench.states().len(), bench.alert_records()), (11, 1, 1));
    bench.run_to(1110);
    assert_eq!((bench.sent().len(), bench.states().len(), bench.alert_records()), (0, 0, 0));
}

#[test]
fn a_long_interval_makes_alerts_valid_longer() {
    let mut bench = Bench::with(no_writes(), vec![group("g", 120, [alert("A", "x")])]);
    bench.set("x", &["1"]);
    bench.run_to(120);
    assert_eq!(
        bench.sent(),
        [r#"t+0 firing {alertname="A"} t+0..t+480"#, r#"t+120 firing {alertname="A"} t+0..t+600"#]
    );
}

#[test]
fn a_pending_alert_that_goes_leaves_nothing() {
    let mut bench = Bench::new(vec![group("g", 15, [alert("A", "x").hold(30)])]);
    bench.set("x", &["1"]);
    bench.run_to(15);
    assert_eq!((bench.states().len(), bench.alert_records()), (1, 1));
    bench.set("x", &[]);
    bench.run_to(30);
    assert_eq!((bench.states().len(), bench.alert_records(), bench.sent().len()), (0, 0, 0));
    bench.set("x", &["1"]);
    bench.run_to(60);
    assert_eq!(bench.states(), [r#"pending {alertname="A"}"#], "`for` starts anew");
}

#[test]
fn keep_firing_for_bridges_a_gap() {
    let mut bench =
        Bench::with(no_writes(), vec![group("g", 15, [alert("A", "x").keep(40).note("v", "{{ $value }}")])]);
    bench.set("x", &["job=a 1"]);
    bench.run_to(0);
    bench.set("x", &[]);
    bench.run_to(45);
    assert_eq!(bench.states(), [r#"firing {alertname="A", job="a"}"#]);
    bench.set("x", &["job=a 2"]);
    bench.run_to(60);
    bench.set("x", &[]);
    bench.run_to(110);
    assert_eq!(bench.states(), [r#"firing {alertname="A", job="a"}"#]);
    let instance = bench.engine.groups().next().unwrap().rules().next().unwrap().alerts().next().unwrap();
    assert_eq!((instance.value, instance.annotations.get("v")), (2.0, Some("2")), "frozen while kept");
    bench.run_to(120);
    assert_eq!(
        bench.sent(),
        [
            r#"t+0 firing {alertname="A", job="a"} t+0..t+240"#,
            r#"t+75 firing {alertname="A", job="a"} t+0..t+315"#,
            r#"t+120 resolved {alertname="A", job="a"} t+0..t+120"#,
        ]
    );
}

#[test]
fn an_alert_that_comes_back_starts_over() {
    let mut bench = Bench::with(no_writes(), vec![group("g", 15, [alert("A", "x").hold(15)])]);
    bench.set("x", &["1"]);
    bench.run_to(15);
    bench.set("x", &[]);
    bench.run_to(30);
    bench.set("x", &["1"]);
    bench.run_to(45);
    assert_eq!(bench.states(), [r#"pending {alertname="A"}"#]);
    bench.run_to(60);
    assert_eq!(
        bench.sent(),
        [
            r#"t+15 firing {alertname="A"} t+15..t+255"#,
            r#"t+30 resolved {alertname="A"} t+15..t+30"#,
            r#"t+60 firing {alertname="A"} t+60..t+300"#,
        ]
    );
}

#[test]
fn labels_of_rule_and_service_take_their_places() {
    let settings = Settings {
        external_labels: labels("cluster=c severity=external"),
        external_url: "https://rules.example/".to_owned(),
        ..no_writes()
    };
    let rule = alert("A", "x > 1").label("severity", "page").label("job", "").label("alertname", "B");
    let mut bench = Bench::with(settings, vec![group("g", 15, [rule])]);
    bench.set("x > 1", &["__name__=x job=a severity=sample zone=z 2"]);
    bench.run_to(0);
    let (_, alert) = bench.sent.first().expect("it fires");
    assert_eq!(alert.labels.to_string(), r#"{alertname="A", cluster="c", severity="page", zone="z"}"#);
    assert_eq!(&*alert.generator_url, "https://rules.example/graph?g0.expr=x+%3E+1&g0.tab=1");
}

#[test]
fn a_failed_query_changes_and_sends_nothing() {
    for resend_on_error in [false, true] {
        let settings = Settings { resend_on_error, ..no_writes() };
        let mut bench = Bench::with(settings, vec![group("g", 15, [alert("A", "x")])]);
        bench.set("x", &["1"]);
        bench.run_to(0);
        bench.sent();
        bench.fail("x", "connection refused");
        bench.run_to(100);
        assert_eq!(bench.states(), [r#"firing {alertname="A"}"#]);
        assert_eq!(bench.healths(), ["err: connection refused"]);
        let resent = [r#"t+75 firing {alertname="A"} t+0..t+315"#];
        assert_eq!(bench.sent(), &resent[..usize::from(resend_on_error)]);
        assert_eq!(bench.log.len(), 1, "told once, not each time: {:?}", bench.log);
    }
}

#[test]
fn two_series_with_the_same_labels_fail_the_evaluation() {
    let mut bench = Bench::new(vec![group("g", 15, [alert("A", "x").label("job", "all")])]);
    bench.set("x", &["job=a 1"]);
    bench.run_to(0);
    bench.sent();
    bench.set("x", &["job=a 1", "job=b 1"]);
    bench.written();
    bench.run_to(90);
    assert_eq!(bench.healths(), ["err: vector contains metrics with the same labelset after applying alert labels"]);
    assert_eq!(bench.states(), [r#"firing {alertname="A", job="all"}"#]);
    assert_eq!((bench.sent().len(), bench.written().len()), (0, 0));
    bench.set("x", &["job=b 1"]);
    bench.run_to(105);
    assert_eq!(bench.healths(), ["ok"]);
    assert_eq!(bench.states(), [r#"firing {alertname="A", job="all"}"#], "another series, the same alert");
}

#[test]
fn a_limit_drops_the_rules_alerts_as_in_prometheus() {
    let mut limited = group("g", 15, [alert("A", "x").hold(30)]);
    limited.limit = 1;
    let mut bench = Bench::new(vec![limited]);
    bench.set("x", &["job=a 1"]);
    bench.run_to(30);
    assert_eq!(bench.sent().len(), 1);
    bench.set("x", &["job=a 1", "job=b 1"]);
    bench.run_to(45);
    assert_eq!(bench.healths(), ["err: exceeded limit of 1 with 2 alerts"]);
    assert_eq!((bench.states().len(), bench.sent().len(), bench.alert_records()), (0, 0, 0));
    bench.set("x", &["job=a 1"]);
    bench.run_to(60);
    assert_eq!(bench.states(), [r#"pending {alertname="A", job="a"}"#], "`for` starts anew");
    assert_eq!(bench.engine.tally().limit_breaches, 1);
}

/// Answers of 50 MB for one rule kept all others waiting for seconds while alerts were made that the limit then dropped.
#[test]
fn a_result_far_beyond_the_limit_is_not_rendered() {
    let mut limited = group("g", 15, [alert("A", "x").note("v", "{{ $value }}")]);
    limited.limit = 1;
    let mut bench = Bench::new(vec![limited]);
    bench.set("x", &["job=a 1"]);
    bench.run_to(0);
    let series: Vec<String> = (0..1002).map(|n| format!("job={n} 1")).collect();
    bench.set("x", &series.iter().map(String::as_str).collect::<Vec<_>>());
    bench.run_to(15);
    assert_eq!(bench.healths(), ["err: exceeded limit of 1 with 1002 alerts"]);
    assert_eq!((bench.states().len(), bench.alert_records()), (0, 0));
    let tally = bench.engine.tally();
    assert_eq!((tally.limit_breaches, tally.template_expansions), (1, 1));
}

#[test]
fn a_changed_resend_delay_counts_at_once() {
    let groups = || vec![group("g", 10, [alert("A", "x")])];
    let mut bench = Bench::with(no_writes(), groups());
    bench.set("x", &["1"]);
    bench.run_to(5);
    bench.sent();
    bench.reload_with(Settings { resend_delay: secs(5), ..no_writes() }, groups());
    bench.run_to(20);
    assert_eq!(bench.sent(), [r#"t+10 firing {alertname="A"} t+0..t+50"#, r#"t+20 firing {alertname="A"} t+0..t+60"#]);
}
