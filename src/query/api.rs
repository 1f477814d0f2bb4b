//! Prometheus' HTTP API over series in memory: `query`, `query_range`, `series`, `labels`, `label/NAME/values`, and remote write
//! 1.0 into them. For demos and tests: nothing is kept on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use rules_engine::io::write_samples::PACKING;
use serde::Serialize;
use serde_json::json;
use tokio::sync::Semaphore;
use url::form_urlencoded;

use super::answer::{Answer, Failure};
use super::live_series::LiveSeries;
use super::question::{Question, When, parse_step, parse_time};
use super::wire::Envelope;
use crate::live;

/// Questions answered at the same time; others wait.
const AT_ONCE: usize = 4;

#[derive(Clone)]
struct Api {
    series: Arc<LiveSeries>,
    places: Arc<Semaphore>,
}

/// The parameters of a request, from its URL and its form.
struct Parameters(Vec<(String, String)>);

/// Why a request is refused: Prometheus' kind of error and text.
struct Refusal {
    status: StatusCode,
    kind: &'static str,
    text: String,
}

/// The routes, all but those that tell of the program.
pub fn router(series: Arc<LiveSeries>) -> Router {
    let api = Api { series, places: Arc::new(Semaphore::new(AT_ONCE)) };
    Router::new()
        .route("/api/v1/query", get(instant).post(instant))
        .route("/api/v1/query_range", get(range).post(range))
        .route("/api/v1/series", get(matching_series).post(matching_series))
        .route("/api/v1/labels", get(label_names).post(label_names))
        .route("/api/v1/label/{name}/values", get(label_values))
        .route("/api/v1/write", post(write))
        .with_state(api)
}

/// What clients ask first to learn whom they talk to, for a server that has no other answer to it.
pub fn build_info() -> Router {
    let version = json!({"version": crate::process::VERSION, "application": "Watchfire"});
    let answer = move || async move { axum::Json(json!({"status": "success", "data": version})) };
    Router::new().route("/api/v1/status/buildinfo", get(answer))
}

impl Parameters {
    fn of(query: Option<String>, body: &Bytes) -> Parameters {
        let pairs = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect::<Vec<_>>();
        // A form wins over the URL, as in Go.
        let mut all = pairs(body);
        all.extend(pairs(query.unwrap_or_default().as_bytes()));
        Parameters(all)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, value)| own == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn parsed<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, Refusal> {
        self.get(name).map(parse).transpose().map_err(|why| Refusal::bad(name, &why))
    }

    fn required<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Refusal> {
        parse(self.get(name).unwrap_or_default()).map_err(|why| Refusal::bad(name, &why))
    }

    fn expr(&self) -> String {
        self.get("query").unwrap_or_default().to_owned()
    }

    fn matcher_lists(&self) -> Result<Vec<Vec<model::Matcher>>, Refusal> {
        let selectors = self.0.iter().filter(|(name, _)| name == "match[]");
        selectors
            .map(|(_, text)| match promql::parse(text) {
                Ok(promql::Expr::Vector(selector)) => Ok(selector.matchers),
                Ok(_) => Err(Refusal::bad("match[]", "expected a selector of series")),
                Err(errors) => {
                    Err(Refusal::bad("match[]", &errors.first().map(|error| error.located(text)).unwrap_or_default()))
                }
            })
            .collect()
    }
}

impl Refusal {
    fn bad(parameter: &str, why: &str) -> Refusal {
        let text = format!("invalid parameter {parameter:?}: {why}");
        Refusal { status: StatusCode::BAD_REQUEST, kind: "bad_data", text }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        match failure {
            Failure::BadExpression(why) => Refusal::bad("query", &why),
            Failure::Unanswerable(text) => {
                Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, kind: "execution", text }
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"status": "error", "errorType": self.kind, "error": self.text});
        (self.status, axum::Json(body)).into_response()
    }
}

async fn instant(State(api): State<Api>, RawQuery(query): RawQuery, body: Bytes) -> Result<Response, Refusal> {
    let parameters = Parameters::of(query, &body);
    let at_ms = parameters.parsed("time", parse_time)?.unwrap_or_else(|| live::now().as_millis());
    api.ask(Question { expr: parameters.expr(), when: When::At(at_ms) }).await
}

async fn range(State(api): State<Api>, RawQuery(query): RawQuery, body: Bytes) -> Result<Response, Refusal> {
    let parameters = Parameters::of(query, &body);
    let (start_ms, end_ms) = (parameters.required("start", parse_time)?, parameters.required("end", parse_time)?);
    let step_ms = parameters.required("step", parse_step)?;
    let when = When::range(start_ms, end_ms, step_ms).map_err(|text| Refusal {
        status: StatusCode::BAD_REQUEST,
        kind: "bad_data",
        text,
    })?;
    api.ask(Question { expr: parameters.expr(), when }).await
}

impl Api {
    async fn ask(self, question: Question) -> Result<Response, Refusal> {
        let gone = |text: String| Refusal { status: StatusCode::SERVICE_UNAVAILABLE, kind: "unavailable", text };
        let place = self.places.acquire_owned().await.map_err(|error| gone(error.to_string()))?;
        let asked = tokio::task::spawn_blocking(move || {
            let answer = self.series.ask(&question);
            drop(place);
            answer
        });
        let answer: Answer = asked.await.map_err(|error| gone(error.to_string()))??;
        Ok(axum::Json(Envelope::from(answer)).into_response())
    }
}

async fn matching_series(State(api): State<Api>, RawQuery(query): RawQuery, body: Bytes) -> Result<Response, Refusal> {
    let lists = Parameters::of(query, &body).matcher_lists()?;
    if lists.is_empty() {
        let text = "no match[] parameter provided".to_owned();
        return Err(Refusal { status: StatusCode::BAD_REQUEST, kind: "bad_data", text });
    }
    let sets = api.series.label_sets(&lists);
    let maps: Vec<BTreeMap<&str, &str>> = sets.iter().map(|labels| labels.iter().collect()).collect();
    Ok(success(maps))
}

async fn label_names(State(api): State<Api>, RawQuery(query): RawQuery, body: Bytes) -> Result<Response, Refusal> {
    let sets = api.series.label_sets(&Parameters::of(query, &body).matcher_lists()?);
    let names: BTreeSet<&str> = sets.iter().flat_map(|labels| labels.iter()).map(|(name, _)| name).collect();
    Ok(success(names))
}

async fn label_values(
    State(api): State<Api>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let sets = api.series.label_sets(&Parameters::of(query, &Bytes::new()).matcher_lists()?);
    let values: BTreeSet<&str> = sets.iter().filter_map(|labels| labels.get(&name)).collect();
    Ok(success(values))
}

fn success(data: impl Serialize) -> Response {
    axum::Json(json!({"status": "success", "data": data})).into_response()
}

async fn write(State(api): State<Api>, body: Bytes) -> Response {
    match (PACKING.unpack)(&body) {
        Ok(samples) => {
            // What comes twice or late is no news: the writer need not hear of it.
            let _refused = api.series.append(samples);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(why) => {
            (StatusCode::BAD_REQUEST, format!("not a write request of remote write 1.0: {why}")).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    async fn asked(router: &Router, request: Request<Body>) -> (u16, Value) {
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn got(router: &Router, path: &str) -> (u16, Value) {
        asked(router, Request::get(path).body(Body::empty()).unwrap()).await
    }

    #[tokio::test]
    async fn what_is_written_can_be_asked_for() {
        let router = router(Arc::default());
        let sample = |job: &str, at_ms: i64, value: f64| rules_engine::sample::Sample {
            labels: model::LabelSet::from_pairs([("__name__", "up"), ("job", job)]),
            timestamp_ms: at_ms,
            value,
        };
        let body = (PACKING.pack)(&[sample("a", 1000, 1.0), sample("b", 1000, 0.0), sample("a", 2000, 3.0)]).unwrap();
        let (status, _) = asked(&router, Request::post("/api/v1/write").body(body.into()).unwrap()).await;
        assert_eq!(status, 204);

        let (_, answer) = got(&router, "/api/v1/query?query=sum(up)&time=2").await;
        assert_eq!(answer["data"]["result"][0]["value"], json!([2, "3"]));
        let form = "query=up%7Bjob%3D%22a%22%7D&start=1&end=2&step=0.5";
        let (_, answer) = asked(&router, Request::post("/api/v1/query_range").body(form.into()).unwrap()).await;
        assert_eq!(answer["data"]["result"][0]["values"], json!([[1, "1"], [1.5, "1"], [2, "3"]]));
        let (_, answer) = got(&router, "/api/v1/series?match[]=up%7Bjob!%3D%22a%22%7D").await;
        assert_eq!(answer["data"], json!([{"__name__": "up", "job": "b"}]));
        assert_eq!(got(&router, "/api/v1/labels").await.1["data"], json!(["__name__", "job"]));
        assert_eq!(got(&router, "/api/v1/label/job/values").await.1["data"], json!(["a", "b"]));
    }

    #[tokio::test]
    async fn refusals_are_prometheus() {
        let router = router(Arc::default());
        for (path, status, kind, text) in [
            ("query?query=sum(up", 400, "bad_data", "invalid parameter \"query\": 1:7: parse error"),
            ("query?query=up&time=soon", 400, "bad_data", "invalid parameter \"time\": cannot parse \"soon\""),
            ("query_range?query=up&start=2&end=1&step=1", 400, "bad_data", "end timestamp must not be before"),
            ("query_range?query=up&start=1", 400, "bad_data", "invalid parameter \"end\": cannot parse \"\""),
            ("query_range?query=up[1m]&start=1&end=2&step=1", 422, "execution", "1:1: invalid expression type"),
            ("series", 400, "bad_data", "no match[] parameter provided"),
            ("labels?match[]=1", 400, "bad_data", "invalid parameter \"match[]\""),
        ] {
            let (got, answer) = got(&router, &format!("/api/v1/{path}")).await;
            assert_eq!((got, answer["errorType"].as_str()), (status, Some(kind)), "{path}: {answer}");
            assert!(answer["error"].as_str().unwrap().starts_with(text), "{path}: {answer}");
        }
        let (status, _) = asked(&router, Request::post("/api/v1/write").body("x".into()).unwrap()).await;
        assert_eq!(status, 400);
    }
}
