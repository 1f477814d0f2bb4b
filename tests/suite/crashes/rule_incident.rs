//! Alerts of the rule service: `for` goes on over the lives of the process.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use serde_json::{Value, json};

use super::incident::Incident;
use super::lane::{Lane, PACES};
use crate::conditions::unix_now;

/// Longer than any life.
const HOLD_SECS: f64 = 4.0;

pub(super) const RULES: &str = "
groups:
- name: crashes
  interval: 1s
  rules:
  - {alert: Held, expr: incidents, for: 4s, labels: {pace: quick, number: '0'}}
";

/// A query API that knows the incidents there are.
#[derive(Clone, Default)]
pub(super) struct Series(Arc<Mutex<BTreeSet<String>>>);

impl Series {
    pub(super) async fn open(&self) -> String {
        let series = self.clone();
        let query = move || {
            let row = |name: &String| json!({"metric": {"incident": name}, "value": [0, "1"]});
            let rows: Vec<Value> = series.0.lock().unwrap().iter().map(row).collect();
            async move { axum::Json(json!({"status": "success", "data": {"resultType": "vector", "result": rows}})) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/api/v1/query", post(query))).await });
        format!("http://{address}")
    }
}

/// Incident after incident until nothing is killed any more.
pub(super) async fn run_incidents(lane: Arc<Lane>, series: Series) -> Vec<Incident> {
    let mut incidents = Vec::new();
    while !lane.is_over.load(Ordering::SeqCst) {
        let name = format!("rule-{}", incidents.len());
        let pace = PACES[0];
        let not_before = unix_now() + HOLD_SECS;
        series.0.lock().unwrap().insert(name.clone());
        let told = lane
            .due(&name, "its beginning", not_before + 1.0 + pace.wait, || {
                lane.receiver.told(&name, |page| page.tells(1, "firing"))
            })
            .await;
        for at in told {
            assert!(at > not_before, "{name}: told at {at:.3}, `for` is over at {not_before:.3}");
        }
        series.0.lock().unwrap().remove(&name);
        let due = unix_now() + 1.0 + pace.interval;
        lane.due(&name, "its end", due, || lane.receiver.told(&name, |page| page.tells(1, "resolved"))).await;
        incidents.push(Incident { name, pace, not_before });
    }
    incidents
}
