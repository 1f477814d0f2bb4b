//! Rough figures, printed: `cargo test -p notifier speed -- --ignored --nocapture`. The bounds of DESIGN.md are measured
//! on a release build by the live shell; these only show where time goes.
#![expect(clippy::print_stderr, clippy::disallowed_methods, reason = "a measurement, run by hand")]

use std::time::Instant;

use model::{Alert, LabelSet, Matcher};
use uuid::Uuid;

use super::stage::{alert, config, draft, simple, t};
use crate::config::Config;
use crate::notifier::{Effect, Notifier, Settings};
use crate::receiver::Outcome;

const MANY: usize = 100_000;

fn alerts(count: usize) -> Vec<Alert> {
    (0..count)
        .map(|i| Alert {
            labels: LabelSet::from_pairs([
                ("alertname", format!("Alert{}", i % 50)),
                ("cluster", "production-eu-west".to_owned()),
                ("instance", format!("host-{i}.example.org:9100")),
                ("job", "node".to_owned()),
                ("namespace", format!("ns-{}", i % 200)),
                ("pod", format!("web-{i}")),
                ("severity", ["warning", "page"][i % 2].to_owned()),
            ]),
            annotations: LabelSet::from_pairs([
                ("summary", format!("host {i} is not well")),
                ("runbook", "http://r".to_owned()),
            ]),
            starts_at: Some(t(0.0)),
            ends_at: Some(t(100_000.0)),
            ..alert("")
        })
        .collect()
}

fn machine(config: std::sync::Arc<Config>) -> Notifier {
    let mut notifier = Notifier::new(Settings::default());
    notifier.configure(t(0.0), config, &mut Vec::new());
    notifier
}

fn timed<T>(what: &str, count: usize, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    let took = begun.elapsed();
    eprintln!("{what}: {took:.2?}, {:.2} µs each", took.as_secs_f64() * 1e6 / count as f64);
    done
}

fn receive(notifier: &mut Notifier, alerts: Vec<Alert>, out: &mut Vec<Effect>) {
    let mut alerts = alerts.into_iter();
    loop {
        let batch: Vec<Alert> = alerts.by_ref().take(64).collect();
        if batch.is_empty() {
            return;
        }
        notifier.receive(t(1.0), batch, out).unwrap();
        out.clear();
    }
}

fn flush_all(notifier: &mut Notifier, what: &str, at: f64) -> usize {
    let mut out = Vec::new();
    let groups = notifier.group_count();
    timed(&format!("{what}: flush of {groups} groups"), groups, || notifier.advance(t(at), &mut out));
    let ids: Vec<_> =
        out.iter().filter_map(|effect| if let Effect::Deliver(d) = effect { Some(d.id) } else { None }).collect();
    let count = ids.len();
    if count > 0 {
        timed(&format!("{what}: {count} outcomes"), count, || {
            for id in ids {
                notifier.delivered(t(at), id, Outcome::Delivered, &mut out);
            }
        });
    }
    count
}

#[test]
#[ignore = "a measurement"]
fn speed_of_ingestion() {
    let mut notifier = machine(simple("[alertname, namespace]", "30s", "5m", "4h"));
    let mut out = Vec::new();
    let (first, again) = (alerts(MANY), alerts(MANY));
    timed("insert", MANY, || receive(&mut notifier, first, &mut out));
    timed("refresh", MANY, || receive(&mut notifier, again, &mut out));
    timed("views", MANY, || {
        assert_eq!(notifier.alerts(t(2.0)).filter(|alert| !alert.status().silenced_by.is_empty()).count(), 0)
    });
    flush_all(&mut notifier, "first", 40.0);
    flush_all(&mut notifier, "second, unchanged", 400.0);
}

#[test]
#[ignore = "a measurement"]
fn speed_of_ten_thousand_groups() {
    let mut notifier = machine(simple("['...']", "30s", "5m", "4h"));
    let mut out = Vec::new();
    timed("insert, a group each", 10_000, || receive(&mut notifier, alerts(10_000), &mut out));
    assert_eq!(flush_all(&mut notifier, "first", 40.0), 10_000);
    assert_eq!(flush_all(&mut notifier, "second, unchanged", 400.0), 0);
}

#[test]
#[ignore = "a measurement"]
fn speed_of_ten_thousand_silences() {
    for (regex, silences_count) in [(false, 10_000u32), (true, 10_000)] {
        let mut notifier = machine(simple("['...']", "30s", "5m", "4h"));
        let mut out = Vec::new();
        receive(&mut notifier, alerts(10_000), &mut out);
        let silences = (0..silences_count).map(|i| {
            let host = if regex {
                Matcher::new("instance", model::MatchOp::Regex, format!("host-{i}[.]example.*")).unwrap()
            } else {
                Matcher::equal("instance", format!("host-{i}.example.org:9100"))
            };
            (Uuid::from_u128(i.into()), draft(&[Matcher::equal("job", "node"), host], 1.0, 5000.0))
        });
        let silences: Vec<_> = silences.collect();
        timed("silences set", 10_000, || {
            for (id, draft) in silences {
                notifier.set_silence(t(1.0), draft, id, &mut out).unwrap();
            }
        });
        assert_eq!(flush_all(&mut notifier, "silenced", 40.0), 0);
        flush_all(&mut notifier, "silenced, second", 400.0);
    }
}

#[test]
#[ignore = "a measurement"]
fn speed_of_inhibition_and_routes() {
    let mut yaml = "{route: {receiver: r, group_by: [alertname], routes: [".to_owned();
    for i in 0..1000 {
        yaml += &format!("{{matchers: ['team=\"{i}\"'], receiver: r}},");
    }
    yaml += "]}, receivers: [{name: r, webhook_configs: [{url: 'http://r'}]}],
inhibit_rules: [{source_matchers: ['severity=\"page\"'], target_matchers: ['severity=\"warning\"'], equal: [cluster]}]}";
    let mut notifier = machine(config(&yaml));
    let mut out = Vec::new();
    timed("insert past 1,000 routes, half sources of 10,000 targets", 20_000, || {
        receive(&mut notifier, alerts(20_000), &mut out)
    });
    timed("refresh", 20_000, || receive(&mut notifier, alerts(20_000), &mut out));
    flush_all(&mut notifier, "inhibited", 40.0);
    assert_eq!(notifier.tally().suppressed.inhibition, 10_000);
}
