//! One bad rule, query or record harms nobody else.

use std::collections::BTreeMap;

use model::Timestamp;

use super::bench::{Bench, alert, group, record};
use crate::engine::{QueryId, Settings, WriteId};
use crate::sample::QueryAnswer;

#[test]
fn bad_rules_leave_the_others_alone() {
    let rules = [
        alert("Refused", "refused"),
        alert("Twice", "two").label("job", "same"),
        record("twice", "two").label("job", "same"),
        alert("Text", "good").note("a", "{{ $labels.x.y }}").note("b", "{{ nonsense }}").note("c", "fine"),
        alert("Good", "good"),
    ];
    let mut bench = Bench::new(vec![group("g", 15, rules)]);
    bench.fail("refused", "bad_data: parse error");
    bench.set("two", &["job=a 1", "job=b 1"]);
    bench.set("good", &["1"]);
    bench.run_to(0);
    assert_eq!(bench.healths()[3..], ["ok", "ok"]);
    assert_eq!(bench.healths().iter().filter(|health| health.starts_with("err: ")).count(), 3);
    assert_eq!(bench.sent().len(), 2);
    let view = bench.engine.groups().next().unwrap();
    assert_eq!((view.tally().evaluations, view.tally().evaluation_failures), (5, 3));
    let text = view.rules().nth(3).unwrap().alerts().next().unwrap().annotations.clone();
    assert!(text.get_or_empty("a").starts_with("<error expanding template: error executing template __alert_Text: "));
    assert!(text.get_or_empty("b").starts_with("<error expanding template: error parsing template __alert_Text: "));
    assert_eq!(text.get("c"), Some("fine"));
    assert_eq!((bench.engine.tally().template_expansions, bench.engine.tally().template_failures), (2, 2));
    assert!(bench.log.iter().any(|line| &*line.rule == "Text" && &*line.group == "rules.yml;g"), "{:?}", bench.log);
}

#[test]
fn unknown_and_repeated_answers_are_ignored() {
    let mut bench = Bench::in_order(vec![group("g", 15, [alert("A", "x"), alert("B", "y")])]);
    bench.set("x", &["1"]);
    bench.hold_back = true;
    bench.run_to(0);
    let (id, _) = bench.open_queries.pop_front().unwrap();
    bench.answer(QueryId(999), Ok(QueryAnswer::scalar(1.0)));
    bench.report(WriteId(id.0 + 50), Ok(()));
    bench.answer(id, bench.table("x"));
    bench.answer(id, Err("again".into()));
    let write = bench.open_writes.pop_front().unwrap();
    bench.report(write, Ok(()));
    bench.report(write, Err("again".to_owned()));
    assert_eq!(bench.healths(), ["ok", "unknown"]);
    assert_eq!(bench.states().len(), 1);
}

#[test]
fn records_that_cannot_be_read_are_told_of_and_left() {
    let mut records = BTreeMap::new();
    records.insert("alert/damaged".to_owned(), b"{\"V1\":{\"al".to_vec());
    records.insert("alert/newer".to_owned(), b"{\"V2\":{}}".to_vec());
    let groups = vec![group("g", 15, [alert("A", "x")])];
    let bench = Bench::restored(Settings::default(), groups, Timestamp::from_secs(0), records);
    assert_eq!((bench.log.len(), bench.records.len()), (2, 2));
    assert!(bench.log[0].text.contains("alert/damaged"), "{:?}", bench.log);
}

#[test]
fn warnings_of_a_query_are_kept_until_the_next() {
    let mut bench = Bench::new(vec![group("g", 15, [alert("A", "x")])]);
    let answer = QueryAnswer { warnings: vec!["partial".to_owned()], ..QueryAnswer::vector(vec![]) };
    bench.answers.insert("x".to_owned(), Ok(answer));
    bench.run_to(0);
    let warnings =
        |bench: &Bench| bench.engine.groups().next().unwrap().rules().next().unwrap().status().warnings.clone();
    assert_eq!(warnings(&bench), ["partial"]);
    bench.set("x", &[]);
    bench.run_to(15);
    assert_eq!(warnings(&bench), [""; 0]);
}
