//! What is written: recorded series, the series that show alerts, and markers of those that have ended.

use super::bench::{Bench, alert, group, record, secs};
use model::Timestamp;

use super::bench::labels;
use crate::engine::{Effect, Engine, Settings};
use crate::sample::QueryAnswer;

#[test]
fn an_alerts_series_follow_its_state() {
    let mut bench = Bench::new(vec![group("g", 15, [alert("A", "x").hold(15).label("severity", "page")])]);
    bench.set("x", &["job=a 5"]);
    let since = bench.zero.as_millis().div_euclid(1000);
    bench.run_to(15);
    bench.set("x", &[]);
    bench.run_to(45);
    assert_eq!(
        bench.written(),
        [
            r#"t+0 ALERTS{alertname="A", alertstate="pending", job="a", severity="page"} 1"#.to_owned(),
            format!(r#"t+0 ALERTS_FOR_STATE{{alertname="A", job="a", severity="page"}} {since}"#),
            r#"t+15 ALERTS{alertname="A", alertstate="firing", job="a", severity="page"} 1"#.to_owned(),
            format!(r#"t+15 ALERTS_FOR_STATE{{alertname="A", job="a", severity="page"}} {since}"#),
            r#"t+15 ALERTS{alertname="A", alertstate="pending", job="a", severity="page"} stale"#.to_owned(),
            r#"t+30 ALERTS{alertname="A", alertstate="firing", job="a", severity="page"} stale"#.to_owned(),
            r#"t+30 ALERTS_FOR_STATE{alertname="A", job="a", severity="page"} stale"#.to_owned(),
        ]
    );
}

#[test]
fn recorded_series_end_with_a_marker_at_the_samples_time() {
    let mut spec = group("g", 15, [record("r", "x").label("team", "t")]);
    spec.query_offset = secs(5);
    let mut bench = Bench::new(vec![spec]);
    bench.set("x", &["__name__=x job=a 1", "job=b 2"]);
    bench.run_to(0);
    bench.set("x", &["job=b NaN"]);
    bench.run_to(15);
    assert_eq!(
        bench.written(),
        [
            r#"t-5 r{job="a", team="t"} 1"#,
            r#"t-5 r{job="b", team="t"} 2"#,
            r#"t+10 r{job="b", team="t"} NaN"#,
            r#"t+10 r{job="a", team="t"} stale"#,
        ]
    );
    assert_eq!(bench.queries.iter().map(|(_, at)| bench.at(*at)).collect::<Vec<_>>(), ["t-5", "t+10"]);
}

#[test]
fn a_failed_evaluation_ends_no_series() {
    let mut bench = Bench::new(vec![group("g", 15, [record("r", "x")])]);
    bench.set("x", &["job=a 1"]);
    bench.run_to(0);
    bench.written();
    bench.fail("x", "boom");
    bench.run_to(15);
    assert_eq!(bench.written(), [""; 0]);
    bench.set("x", &[]);
    bench.run_to(30);
    assert_eq!(bench.written(), [r#"t+30 r{job="a"} stale"#]);
}

#[test]
fn a_failed_write_is_the_rules_error_and_markers_are_tried_again() {
    let mut bench = Bench::new(vec![group("g", 15, [record("r", "x"), alert("A", "y")])]);
    bench.set("x", &["job=a 1"]);
    bench.run_to(0);
    bench.set("x", &[]);
    bench.set("y", &["1"]);
    bench.write_error = Some("out of order".to_owned());
    bench.run_to(15);
    let error = "err: writing its samples failed: out of order";
    assert_eq!(bench.healths(), [error, error]);
    assert_eq!(bench.sent().len(), 1, "alerts go out all the same");
    bench.write_error = None;
    bench.written();
    bench.run_to(30);
    assert_eq!(bench.healths(), ["ok", "ok"]);
    assert_eq!(bench.written().first().map(String::as_str), Some(r#"t+30 r{job="a"} stale"#));
}

#[test]
fn limits_and_duplicates_of_recording_rules_store_nothing() {
    let mut spec = group("g", 15, [record("r", "x"), record("s", "y").label("job", "")]);
    spec.limit = 2;
    let mut bench = Bench::new(vec![spec]);
    bench.set("x", &["job=a 1", "job=b 1", "job=c 1"]);
    bench.set("y", &["job=a 1", "job=b 1"]);
    bench.run_to(0);
    assert_eq!(
        bench.healths(),
        [
            "err: exceeded limit of 2 with 3 series",
            "err: vector contains metrics with the same labelset after applying rule labels",
        ]
    );
    assert_eq!(bench.written(), [""; 0]);
}

#[test]
fn a_scalar_is_one_series_without_labels() {
    let mut bench = Bench::new(vec![group("g", 15, [record("r", "1"), alert("A", "1")])]);
    bench.answers.insert("1".to_owned(), Ok(crate::sample::QueryAnswer::scalar(7.0)));
    bench.run_to(0);
    assert_eq!(bench.written().first().map(String::as_str), Some("t+0 r{} 7"));
    assert_eq!(bench.states(), [r#"firing {alertname="A"}"#]);
}

#[test]
fn without_a_remote_write_nothing_is_written_and_nobody_waits() {
    let mut bench = Bench::with(Settings::default(), vec![group("g", 15, [record("r", "x"), alert("A", "x")])]);
    bench.set("x", &["job=a 1"]);
    bench.run_to(30);
    assert_eq!((bench.written().len(), bench.sent().len()), (0, 1));
    assert_eq!(bench.healths(), ["ok", "ok"]);
}

#[test]
fn only_what_is_read_next_is_waited_for() {
    let rules = [record("r", "x"), alert("A", "r > 1"), record("s", "y")];
    let settings = Settings { writes: true, ..Settings::default() };
    let mut engine = Engine::new(settings.clone());
    let (now, mut out) = (Timestamp::from_secs(1_700_000_000), Vec::new());
    engine.configure(now, vec![group("g", 15, rules)], settings, &mut out);
    let now = now.plus(secs(15));
    engine.advance(now, &mut out);
    let mut awaited = Vec::new();
    while !out.is_empty() {
        match out.remove(0) {
            Effect::Query { id, .. } => {
                let answer = QueryAnswer::vector(vec![(labels("job=a"), 2.0)]);
                engine.queried(now, id, Ok::<_, String>(answer), &mut out);
            }
            Effect::Write { id, is_awaited, samples, .. } => {
                awaited.push((samples[0].labels.get_or_empty("__name__").to_owned(), is_awaited));
                engine.written(now, id, Ok(()), &mut out);
            }
            _ => {}
        }
    }
    awaited.sort();
    assert_eq!(awaited, [("ALERTS".to_owned(), false), ("r".to_owned(), true), ("s".to_owned(), false)]);
}

#[test]
fn samples_that_will_be_written_later_are_the_rules_error_but_end_with_a_marker() {
    let mut bench = Bench::new(vec![group("g", 15, [record("r", "x"), alert("A", "r")])]);
    bench.set("x", &["job=a 1"]);
    bench.hold_back = true;
    bench.run_to(0);
    let (id, expr) = bench.open_queries.pop_front().unwrap();
    bench.answer(id, bench.table(&expr));
    let id = bench.open_writes.pop_front().unwrap();
    let mut out = Vec::new();
    bench.engine.written_later(bench.now, id, "away".to_owned(), &mut out);
    bench.hold_back = false;
    let asked = out.into_iter().find_map(|effect| if let Effect::Query { id, .. } = effect { Some(id) } else { None });
    bench.answer(asked.unwrap(), bench.table("r"));
    assert_eq!(bench.healths(), ["err: writing its samples failed: away", "ok"]);
    bench.written();
    bench.set("x", &[]);
    bench.run_to(15);
    assert_eq!(bench.written(), [r#"t+15 r{job="a"} stale"#], "the series is there, or will be");
}
