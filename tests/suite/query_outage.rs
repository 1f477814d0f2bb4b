//! The query API is away for several times as long as alerts are valid: nothing is taken for resolved meanwhile, and
//! nothing is lost afterwards.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use model::Timestamp;
use serde_json::{Value, json};

use crate::conditions::{eventually, nothing_for, unix_now};
use crate::sink::Sink;
use crate::stage::Watchfire;

/// Alerts are valid for four intervals.
const VALID_SECS: f64 = 4.0;
const OUTAGE: Duration = Duration::from_secs(14);
const SOON: Duration = Duration::from_secs(20);

/// What the query API does: which series there are, or that it is out of order.
#[derive(Clone, Default)]
struct Api(Arc<Mutex<Option<Vec<&'static str>>>>);

impl Api {
    async fn open(&self) -> String {
        let api = self.clone();
        let query = move || {
            let api = api.clone();
            async move { api.answer() }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/api/v1/query", post(query))).await });
        format!("http://{address}")
    }

    fn set(&self, series: Option<&[&'static str]>) {
        *self.0.lock().unwrap() = series.map(<[_]>::to_vec);
    }

    fn answer(&self) -> Response {
        let Some(series) = self.0.lock().unwrap().clone() else {
            return (StatusCode::SERVICE_UNAVAILABLE, "no healthy upstream").into_response();
        };
        let row = |name: &&str| json!({"metric": {"disk": name}, "value": [0, "1"]});
        let rows: Vec<Value> = series.iter().map(row).collect();
        axum::Json(json!({"status": "success", "data": {"resultType": "vector", "result": rows}})).into_response()
    }
}

/// A post of one alert: when, from when, until when.
fn posts(sink: &Sink, disk: &str) -> Vec<(f64, f64, f64)> {
    let told = sink.told("/api/v2/alerts");
    let alerts = told.iter().flat_map(|told| told.body.as_array().unwrap().iter().map(|alert| (told.at, alert)));
    let of_disk = alerts.filter(|(_, alert)| alert["labels"]["disk"] == disk);
    let time = |text: &Value| Timestamp::parse_rfc3339(text.as_str().unwrap()).unwrap().as_secs_f64();
    of_disk.map(|(at, alert)| (at, time(&alert["startsAt"]), time(&alert["endsAt"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_query_api_resolves_nothing_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, api) = (Sink::open().await, Api::default());
    let query = api.open().await;
    let rules = folder.path().join("rules.yml");
    std::fs::write(&rules, "groups: [{name: disks, interval: 1s, rules: [{alert: Full, expr: full}]}]\n").unwrap();
    api.set(Some(&["stays", "ends"]));
    let args = [
        format!("--rule.file={}", rules.display()),
        format!("--query.url={query}"),
        format!("--notifier.url={}", sink.url("")),
        "--rules.alert.resend-delay=1s".to_owned(),
        format!("--storage.path={}", folder.path().join("data").display()),
    ];
    let _ours = Watchfire::start("rules", &args).await;
    eventually("two alerts fire", SOON, || async {
        (!posts(&sink, "stays").is_empty() && !posts(&sink, "ends").is_empty()).then_some(())
    })
    .await;

    api.set(None);
    let down_at = unix_now();
    nothing_for(OUTAGE).await;
    api.set(Some(&["stays", "begins"]));
    let up_at = unix_now();
    eventually("one alert is resolved, another fires", SOON, || async {
        let is_resolved = posts(&sink, "ends").iter().any(|(at, _, end)| end <= at);
        (is_resolved && !posts(&sink, "begins").is_empty()).then_some(())
    })
    .await;
    nothing_for(Duration::from_secs(2)).await;

    for disk in ["stays", "ends"] {
        let posts = posts(&sink, disk);
        let resolved: Vec<_> = posts.iter().filter(|(at, _, end)| end <= at).collect();
        assert!(resolved.iter().all(|(at, ..)| *at >= up_at), "{disk} resolved during the outage: {posts:?}");
        let ends: std::collections::BTreeSet<String> = resolved.iter().map(|(_, _, end)| end.to_string()).collect();
        assert_eq!(ends.len(), usize::from(disk == "ends"), "{disk}: {posts:?}");
        let firing: Vec<_> = posts.iter().filter(|(at, _, end)| end > at).collect();
        assert!(firing.iter().all(|(_, start, _)| *start == firing[0].1), "{disk} began anew: {posts:?}");
        // To a notifier that takes alerts for resolved at their end there was no gap.
        let next = firing.iter().map(|(at, ..)| *at).skip(1).chain([up_at]);
        for ((_, _, end), next) in firing.iter().zip(next) {
            assert!(*end > next, "{disk} ran out {:.1} s into the outage", end - down_at);
        }
        let during = firing.iter().filter(|(at, ..)| (down_at..up_at).contains(at)).count();
        assert!(during as f64 >= OUTAGE.as_secs_f64() / VALID_SECS, "{disk} was sent {during} times during the outage");
    }
}
