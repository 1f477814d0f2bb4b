//! Texts that ask queries of their own.

use super::bench::{Bench, alert, group, secs};
use crate::annotation::{MOST_LOOKUPS, MOST_ROUNDS};
use crate::engine::Settings;

fn annotation(bench: &Bench, name: &str) -> String {
    let rule = bench.engine.groups().next().unwrap().rules().next().unwrap();
    rule.instances()[0].annotations.get_or_empty(name).to_owned()
}

#[test]
fn a_text_may_ask_a_query_without_the_offset() {
    let text = r#"{{ with query (printf "load{host=%q}" $labels.host) }}{{ . | first | value }}{{ end }}"#;
    let mut spec = group("g", 15, [alert("A", "x").note("load", text)]);
    spec.query_offset = secs(5);
    let mut bench = Bench::with(Settings::default(), vec![spec]);
    bench.set("x", &["host=a 1", "host=b 1"]);
    bench.set(r#"load{host="a"}"#, &["7"]);
    bench.set(r#"load{host="b"}"#, &["8"]);
    bench.run_to(0);
    let asked: Vec<String> = bench.queries.iter().map(|(expr, at)| format!("{expr} {}", bench.at(*at))).collect();
    assert_eq!(asked, ["x t-5", r#"load{host="a"} t+0"#, r#"load{host="b"} t+0"#]);
    assert_eq!(annotation(&bench, "load"), "7");
    assert_eq!((bench.sent().len(), bench.engine.tally().template_expansions), (2, 2));
    bench.set(r#"load{host="a"}"#, &["9"]);
    bench.run_to(15);
    assert_eq!(annotation(&bench, "load"), "9", "asked anew at each evaluation");
}

#[test]
fn queries_may_depend_on_queries() {
    let text = r#"{{ range query "hosts" }}{{ range query (.Labels.host) }}{{ .Value }};{{ end }}{{ end }}"#;
    let mut bench = Bench::with(Settings::default(), vec![group("g", 15, [alert("A", "x").note("n", text)])]);
    bench.set("x", &["1"]);
    bench.set("hosts", &["host=a 1", "host=b 1"]);
    bench.set("a", &["1"]);
    bench.set("b", &["2"]);
    bench.run_to(0);
    assert_eq!(annotation(&bench, "n"), "1;2;");
}

#[test]
fn a_failed_query_becomes_the_text() {
    let mut bench =
        Bench::with(Settings::default(), vec![group("g", 15, [alert("A", "x").note("n", r#"{{ query "q" }}"#)])]);
    bench.set("x", &["1"]);
    bench.fail("q", "timed out");
    bench.run_to(0);
    let text = annotation(&bench, "n");
    assert!(text.starts_with("<error expanding template: ") && text.contains("timed out"), "{text}");
    assert_eq!((bench.healths(), bench.sent().len()), (vec!["ok".to_owned()], 1));
}

#[test]
fn a_query_that_is_never_answered_becomes_the_text() {
    let mut bench =
        Bench::with(Settings::default(), vec![group("g", 15, [alert("A", "x").note("n", r#"{{ query "q" }}"#)])]);
    bench.set("x", &["1"]);
    bench.hold_back = true;
    bench.run_to(0);
    let (id, _) = bench.open_queries.pop_front().unwrap();
    bench.answer(id, bench.table("x"));
    bench.run_to(126);
    assert!(annotation(&bench, "n").contains("no answer before the deadline"));
    assert_eq!(bench.sent().len(), 1);
}

#[test]
fn depth_and_number_of_queries_are_bounded() {
    let deep = r#"{{ range query "up" }}{{ range query (printf "%s%v" .Labels.n .Value) }}{{ end }}{{ end }}"#;
    let wide = r#"{{ query (printf "w%s" $labels.n) | len }}"#;
    let mut bench =
        Bench::with(Settings::default(), vec![group("g", 15, [alert("A", "x").note("deep", deep).note("wide", wide)])]);
    let series: Vec<String> = (0..200).map(|n| format!("n={n} 1")).collect();
    bench.set("x", &series.iter().map(String::as_str).collect::<Vec<_>>());
    bench.set("up", &series.iter().map(String::as_str).collect::<Vec<_>>());
    bench.run_to(0);
    assert_eq!(bench.queries.len(), 1 + MOST_LOOKUPS);
    assert_eq!((bench.healths(), bench.states().len()), (vec!["ok".to_owned()], 200));
    let rule = bench.engine.groups().next().unwrap().rules().next().unwrap();
    let refused =
        rule.instances().iter().filter(|i| i.annotations.get_or_empty("wide").contains("more than 100 queries"));
    assert_eq!(refused.count(), 200 - (MOST_LOOKUPS - 1));
}

#[test]
fn an_endless_chain_of_queries_ends() {
    let text = r#"{{ define "next" }}{{ range query . }}>{{ template "next" .Labels.next }}{{ end }}{{ end }}{{ template "next" "q" }}"#;
    let mut bench = Bench::with(Settings::default(), vec![group("g", 15, [alert("A", "x").note("n", text)])]);
    bench.set("x", &["1"]);
    let mut expr = "q".to_owned();
    for _ in 0..20 {
        let next = format!("{expr}q");
        bench.set(&expr, &[&format!("next={next} 1")]);
        expr = next;
    }
    bench.run_to(0);
    assert_eq!(bench.queries.len(), 1 + MOST_ROUNDS as usize);
    assert!(annotation(&bench, "n").contains("more than 8 deep"), "{}", annotation(&bench, "n"));
    assert_eq!(bench.sent().len(), 1);
}

#[test]
fn labels_that_show_the_value_make_an_alert_of_each_value() {
    let mut bench =
        Bench::with(Settings::default(), vec![group("g", 15, [alert("A", "x").label("value", "{{ $value }}")])]);
    bench.set("x", &["job=a 1"]);
    bench.run_to(0);
    bench.set("x", &["job=a 2"]);
    bench.run_to(15);
    assert_eq!(
        bench.states(),
        [r#"inactive {alertname="A", job="a", value="1"}"#, r#"firing {alertname="A", job="a", value="2"}"#]
    );
    bench.set("x", &["job=a 1"]);
    bench.run_to(30);
    assert_eq!(
        bench.states(),
        [r#"firing {alertname="A", job="a", value="1"}"#, r#"inactive {alertname="A", job="a", value="2"}"#]
    );
}

#[test]
fn what_has_not_changed_is_not_rendered_again() {
    let rule =
        alert("A", "x").label("host", "{{ $labels.job }}").note("who", "{{ $labels.job }}").note("v", "{{ $value }}");
    let mut bench = Bench::with(Settings::default(), vec![group("g", 15, [rule])]);
    bench.set("x", &["job=a 1", "job=b 1"]);
    bench.run_to(0);
    assert_eq!(bench.engine.tally().template_expansions, 6);
    bench.run_to(60);
    assert_eq!(bench.engine.tally().template_expansions, 6);
    bench.set("x", &["job=a 1", "job=b 2"]);
    bench.run_to(75);
    assert_eq!(bench.engine.tally().template_expansions, 8, "the annotations of one alert");
    assert_eq!(annotation(&bench, "v"), "1");
    let same_labels = alert("A", "x").label("host", "{{ $labels.job }}").note("v", "{{ $value }}");
    bench.reload(vec![group("g", 15, [same_labels])]);
    bench.run_to(120);
    assert_eq!(bench.engine.tally().template_expansions, 12, "once after a reload");
}

#[test]
fn an_alert_tells_of_the_series_it_comes_from() {
    let rule = alert("A", "x").label("job", "all").note("from", "{{ $labels.job }}");
    let mut bench = Bench::with(Settings::default(), vec![group("g", 15, [rule])]);
    for (slot, job) in ["a", "b", "a", "b"].into_iter().enumerate() {
        bench.set("x", &[&format!("job={job} 1")]);
        bench.run_to(15 * slot as u64);
        assert_eq!(annotation(&bench, "from"), job);
    }
    assert_eq!(bench.states(), [r#"firing {alertname="A", job="all"}"#]);
}
