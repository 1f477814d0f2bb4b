//! A query API with a handful of series, for instants and for ranges: `up_streams` by pod, and `load`.

use axum::Router;
use axum::routing::any;
use serde_json::{Value, json};

use crate::conditions::unix_now;

/// Pods whose streams are down, with the value of the series.
const PODS: [(&str, &str); 3] = [("edge-0", "3"), ("edge-1", "0"), ("edge-2", "12")];

/// Opens it; the address.
pub async fn open() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/api/v1/query", any(async |body: String| axum::Json(answer("vector", instant(&body)))))
        .route("/api/v1/query_range", any(async || axum::Json(answer("matrix", range()))));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn answer(kind: &str, rows: Vec<Value>) -> Value {
    json!({"status": "success", "data": {"resultType": kind, "result": rows}})
}

/// What is compared with 100 holds of every pod; everything else answers with nothing.
fn instant(body: &str) -> Vec<Value> {
    if !body.contains("up_streams") || body.contains("never") {
        return Vec::new();
    }
    let row = |(pod, value): &(&str, &str)| json!({"metric": {"__name__": "up_streams", "pod": pod}, "value": [unix_now(), value]});
    PODS.iter().map(row).collect()
}

/// An hour of each pod, a point a minute.
fn range() -> Vec<Value> {
    #[expect(clippy::cast_possible_truncation, reason = "minutes of our time")]
    let minute = (unix_now() / 60.0) as i64;
    let points = |phase: i64| -> Vec<Value> {
        (minute - 60..=minute).map(|at| json!([at * 60, ((at * 7 + phase * 31) % 200).to_string()])).collect()
    };
    let row = |(place, (pod, _)): (i64, &(&str, &str))| json!({"metric": {"__name__": "up_streams", "pod": pod}, "values": points(place)});
    (0..).zip(&PODS).map(row).collect()
}
