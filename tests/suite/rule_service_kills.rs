//! A rule service that is killed at random instants beside a twin that is left alone: both tell their notifiers the same.
//!
//! What a query gives depends on the instant asked for alone, so both see the same at the same slot. `WATCHFIRE_KILLS`
//! sets how often it is killed, `WATCHFIRE_SEED` when.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use model::Timestamp;
use serde_json::{Value, json};

use crate::conditions::{eventually, nothing_for, stopwatch, unix_now};
use crate::sink::Sink;
use crate::stage::Watchfire;

const KILLS: u64 = 10;
/// Changes in the data are further apart than this, and what happens while the service is down may come so much later.
const TOLERANCE: f64 = 3.5;

/// The rules, and for how long of which period each has a result, shifted for each of two series.
const RULES: &str = "
groups:
- name: twins
  interval: 1s
  rules:
  - {alert: AtOnce, expr: on_8_of_15}
  - {alert: Held, expr: on_12_of_20, for: 5s, annotations: {summary: '{{ $labels.pod }}'}}
  - {alert: Kept, expr: on_6_of_18, keep_firing_for: 5s}
  - {alert: Both, expr: on_10_of_24, for: 4s, keep_firing_for: 4s, labels: {severity: page}}
";

/// A query API of series that come and go with the clock; they come within a span of time only, and each stays as long as it
/// always does, so that no `for` is just about met.
async fn periodic_series(span: Arc<Mutex<Range<f64>>>) -> String {
    let query = move |body: String| {
        let fields: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let at: f64 = fields["time"].parse().unwrap();
        let span = span.lock().unwrap().clone();
        let numbers: Vec<f64> = fields["query"].split('_').filter_map(|word| word.parse().ok()).collect();
        let there = |shift: f64| {
            let since = (at + shift).rem_euclid(numbers[1]);
            since < numbers[0] && span.contains(&(at - since))
        };
        let rows: Vec<Value> = [("a", 0.0), ("b", 5.5)]
            .into_iter()
            .filter(|(_, shift)| there(*shift))
            .map(|(pod, _)| json!({"metric": {"pod": pod}, "value": [at, "1"]}))
            .collect();
        async move { axum::Json(json!({"status": "success", "data": {"resultType": "vector", "result": rows}})) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/api/v1/query", post(query))).await });
    format!("http://{address}")
}

/// What a notifier believes of an alert: when it began to fire and, once it was told, when it ended.
type Incidents = BTreeMap<String, Vec<(f64, Option<f64>)>>;

fn incidents(sink: &Sink) -> Incidents {
    let mut all = Incidents::new();
    for told in sink.told("/api/v2/alerts") {
        for alert in told.body.as_array().unwrap() {
            let instant = |key: &str| Timestamp::parse_rfc3339(alert[key].as_str().unwrap()).unwrap().as_secs_f64();
            let (starts, ends) = (instant("startsAt"), instant("endsAt"));
            let known = all.entry(alert["labels"].to_string()).or_default();
            let open = known.last_mut().filter(|(_, end)| end.is_none());
            match (ends <= told.at, open) {
                (true, Some((_, end))) => *end = Some(ends),
                (false, None) => known.push((starts, None)),
                _ => {}
            }
        }
    }
    all
}

/// `activeAt` by labels.
async fn active_since(service: &Watchfire) -> BTreeMap<String, f64> {
    let since = |alert: &Value| Timestamp::parse_rfc3339(alert["activeAt"].as_str().unwrap()).unwrap().as_secs_f64();
    service.alerts_v1().await.iter().map(|alert| (alert["labels"].to_string(), since(alert))).collect()
}

async fn start(name: &str, folder: &std::path::Path, query: &str, sink: &Sink) -> Watchfire {
    let rules = folder.join("rules.yml");
    std::fs::write(&rules, RULES).unwrap();
    let args = [
        format!("--rule.file={}", rules.display()),
        format!("--query.url={query}"),
        format!("--notifier.url={}", sink.url("")),
        "--rules.alert.resend-delay=2s".to_owned(),
        format!("--storage.path={}", folder.join(name).display()),
    ];
    Watchfire::start("rules", &args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_at_random_instants_changes_nothing_that_is_told() {
    let kills = std::env::var("WATCHFIRE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let seed = std::env::var("WATCHFIRE_SEED").map_or(7, |seed| seed.parse().unwrap());
    let mut chance = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let span = Arc::new(Mutex::new(0.0..0.0));
    let query = periodic_series(span.clone()).await;
    let (twin_sink, sink) = (Sink::open().await, Sink::open().await);
    let twin = start("twin", folder.path(), &query, &twin_sink).await;
    let mut ours = start("ours", folder.path(), &query, &sink).await;
    *span.lock().unwrap() = unix_now() + 2.0..f64::INFINITY;

    let mut down = Duration::ZERO;
    for kill in 0..kills {
        nothing_for(Duration::from_millis(chance.u64(200..3500))).await;
        let before = active_since(&ours).await;
        let killed_at = unix_now();
        let watch = stopwatch();
        ours.kill_and_restart().await;
        down = down.max(watch.elapsed());
        let after = active_since(&ours).await;
        for (labels, since) in &before {
            // An evaluation of just now may not have been stored; one after the restart may have ended the alert.
            let is_stored = *since < killed_at - 0.5;
            let kept = after.get(labels);
            assert!(
                !is_stored || kept.is_none_or(|kept| kept == since),
                "kill {kill}: {labels}: {since} became {kept:?}"
            );
        }
        let twins = active_since(&twin).await;
        for (labels, since) in &after {
            let Some(twins) = twins.get(labels) else { continue };
            assert!((since - twins).abs() < TOLERANCE, "kill {kill}: {labels} is active since {since}, {twins}");
        }
    }
    // However short the waits between the kills were: there is something to compare.
    eventually("the twin has told of some alerts", Duration::from_secs(60), || async {
        (incidents(&twin_sink).values().map(Vec::len).sum::<usize>() > 5).then_some(())
    })
    .await;
    span.lock().unwrap().end = unix_now();
    let is_over = |incidents: &Incidents| incidents.values().flatten().all(|(_, end)| end.is_some());
    eventually("everything is resolved", Duration::from_secs(30), || async {
        let are_quiet = active_since(&twin).await.is_empty() && active_since(&ours).await.is_empty();
        (are_quiet && is_over(&incidents(&sink)) && is_over(&incidents(&twin_sink))).then_some(())
    })
    .await;

    let (expected, told) = (incidents(&twin_sink), incidents(&sink));
    let count: usize = expected.values().map(Vec::len).sum();
    eprintln!("{kills} kills, {count} incidents, down for {down:?} at most");
    assert!(count > 5);
    let mut wrong = Vec::new();
    for labels in expected.keys().chain(told.keys()) {
        let none = Vec::new();
        let (a, b) = (expected.get(labels).unwrap_or(&none), told.get(labels).unwrap_or(&none));
        let close = |a: &(f64, Option<f64>), b: &(f64, Option<f64>)| {
            (a.0 - b.0).abs() < TOLERANCE && (a.1.unwrap_or(0.0) - b.1.unwrap_or(0.0)).abs() < TOLERANCE
        };
        if a.len() != b.len() || !a.iter().zip(b).all(|(a, b)| close(a, b)) {
            wrong.push(format!("{labels}\n  twin   {a:?}\n  killed {b:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
