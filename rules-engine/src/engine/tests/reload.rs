//! What a reload keeps, ends and leaves alone.

use super::bench::{Bench, alert, group, labels, record, secs};
use crate::engine::Settings;

#[test]
fn an_unchanged_group_goes_on_in_the_middle_of_an_evaluation() {
    let groups = || vec![group("g", 15, [alert("A", "x")])];
    let mut bench = Bench::new(groups());
    bench.hold_back = true;
    bench.run_to(0);
    let mut more = groups();
    more.insert(0, group("a", 15, [alert("B", "y")]));
    bench.reload(more);
    bench.set("x", &["1"]);
    let (id, _) = bench.open_queries.pop_front().unwrap();
    bench.answer(id, bench.table("x"));
    assert_eq!(bench.sent().len(), 1);
    assert_eq!(bench.engine.groups().map(|g| g.key().to_string()).collect::<Vec<_>>(), ["rules.yml;a", "rules.yml;g"]);
}

#[test]
fn changes_of_expr_for_and_annotations_keep_alerts() {
    let mut bench = Bench::with(Settings::default(), vec![group("g", 15, [alert("A", "x")])]);
    bench.set("x", &["job=a 1"]);
    bench.set("x or y", &["job=a 1"]);
    bench.run_to(5);
    bench.sent();
    bench.reload(vec![group("g", 15, [alert("A", "x or y").keep(30).note("new", "{{ $labels.job }}")])]);
    assert_eq!(bench.states(), [r#"firing {alertname="A", job="a"}"#]);
    bench.run_to(80);
    let annotations = bench.sent[0].1.annotations.clone();
    assert_eq!(bench.sent(), [r#"t+75 firing {alertname="A", job="a"} t+0..t+315"#], "the slots go on, nothing is new");
    assert_eq!(annotations.get("new"), Some("a"));
}

#[test]
fn a_raised_for_sends_a_firing_alert_back_to_pending() {
    let mut bench = Bench::with(Settings::default(), vec![group("g", 15, [alert("A", "x")])]);
    bench.set("x", &["1"]);
    bench.run_to(5);
    bench.reload(vec![group("g", 15, [alert("A", "x").hold(60)])]);
    bench.run_to(15);
    assert_eq!(bench.states(), [r#"pending {alertname="A"}"#]);
}

#[test]
fn a_changed_label_resolves_the_old_alert() {
    let mut bench = Bench::new(vec![group("g", 15, [alert("A", "x").label("severity", "warn")])]);
    bench.set("x", &["1"]);
    bench.run_to(5);
    bench.sent();
    bench.written();
    bench.reload(vec![group("g", 15, [alert("A", "x").label("severity", "page")])]);
    assert_eq!(bench.sent(), [r#"t+5 resolved {alertname="A", severity="warn"} t+0..t+5"#]);
    bench.run_to(45);
    assert_eq!(bench.sent(), [r#"t+15 firing {alertname="A", severity="page"} t+15..t+255"#]);
    let ended: Vec<String> = bench.written().into_iter().filter(|line| line.ends_with("stale")).collect();
    assert_eq!(
        ended,
        [
            r#"t+15 ALERTS{alertname="A", alertstate="firing", severity="warn"} stale"#,
            r#"t+15 ALERTS_FOR_STATE{alertname="A", severity="warn"} stale"#,
        ]
    );
    assert_eq!(bench.alert_records(), 1);
}

#[test]
fn a_removed_group_resolves_at_once_and_ends_its_series_after_two_intervals() {
    let keeps = || group("z", 15, [alert("Z", "none")]);
    let mut bench = Bench::new(vec![group("g", 20, [alert("A", "x"), record("r", "x")]), keeps()]);
    bench.set("x", &["1"]);
    bench.run_to(25);
    let reloaded_ms = bench.now.as_millis();
    bench.sent();
    bench.writes.clear();
    bench.reload(vec![keeps()]);
    assert_eq!(bench.sent().len(), 1);
    bench.run_to(64);
    assert!(bench.writes.is_empty());
    bench.run_to(66);
    let markers = std::mem::take(&mut bench.writes);
    assert_eq!(markers.len(), 1);
    assert_eq!(markers[0].len(), 3);
    assert!(markers[0].iter().all(|sample| sample.is_stale_marker() && sample.timestamp_ms == reloaded_ms));
    assert!(bench.records.keys().all(|key| key.starts_with("group/")), "{:?}", bench.records.keys());
    assert_eq!(bench.records.len(), 1);
}

#[test]
fn a_renamed_group_takes_its_rules_along() {
    let rules = || [alert("A", "x").hold(30), record("r", "x")];
    let mut bench = Bench::new(vec![group("old", 15, rules())]);
    bench.set("x", &["job=a 1"]);
    bench.run_to(31);
    bench.sent();
    let before: Vec<String> = bench.records.keys().cloned().collect();
    bench.reload(vec![group("new", 15, rules())]);
    assert_eq!(bench.alert_records(), 1);
    assert!(before.iter().all(|key| !bench.records.contains_key(key)), "the records have moved too");
    assert_eq!(bench.states(), [r#"firing {alertname="A", job="a"}"#]);
    bench.writes.clear();
    bench.run_to(75);
    assert!(bench.sent().is_empty());
    assert!(bench.writes.iter().flatten().all(|sample| !sample.is_stale_marker()));
    let bench = bench.restart(1, vec![group("new", 15, rules())]);
    assert_eq!(bench.states(), [r#"firing {alertname="A", job="a"}"#]);
    assert_eq!(bench.records.len(), 2, "one alert, one group");
}

#[test]
fn an_alert_that_another_rule_fires_too_is_not_resolved() {
    let one = || group("one", 15, [alert("A", "x")]);
    let two = || group("two", 15, [alert("A", "x").note("other", "rule"), alert("B", "y")]);
    let mut bench = Bench::with(Settings::default(), vec![one(), two()]);
    bench.set("x", &["job=a 1"]);
    bench.run_to(20);
    bench.sent();
    bench.reload(vec![two()]);
    assert_eq!(bench.sent(), [""; 0]);
}

#[test]
fn of_equal_rules_the_first_inherits_from_the_first() {
    let mut bench = Bench::with(Settings::default(), vec![group("g", 15, [alert("A", "x"), alert("A", "y")])]);
    bench.set("x", &["job=x 1"]);
    bench.set("y", &["job=y 1"]);
    bench.run_to(5);
    bench.sent();
    bench.reload(vec![group("g", 15, [alert("A", "y")])]);
    assert_eq!(bench.states(), [r#"firing {alertname="A", job="x"}"#]);
    assert_eq!(bench.sent(), [r#"t+5 resolved {alertname="A", job="y"} t+0..t+5"#]);
}

#[test]
fn a_reload_in_the_middle_of_an_evaluation_drops_the_answer() {
    let mut bench = Bench::new(vec![group("g", 15, [record("r", "x")])]);
    bench.set("x", &["1"]);
    bench.hold_back = true;
    bench.run_to(0);
    bench.reload(vec![group("g", 15, [record("r", "y"), alert("A", "x")])]);
    assert!(bench.engine.is_idle());
    let (id, _) = bench.open_queries.pop_front().unwrap();
    bench.answer(id, bench.table("x"));
    assert!(bench.open_writes.is_empty());
    bench.hold_back = false;
    bench.run_to(15);
    assert_eq!(bench.healths(), ["ok", "ok"]);
}

#[test]
fn a_reload_during_a_write_still_ends_what_was_written() {
    let mut bench = Bench::new(vec![group("g", 15, [record("r", "x")])]);
    bench.set("x", &["job=a 1"]);
    bench.hold_back = true;
    bench.run_to(0);
    let (id, _) = bench.open_queries.pop_front().unwrap();
    bench.answer(id, bench.table("x"));
    bench.reload(vec![group("g", 15, [record("r", "y")])]);
    bench.hold_back = false;
    bench.written();
    bench.run_to(15);
    assert_eq!(bench.written(), [r#"t+15 r{job="a"} stale"#]);
}

#[test]
fn new_external_labels_reach_unchanged_rules() {
    let groups = || vec![group("g", 15, [alert("A", "x").note("u", "{{ $externalURL }}{{ $externalLabels.dc }}")])];
    let mut bench = Bench::with(Settings::default(), groups());
    bench.set("x", &["1"]);
    bench.run_to(5);
    bench.sent();
    let settings = Settings {
        external_labels: labels("dc=two"),
        external_url: "http://two".to_owned(),
        resend_delay: secs(1),
        ..Settings::default()
    };
    bench.reload_with(settings, groups());
    bench.run_to(15);
    let (_, alert) = &bench.sent[0];
    assert_eq!((alert.labels.get("dc"), alert.annotations.get("u")), (Some("two"), Some("http://twotwo")));
    assert!(alert.generator_url.starts_with("http://two/graph"));
}

#[test]
fn counters_and_status_survive_a_reload() {
    let mut bench = Bench::with(Settings::default(), vec![group("g", 15, [alert("A", "x"), alert("B", "x")])]);
    bench.run_to(20);
    bench.reload(vec![group("g", 30, [alert("A", "x"), alert("B", "y")])]);
    let view = bench.engine.groups().next().unwrap();
    assert_eq!(view.tally().iterations, 2);
    assert!(view.status().last_evaluation.is_some());
    assert_eq!(bench.healths(), ["ok", "unknown"]);
}

#[test]
fn a_group_given_twice_is_taken_once() {
    let mut bench = Bench::new(vec![group("g", 15, [alert("A", "x")]), group("g", 15, [alert("B", "x")])]);
    bench.set("x", &["1"]);
    bench.run_to(5);
    assert_eq!(bench.states(), [r#"firing {alertname="A"}"#]);
    bench.reload(vec![group("g", 15, [alert("A", "x")]), group("g", 15, [alert("B", "x")])]);
    assert_eq!(bench.states(), [r#"firing {alertname="A"}"#]);
    assert_eq!(bench.log.len(), 2);
}

#[test]
fn a_series_that_another_rule_goes_on_with_has_not_ended() {
    let old = || record("r", "x").label("a", "1");
    for groups in [
        // in the same group, and in another one
        vec![group("g", 15, [record("r", "y")])],
        vec![group("h", 15, [record("r", "y")])],
    ] {
        let mut bench = Bench::new(vec![group("g", 15, [old()])]);
        bench.set("x", &["1"]);
        bench.set("y", &["a=1 1"]);
        bench.run_to(5);
        bench.reload(groups);
        bench.run_to(60);
        let written = bench.written();
        assert!(written.len() > 3 && written.iter().all(|line| line.ends_with(r#"r{a="1"} 1"#)), "{written:?}");
    }
}

#[test]
fn markers_that_could_not_be_written_are_told_of_even_after_another_reload() {
    let mut bench = Bench::new(vec![group("g", 15, [record("r", "x")])]);
    bench.set("x", &["1"]);
    bench.run_to(5);
    bench.reload(vec![group("g", 15, [record("s", "none")])]);
    bench.hold_back = true;
    bench.run_to(15);
    let (id, _) = bench.open_queries.pop_front().unwrap();
    bench.answer(id, bench.table("none"));
    let write = bench.open_writes.pop_front().expect("the marker of r");
    bench.reload(vec![]);
    assert!(!bench.engine.is_idle());
    bench.report(write, Err("refused".to_owned()));
    assert!(bench.engine.is_idle());
    assert!(bench.log.iter().any(|line| line.text.contains("could not be marked: refused")), "{:?}", bench.log);
}

#[test]
fn a_reload_of_a_busy_group_costs_no_slot() {
    let mut bench = Bench::in_order(vec![group("g", 15, [alert("A", "x")])]);
    bench.hold_back = true;
    bench.run_to(20);
    bench.reload(vec![group("g", 15, [alert("A", "x"), alert("B", "x")])]);
    bench.run_to(20);
    assert_eq!(bench.queries.iter().map(|(_, at)| bench.at(*at)).collect::<Vec<_>>(), ["t+0", "t+15"]);
}
