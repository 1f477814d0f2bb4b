//! Rules of a group beside each other: the same outcome as in order, sooner; bounds; queries asked again.

use std::collections::BTreeMap;

use model::Timestamp;
use proptest::prelude::*;

use super::bench::{Bench, alert, group, record, secs};
use crate::engine::{Effect, Engine, QueryId, Settings, SourceBounds};
use crate::rule::{Rule, RuleGroup, Source};
use crate::sample::{QueryAnswer, QueryFailure};

fn open(bench: &Bench) -> Vec<&str> {
    bench.open_queries.iter().map(|(_, expr)| expr.as_str()).collect()
}

/// Answers the open query for `expr` from the table.
fn answer(bench: &mut Bench, expr: &str) {
    let place = bench.open_queries.iter().position(|(_, open)| open == expr).expect("it is open");
    let (id, _) = bench.open_queries.remove(place).expect("it is open");
    bench.answer(id, bench.table(expr));
}

#[test]
fn independent_rules_are_asked_together_and_dependent_ones_wait_for_writes() {
    let rules = [record("r", "x"), alert("A", "y"), alert("B", "r"), alert("C", "ALERTS{alertname=\"A\"}")];
    let mut bench = Bench::new(vec![group("g", 15, rules)]);
    bench.hold_back = true;
    bench.run_to(0);
    assert_eq!(open(&bench), ["x", "y"]);
    bench.set("x", &["1"]);
    answer(&mut bench, "x");
    assert_eq!(open(&bench), ["y"], "its samples are not stored yet");
    let write = bench.open_writes.pop_front().unwrap();
    bench.report(write, Ok(()));
    assert_eq!(open(&bench), ["y", "r"]);
    answer(&mut bench, "y");
    assert_eq!(open(&bench), ["r", "ALERTS{alertname=\"A\"}"], "nothing to store, nothing to wait for");
    assert_eq!(bench.engine.groups().next().unwrap().status().last_evaluation, None);
    answer(&mut bench, "ALERTS{alertname=\"A\"}");
    answer(&mut bench, "r");
    assert_eq!(bench.engine.groups().next().unwrap().status().last_evaluation, Some(bench.zero));
    assert_eq!(bench.healths(), ["ok"; 4]);
}

#[test]
fn without_storage_nothing_waits() {
    let rules = [record("r", "x"), alert("A", "r"), alert("B", "{job=\"x\"}")];
    let mut bench = Bench::with(Settings::default(), vec![group("g", 15, rules)]);
    bench.hold_back = true;
    bench.run_to(0);
    assert_eq!(open(&bench), ["x", "r", "{job=\"x\"}"]);
}

#[test]
fn no_more_rules_than_allowed_are_at_work() {
    let rules = || (0..10).map(|n| alert(&format!("A{n}"), &format!("x{n}")));
    for (concurrency, expected) in [(0, 1), (1, 1), (3, 3), (100, 10)] {
        let settings = Settings { concurrency, ..Settings::default() };
        let mut bench = Bench::with(settings, vec![group("g", 15, rules())]);
        bench.hold_back = true;
        bench.run_to(0);
        for done in 0..10 {
            assert_eq!(bench.open_queries.len(), expected.min(10 - done), "{concurrency} {done}");
            let (id, expr) = bench.open_queries.pop_front().unwrap();
            assert_eq!(expr, format!("x{done}"), "in order");
            bench.answer(id, bench.table(&expr));
        }
        assert_eq!(bench.healths(), ["ok"; 10]);
    }
}

#[test]
fn ten_thousand_rules_due_at_once_open_no_more_queries_than_allowed() {
    let groups: Vec<RuleGroup> = (0..200)
        .map(|g| group(&format!("g{g}"), 15, (0..50).map(|n| alert(&format!("A{g}_{n}"), &format!("x{g}_{n}")))))
        .collect();
    let settings = Settings { queries_max: 64, ..Settings::default() };
    let mut engine = Engine::new(settings.clone());
    let (mut now, mut out) = (Timestamp::from_secs(1_700_000_000), Vec::new());
    engine.configure(now, groups, settings, &mut out);
    now = now.plus(secs(15));
    engine.advance(now, &mut out);
    let (mut under_way, mut answered, mut most) = (Vec::new(), 0, 0);
    loop {
        let deadlines = out.drain(..).filter_map(|effect| match effect {
            Effect::Query { id, deadline, .. } => Some((id, deadline)),
            _ => None,
        });
        for (id, deadline) in deadlines {
            assert_eq!(deadline, now.plus(secs(120)), "the time it waited does not count");
            under_way.push(id);
        }
        most = most.max(under_way.len());
        // Queries may be slow: long after the first would have been given up.
        now = now.plus(std::time::Duration::from_millis(100));
        let Some(id) = (!under_way.is_empty()).then(|| under_way.remove(under_way.len() / 2)) else { break };
        engine.queried(now, id, Ok::<_, String>(QueryAnswer::vector(Vec::new())), &mut out);
        answered += 1;
    }
    assert_eq!((most, answered), (64, 10_000));
    assert!(engine.is_idle());
}

#[test]
fn a_group_that_is_dropped_gives_its_queries_back() {
    let settings = Settings { queries_max: 2, writes: true, ..Settings::default() };
    let rules = |name: &str| [alert("A", &format!("{name}1")), alert("B", &format!("{name}2"))];
    let mut bench = Bench::with(settings, vec![group("a", 15, rules("a")), group("b", 15, rules("b"))]);
    bench.hold_back = true;
    bench.run_to(14);
    assert_eq!(bench.open_queries.len(), 2);
    let first = bench.open_queries[0].1.get(..1).unwrap().to_owned();
    let other = if first == "a" { "b" } else { "a" };
    bench.reload(vec![group(other, 15, rules(other))]);
    assert_eq!(open(&bench)[2..], [format!("{other}1"), format!("{other}2")]);
}

#[test]
fn a_query_that_fails_for_now_is_asked_again_for_the_same_instant() {
    let mut bench = Bench::with(Settings::default(), vec![group("g", 60, [alert("A", "x"), alert("B", "y")])]);
    bench.fail_for_now("x", "connection refused");
    bench.run_to(0);
    assert_eq!(bench.healths(), ["err: connection refused", "ok"], "told meanwhile");
    assert_eq!(bench.engine.groups().next().unwrap().tally().evaluation_failures, 0);
    bench.set("x", &["1"]);
    bench.run_to(2);
    assert_eq!(bench.healths(), ["ok", "ok"]);
    assert_eq!(bench.queries.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [bench.zero; 3]);
    assert!(bench.sent()[0].contains("firing"));
    let view = bench.engine.groups().next().unwrap();
    assert_eq!((view.tally().evaluations, view.tally().evaluation_failures), (2, 0));
    let rule = view.rules().next().unwrap();
    let past: Vec<_> = rule.history().map(|past| (past.attempts, past.series, past.transitions.firing)).collect();
    assert_eq!(past, [(2, 1, 1)]);
}

#[test]
fn attempts_end_after_three_or_most_of_the_interval() {
    for (interval, attempts) in [(60, 3), (5, 2), (1, 1)] {
        for concurrency in [1, 4] {
            let settings = Settings { concurrency, ..Settings::default() };
            let rules = [alert("A", "x"), alert("B", "final"), alert("C", "y")];
            let mut bench = Bench::with(settings, vec![group("g", interval, rules)]);
            bench.fail_for_now("x", "gone");
            bench.fail("final", "bad_data: no");
            while bench.engine.groups().next().unwrap().status().last_evaluation.is_none() {
                bench.now = bench.engine.next_wake().unwrap();
                bench.advance();
            }
            assert!(bench.now < bench.zero.plus(secs(interval)), "before the next slot");
            let asked: Vec<&str> = bench.queries.iter().map(|(expr, _)| expr.as_str()).collect();
            assert_eq!(asked.iter().filter(|expr| **expr == "x").count(), attempts, "{interval}: {asked:?}");
            assert_eq!(asked.len(), attempts + 2);
            if concurrency == 1 {
                assert_eq!(asked[attempts..], ["final", "y"], "strictly in order");
            } else {
                assert_eq!(asked[..3], ["x", "final", "y"], "nobody waits");
            }
            assert_eq!(bench.healths(), ["err: gone", "err: bad_data: no", "ok"]);
            assert_eq!(bench.engine.groups().next().unwrap().tally().evaluation_failures, 2);
        }
    }
}

#[test]
fn a_stop_does_not_wait_for_another_attempt() {
    let mut bench = Bench::with(Settings::default(), vec![group("g", 60, [alert("A", "x")])]);
    bench.fail_for_now("x", "gone");
    bench.run_to(0);
    bench.engine.stop();
    assert!(bench.engine.is_idle());
    bench.run_to(59);
    assert_eq!(bench.queries.len(), 1);
    assert_eq!(bench.engine.next_wake(), None);
}

#[test]
fn an_outage_of_any_length_lets_no_firing_alert_lapse() {
    let mut bench = Bench::with(Settings::default(), vec![group("g", 15, [alert("A", "x")])]);
    bench.set("x", &["1"]);
    bench.run_to(0);
    bench.fail_for_now("x", "connection refused");
    let mut end = bench.sent.drain(..).next().unwrap().1.ends_at.unwrap();
    for quarter in 1..100 {
        bench.run_to(quarter * 15);
        for (now, alert) in bench.sent.drain(..) {
            assert!(now < end, "no notifier has taken it for resolved");
            end = alert.ends_at.unwrap();
        }
        assert!(bench.now < end);
    }
    assert_eq!(bench.log.len(), 1, "told once: {:?}", bench.log);
}

#[test]
fn the_last_evaluations_are_remembered() {
    let settings = Settings { history: 3, ..Settings::default() };
    let mut bench = Bench::with(settings, vec![group("g", 15, [alert("A", "x").hold(15)])]);
    let tell = |bench: &Bench| {
        let rule = bench.engine.groups().next().unwrap().rules().next().unwrap();
        let tell = |past: &crate::engine::PastEvaluation| {
            let moved = past.transitions;
            let error = past.error.as_deref().unwrap_or("-");
            let counts = [moved.pending, moved.firing, moved.resolved, moved.withdrawn].map(|n| n.to_string()).concat();
            format!("{} {} {counts} {error} {:?}", bench.at(past.at), past.series, past.warnings)
        };
        rule.history().map(tell).collect::<Vec<_>>()
    };
    bench.set("x", &["i=a 1", "i=b 1"]);
    bench.run_to(0);
    assert_eq!(tell(&bench), ["t+0 2 2000 - []"]);
    bench.set("x", &["i=a 1"]);
    bench.run_to(15);
    bench.fail("x", "no");
    bench.run_to(30);
    assert_eq!(tell(&bench), ["t+0 2 2000 - []", "t+15 1 0101 - []", "t+30 0 0000 no []"]);
    let partial = QueryAnswer { warnings: vec!["partial".to_owned()], ..QueryAnswer::vector(Vec::new()) };
    bench.answers.insert("x".to_owned(), Ok(partial));
    bench.run_to(45);
    assert_eq!(tell(&bench), ["t+15 1 0101 - []", "t+30 0 0000 no []", "t+45 0 0010 - [\"partial\"]"]);
    bench.reload(vec![group("g", 30, [alert("A", "x").hold(15)])]);
    assert_eq!(tell(&bench).len(), 3, "kept over a reload");
}

/// What a data source with storage would answer: fixed answers, and what the rules have stored.
#[derive(Default)]
struct World {
    stored: BTreeMap<String, Vec<(model::LabelSet, f64)>>,
}

/// A group of rules that may read each other; each reads one of few names.
fn rules(picks: &[(bool, usize, usize)]) -> Vec<Rule> {
    let names = ["m0", "m1", "m2", "a", "b", "ALERTS", "ALERTS{alertname=\"A1\"}"];
    let rule = |(place, (is_alert, name, read)): (usize, &(bool, usize, usize))| match is_alert {
        true => alert(&format!("A{name}"), names[*read]).label("place", &place.to_string()),
        false => record(&format!("m{name}"), names[*read]).label("place", &place.to_string()),
    };
    picks.iter().enumerate().map(rule).collect()
}

/// Evaluates a group at four slots, answering what is open in an order that `dice` choose; tells what was stored and sent.
fn outcome(picks: &[(bool, usize, usize)], settings: Settings, dice: &[usize]) -> (Vec<String>, Vec<String>) {
    let mut bench = Bench::with(settings, vec![group("g", 15, rules(picks))]);
    let mut world = World::default();
    bench.hold_back = true;
    let (mut rolled, mut sent) = (0, Vec::new());
    for slot in 0..4 {
        bench.run_to(slot * 15);
        while !bench.open_queries.is_empty() || !bench.open_writes.is_empty() {
            let choice = dice[rolled % dice.len()] % (bench.open_queries.len() + bench.open_writes.len());
            rolled += 1;
            match bench.open_queries.remove(choice) {
                Some((id, expr)) => bench.answer(id, Ok(world.answer(&expr, slot))),
                None => {
                    let id = bench.open_writes.remove(choice - bench.open_queries.len()).unwrap();
                    bench.report(id, Ok(()));
                }
            }
            // Stored at the latest when it is reported; here as soon as it is asked for.
            bench.writes.drain(..).flatten().for_each(|sample| world.store(sample));
        }
        sent.extend(bench.sent());
    }
    sent.sort();
    let stored = world.stored.iter().map(|(name, series)| format!("{name} {series:?}"));
    (stored.collect(), sent)
}

impl World {
    fn answer(&self, expr: &str, slot: u64) -> QueryAnswer {
        let always = |text: &str| vec![(super::bench::labels(text), 1.0)];
        let series = match expr {
            "a" if slot.is_multiple_of(2) => always("i=a"),
            "b" if slot < 2 => always("i=b"),
            "ALERTS{alertname=\"A1\"}" => {
                let all = self.stored.get("ALERTS").cloned().unwrap_or_default();
                all.into_iter().filter(|(labels, _)| labels.alert_name() == "A1").collect()
            }
            name => self.stored.get(name).cloned().unwrap_or_default(),
        };
        QueryAnswer::vector(series.into_iter().map(|(labels, _)| (labels.without("alertname"), slot as f64)).collect())
    }

    fn store(&mut self, sample: crate::sample::Sample) {
        let series = self.stored.entry(sample.labels.get_or_empty("__name__").to_owned()).or_default();
        series.retain(|(labels, _)| *labels != sample.labels);
        if !sample.is_stale_marker() {
            series.push((sample.labels, sample.value));
            series.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_order_of_answers_the_outcome_is_that_of_rules_in_order(
        picks in prop::collection::vec((any::<bool>(), 0..3usize, 0..7usize), 1..9),
        dice in prop::collection::vec(0..100usize, 1..20),
        (concurrency, queries_max) in (2..9usize, 1..5usize),
    ) {
        let in_order = Settings { writes: true, concurrency: 1, ..Settings::default() };
        let parallel = Settings { concurrency, queries_max, ..in_order.clone() };
        prop_assert_eq!(outcome(&picks, in_order, &[0]), outcome(&picks, parallel, &dice));
    }

    #[test]
    fn bounds_hold_and_all_ends_whatever_fails(
        groups in prop::collection::vec(1..12usize, 1..6),
        (concurrency, queries_max) in (0..6usize, 0..6usize),
        fates in prop::collection::vec((0..4u8, 0..100usize), 1..40),
    ) {
        let specs: Vec<RuleGroup> = groups.iter().enumerate().map(|(g, rules)| {
            group(&format!("g{g}"), 30, (0..*rules).map(|n| record(&format!("m{n}"), &format!("m{}", n / 2))))
        }).collect();
        let settings = Settings { writes: true, concurrency, queries_max, ..Settings::default() };
        let mut bench = Bench::with(settings, specs);
        bench.hold_back = true;
        bench.run_to(30);
        for (fate, choice) in fates.iter().cycle().take(500) {
            prop_assert!(bench.open_queries.len() <= queries_max.max(1));
            if bench.open_queries.is_empty() {
                bench.now = bench.engine.next_wake().unwrap().max(bench.now);
                bench.advance();
                continue;
            }
            let (id, _) = bench.open_queries.remove(choice % bench.open_queries.len()).unwrap();
            let answer = match fate {
                0 => Err(QueryFailure::passing("gone")),
                1 => Err("bad".into()),
                _ => Ok(QueryAnswer::scalar(1.0)),
            };
            bench.answer(id, answer);
            bench.answer(QueryId(id.0), Ok(QueryAnswer::scalar(2.0)));
            while let Some(write) = bench.open_writes.pop_front() {
                bench.report(write, if *fate == 3 { Err("full".to_owned()) } else { Ok(()) });
            }
        }
        bench.engine.stop();
        while let Some((id, _)) = bench.open_queries.pop_front() {
            bench.answer(id, Ok(QueryAnswer::scalar(1.0)));
            while let Some(write) = bench.open_writes.pop_front() {
                bench.report(write, Ok(()));
            }
        }
        prop_assert!(bench.engine.is_idle());
    }
}

#[test]
fn what_several_rules_ask_is_asked_once_and_all_get_the_answer() {
    let rules = [alert("A", "x"), alert("B", "y"), alert("C", "x").hold(30), record("r", "x"), alert("D", "x")];
    let settings = Settings { writes: true, concurrency: 2, ..Settings::default() };
    let mut bench = Bench::with(settings, vec![group("g", 15, rules)]);
    bench.set("x", &["job=a 1"]);
    bench.run_to(0);
    assert_eq!(bench.queries.iter().map(|(expr, _)| expr.as_str()).collect::<Vec<_>>(), ["x", "y"]);
    let states = bench.states();
    assert_eq!(states.len(), 3, "{states:?}");
    assert!(bench.written().contains(&"t+0 r{job=\"a\"} 1".to_owned()));
    let tally = bench.engine.tally();
    assert_eq!((tally.queries, tally.queries_shared), (2, 3));
    let evaluations = bench.engine.groups().next().unwrap().tally().evaluations;
    assert_eq!(evaluations, 5);
}

#[test]
fn an_answer_that_fails_fails_for_all_and_is_asked_again() {
    let rules = [alert("A", "x"), alert("B", "x")];
    let mut bench = Bench::with(Settings::default(), vec![group("g", 60, rules)]);
    bench.fail("x", "bad");
    bench.run_to(0);
    assert_eq!(bench.healths(), ["err: bad", "err: bad"]);
    bench.fail_for_now("x", "connection refused");
    bench.run_to(60);
    bench.set("x", &["1"]);
    bench.run_to(65);
    assert_eq!(bench.healths(), ["ok", "ok"]);
}

#[test]
fn sources_have_bounds_of_their_own() {
    let in_source = |name: &str, source: &str| {
        let rules = (0..4).map(|n| alert(&format!("{name}{n}"), &format!("{name}{n}")));
        let source = Source { name: source.to_owned(), ..Default::default() };
        RuleGroup { source: std::sync::Arc::new(source), ..group(name, 15, rules) }
    };
    let bounds = SourceBounds { query_timeout: secs(7), queries_max: 1 };
    let sources = [("slow".to_owned(), bounds)].into();
    let settings = Settings { queries_max: 3, sources, ..Settings::default() };
    let groups = vec![in_source("a", "slow"), in_source("b", "slow"), in_source("c", "")];
    let mut engine = Engine::new(settings.clone());
    let (now, mut out) = (Timestamp::from_secs(1_700_000_000), Vec::new());
    engine.configure(now, groups, settings, &mut out);
    let now = now.plus(secs(15));
    engine.advance(now, &mut out);
    let asked = |out: &[Effect]| -> Vec<(String, u64)> {
        let queries = out.iter().filter_map(|effect| match effect {
            Effect::Query { source, deadline, .. } => Some((source.name.clone(), deadline.since(now).as_secs())),
            _ => None,
        });
        queries.collect()
    };
    let mut first = asked(&out);
    first.sort();
    let default = (String::new(), 120);
    assert_eq!(first, [default.clone(), default.clone(), default, ("slow".to_owned(), 7)]);
    // a slow source holds up its own queries only: the other's go on
    let id = out.iter().find_map(|effect| match effect {
        Effect::Query { id, source, .. } if source.name.is_empty() => Some(*id),
        _ => None,
    });
    out.clear();
    engine.queried(now, id.unwrap(), Ok::<_, String>(QueryAnswer::vector(Vec::new())), &mut out);
    assert_eq!(asked(&out), [(String::new(), 120)]);
}
