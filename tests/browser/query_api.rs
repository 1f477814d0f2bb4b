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
        .route("/api/v1/query_range", any(async |body: String| axum::Json(answer("matrix", range(&body)))));
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

/// Each pod at the instants that are asked for: it rises by 7 a minute, and begins again at 200.
fn range(body: &str) -> Vec<Value> {
    let number = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(body.as_bytes());
        pairs.find(|(given, _)| given == name).and_then(|(_, value)| seconds(&value))
    };
    let (Some(start), Some(end), Some(step)) = (number("start"), number("end"), number("step")) else {
        return Vec::new();
    };
    let points = |phase: f64| -> Vec<Value> {
        let instants = std::iter::successors(Some(start), |at| Some(at + step).filter(|at| *at <= end));
        instants.map(|at| json!([at, ((at / 60.0 * 7.0 + phase) % 200.0).to_string()])).collect()
    };
    let row = |(place, (pod, _)): (u32, &(&str, &str))| json!({"metric": {"__name__": "up_streams", "pod": pod}, "values": points(f64::from(place) * 31.0)});
    (0..).zip(&PODS).map(row).collect()
}

/// Seconds, or a duration: servers take both.
fn seconds(text: &str) -> Option<f64> {
    text.parse().ok().or_else(|| Some(model::duration::parse_duration(text).ok()?.as_secs_f64()))
}
