//! What follows what: rules in a group, groups beside each other, slots, the end.

use super::bench::{Bench, alert, group, record, secs};
use crate::sample::QueryAnswer;

#[test]
fn in_order_the_next_rule_is_asked_once_the_samples_of_the_one_before_are_stored() {
    let mut bench = Bench::in_order(vec![group("g", 15, [record("r", "x"), record("s", "none"), alert("A", "r")])]);
    bench.hold_back = true;
    bench.run_to(0);
    let (x, expr) = bench.open_queries.pop_front().unwrap();
    assert_eq!((expr.as_str(), bench.open_queries.len()), ("x", 0));
    bench.set("x", &["1"]);
    bench.answer(x, bench.table("x"));
    assert_eq!((bench.open_queries.len(), bench.open_writes.len()), (0, 1), "waits for the write");
    let write = bench.open_writes.pop_front().unwrap();
    bench.report(write, Ok(()));
    let (none, _) = bench.open_queries.pop_front().unwrap();
    bench.answer(none, Ok(QueryAnswer::vector(vec![])));
    assert_eq!(
        bench.open_queries.front().map(|(_, expr)| expr.as_str()),
        Some("r"),
        "nothing to write, nothing to wait for"
    );
    let ats: Vec<_> = bench.queries.iter().map(|(_, at)| *at).collect();
    assert_eq!(ats, [bench.zero; 3], "all at the same instant");
}

#[test]
fn groups_do_not_wait_for_each_other() {
    let mut bench = Bench::new(vec![group("a", 15, [alert("A", "x")]), group("b", 15, [alert("B", "y")])]);
    bench.hold_back = true;
    bench.run_to(14);
    let mut open: Vec<_> = bench.open_queries.iter().map(|(_, expr)| expr.as_str()).collect();
    open.sort_unstable();
    assert_eq!(open, ["x", "y"]);
}

#[test]
fn a_slow_group_misses_slots_and_says_so() {
    let mut bench = Bench::new(vec![group("g", 10, [alert("A", "x")])]);
    bench.hold_back = true;
    bench.run_to(35);
    let (id, _) = bench.open_queries.pop_front().unwrap();
    bench.answer(id, bench.table("x"));
    bench.run_to(39);
    assert_eq!(bench.queries.iter().map(|(_, at)| bench.at(*at)).collect::<Vec<_>>(), ["t+0", "t+30"]);
    let view = bench.engine.groups().next().unwrap();
    let tally = view.tally();
    assert_eq!((tally.iterations, tally.iterations_missed, tally.evaluations), (4, 2, 2));
    assert_eq!((view.status().evaluation_time, view.status().last_evaluation), (secs(35), Some(bench.zero)));
    let rule = view.rules().next().unwrap().status();
    assert_eq!((rule.evaluation_time, rule.last_evaluation), (secs(35), Some(bench.zero)));
    assert_eq!(bench.engine.tally().rule_times.sum, secs(35));
}

#[test]
fn an_answer_that_never_comes_is_given_up() {
    let mut bench = Bench::in_order(vec![group("g", 15, [alert("A", "x"), alert("B", "y")])]);
    bench.hold_back = true;
    bench.run_to(124);
    assert_eq!(bench.queries.len(), 1);
    bench.run_to(126);
    assert_eq!(bench.healths(), ["err: no answer before the deadline", "unknown"]);
    assert_eq!(bench.queries.len(), 2, "the next rule has its turn");
    let (late, _) = bench.open_queries.pop_front().unwrap();
    bench.set("x", &["1"]);
    bench.answer(late, bench.table("x"));
    assert_eq!(bench.states(), [""; 0], "a late answer is ignored");
    assert_eq!(bench.engine.in_flight(), 1);
}

#[test]
fn a_write_that_is_never_reported_is_given_up() {
    let mut bench = Bench::in_order(vec![group("g", 15, [record("r", "x"), alert("B", "y")])]);
    bench.hold_back = true;
    bench.run_to(0);
    bench.set("x", &["1"]);
    let (id, _) = bench.open_queries.pop_front().unwrap();
    bench.answer(id, bench.table("x"));
    bench.run_to(36);
    assert_eq!(bench.healths(), ["err: writing its samples failed: no report before the deadline", "unknown"]);
    assert_eq!(bench.queries.len(), 2);
}

#[test]
fn after_stop_a_rule_may_end_but_none_begins() {
    let mut bench = Bench::in_order(vec![group("g", 15, [alert("A", "x"), alert("B", "x")])]);
    bench.hold_back = true;
    bench.run_to(0);
    bench.engine.stop();
    assert!(!bench.engine.is_idle());
    bench.set("x", &["1"]);
    let (id, _) = bench.open_queries.pop_front().unwrap();
    bench.answer(id, bench.table("x"));
    assert_eq!(bench.sent().len(), 1);
    let write = bench.open_writes.pop_front().unwrap();
    bench.report(write, Ok(()));
    assert!(bench.engine.is_idle() && bench.open_queries.is_empty());
    assert_eq!(bench.engine.next_wake(), None);
}

#[test]
fn a_clock_set_back_does_not_stop_evaluations() {
    let mut bench = Bench::new(vec![group("g", 15, [alert("A", "x")])]);
    bench.set("x", &["1"]);
    bench.run_to(30);
    bench.now = bench.now.minus(secs(3600));
    bench.advance();
    let wake = bench.engine.next_wake().unwrap();
    assert!(wake > bench.now && wake <= bench.now.plus(secs(15)));
    bench.now = wake;
    bench.advance();
    assert_eq!(bench.healths(), ["ok"]);
    assert_eq!(bench.states(), [r#"firing {alertname="A"}"#]);
}

#[test]
fn an_empty_group_is_harmless() {
    let mut bench = Bench::new(vec![group("g", 15, [])]);
    bench.run_to(60);
    assert_eq!(bench.engine.groups().next().unwrap().tally().iterations, 5);
}
