//! Groups with vmalert's fields: their slots, the instants they ask for, how many rules are at work.

use super::bench::*;
use crate::rule::Pace;

#[test]
fn queries_of_an_aligned_group_are_for_whole_multiples_of_the_interval() {
    let mut spec = group("g", 60, [record("r", "up")]);
    spec.query_offset = secs(30);
    spec.pace = Pace { is_aligned: true, ..Pace::default() };
    let mut bench = Bench::new(vec![spec]);
    bench.run_to(0);
    let (_, at) = bench.queries.last().cloned().expect("a query");
    assert_eq!(at.as_millis() % 60_000, 0);
    let before = bench.zero.minus(secs(30)).since(at);
    assert!(before < secs(60), "{before:?}");
}

#[test]
fn a_group_at_an_offset_is_evaluated_exactly_then() {
    let mut spec = group("g", 3600, [record("r", "up")]);
    spec.pace = Pace { offset: Some(secs(600)), ..Pace::default() };
    let mut bench = Bench::new(vec![spec]);
    bench.run_to(0);
    let (_, at) = bench.queries.last().cloned().expect("a query");
    assert_eq!((at.as_millis() % 3_600_000, at), (600_000, bench.zero));
}

#[test]
fn a_group_with_a_concurrency_of_its_own_does_not_exceed_it() {
    for (concurrency, open) in [(Some(1), 1), (Some(2), 2), (None, 3)] {
        let mut spec = group("g", 60, [record("a", "x"), record("b", "y"), record("c", "z")]);
        spec.pace = Pace { concurrency, ..Pace::default() };
        let mut bench = Bench::new(vec![spec]);
        bench.hold_back = true;
        bench.run_to(0);
        assert_eq!(bench.open_queries.len(), open, "{concurrency:?}");
    }
}

#[test]
fn a_group_that_is_debugged_logs_every_evaluation() {
    for is_logged in [false, true] {
        let mut spec = group("g", 60, [record("r", "up")]);
        spec.pace = Pace { is_logged, ..Pace::default() };
        let mut bench = Bench::new(vec![spec]);
        bench.run_to(0);
        let told = bench.log.iter().filter(|line| line.text.starts_with("evaluated for ")).count();
        assert_eq!(told, usize::from(is_logged));
    }
}
