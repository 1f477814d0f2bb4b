//! The system clock is set back or put forward by an hour: everything goes on as if it had not been.

use std::time::Duration;

use model::ClockStep;

use super::bench::{Bench, alert, group, secs};

const HOUR: Duration = Duration::from_secs(3600);
const STEPS: [ClockStep; 2] = [ClockStep::Back(HOUR), ClockStep::Forward(HOUR)];

/// `t+0` is then as long ago as it was.
fn move_clock(bench: &mut Bench, step: ClockStep) {
    (bench.now, bench.zero) = (step.of(bench.now), step.of(bench.zero));
    bench.engine.clock_moved(bench.now, step);
    bench.advance();
}

#[test]
fn what_fires_goes_on_firing_and_what_is_pending_fires_when_it_would_have() {
    for step in STEPS {
        let rules = [alert("Held", "x").hold(60), alert("Waits", "y").hold(60)];
        let mut bench = Bench::new(vec![group("g", 15, rules)]);
        bench.set("x", &["1"]);
        bench.run_to(75);
        bench.set("y", &["1"]);
        bench.run_to(100);
        assert_eq!(bench.states(), [r#"firing {alertname="Held"}"#, r#"pending {alertname="Waits"}"#]);
        bench.sent();
        move_clock(&mut bench, step);
        bench.run_to(135);
        assert_eq!(bench.states(), [r#"firing {alertname="Held"}"#, r#"pending {alertname="Waits"}"#], "{step:?}");
        bench.run_to(150);
        assert_eq!(bench.states(), [r#"firing {alertname="Held"}"#, r#"firing {alertname="Waits"}"#], "{step:?}");
        // Sent at 60, again before it would have run out, and each time as firing.
        let sent = bench.sent();
        assert!(sent.iter().any(|line| line.starts_with(r#"t+135 firing {alertname="Held"}"#)), "{step:?}: {sent:?}");
        assert!(sent.iter().all(|line| line.contains(" firing ")), "{step:?}: {sent:?}");
        let tally = bench.engine.groups().next().unwrap().tally();
        assert_eq!(tally.iterations_missed, 0, "{step:?}");
    }
}

#[test]
fn what_was_resolved_is_never_sent_as_firing() {
    for step in STEPS {
        let mut bench = Bench::new(vec![group("g", 15, [alert("A", "x")])]);
        bench.set("x", &["1"]);
        bench.run_to(30);
        bench.set("x", &[]);
        bench.run_to(45);
        bench.sent();
        move_clock(&mut bench, step);
        bench.run_to(300);
        let sent = bench.sent();
        assert!(!sent.is_empty() && sent.iter().all(|line| line.contains(" resolved ")), "{step:?}: {sent:?}");
        let is_valid = |(_, alert): &(_, model::Alert)| alert.starts_at <= alert.ends_at;
        assert!(bench.sent.iter().all(is_valid), "{step:?}");
        // It is told again for a quarter of an hour, not for an hour more.
        bench.run_to(45 + 15 * 60 + 30);
        assert!(bench.states().is_empty(), "{step:?}");
    }
}

#[test]
fn a_query_that_is_to_be_asked_again_is_not_asked_an_hour_later() {
    for step in STEPS {
        let mut bench = Bench::new(vec![group("g", 60, [alert("A", "x")])]);
        bench.fail_for_now("x", "away");
        bench.run_to(0);
        bench.set("x", &["1"]);
        move_clock(&mut bench, step);
        bench.run_to(10);
        assert_eq!(bench.states(), [r#"firing {alertname="A"}"#], "{step:?}");
    }
}

#[test]
fn a_query_under_way_has_as_long_as_it_had() {
    let mut bench = Bench::new(vec![group("g", 60, [alert("A", "x").hold(60)])]);
    bench.hold_back = true;
    bench.run_to(0);
    let (id, _) = bench.open_queries.pop_front().unwrap();
    move_clock(&mut bench, ClockStep::Back(HOUR));
    bench.set("x", &["1"]);
    bench.answer(id, bench.table("x"));
    bench.hold_back = false;
    bench.report(bench.open_writes.front().copied().unwrap(), Ok(()));
    bench.run_to(45);
    assert_eq!(bench.states(), [r#"pending {alertname="A"}"#]);
    bench.run_to(60);
    assert_eq!(bench.states(), [r#"firing {alertname="A"}"#]);
}

#[test]
fn a_start_at_an_earlier_time_goes_on_where_it_was() {
    let groups = || vec![group("g", 15, [alert("A", "x").hold(60), alert("B", "y").hold(60)])];
    let mut bench = Bench::new(groups());
    bench.set("x", &["1"]);
    bench.run_to(75);
    bench.set("y", &["1"]);
    bench.run_to(105);
    // down, and the clock is an hour behind when it is back
    (bench.now, bench.zero) = (bench.now.minus(HOUR), bench.zero.minus(HOUR));
    let mut bench = bench.restart(0, groups());
    bench.run_to(135);
    assert_eq!(bench.states(), [r#"firing {alertname="A"}"#, r#"pending {alertname="B"}"#]);
    bench.run_to(165);
    assert_eq!(bench.states(), [r#"firing {alertname="A"}"#, r#"firing {alertname="B"}"#]);
    assert!(bench.now < bench.zero.plus(secs(200)));
}
