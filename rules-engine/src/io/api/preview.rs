//! `POST /api/v1/preview`: what would come of a rule now. Not part of Prometheus' API; changes nothing.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use model::source::SourceFile;
use model::{LabelSet, Timestamp};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::answer::{Texts, Time, exponent_text, state_text};
use super::{Failure, bad_data, json, success};
use crate::engine::Settings;
use crate::io::query_api::range::{RangeSeries, Window};
use crate::namespaces::TEXT_BYTES_MAX;
use crate::preview::{Preview, Previewed, PreviewedAlert, Wanted};
use crate::rule::{RuleGroup, RuleKind, Source};
use crate::rule_file::{self, Defaults};
use crate::sample::{QueryAnswer, QueryFailure, Sample};

/// Rules in one request.
const RULES_MAX: usize = 100;
/// Alerts and samples shown of each rule.
const SHOWN_MAX: usize = 1_000;
/// Rules of all requests that are evaluated at the same time.
const AT_ONCE: usize = 8;
/// Requests under way; more are told to come again.
const REQUESTS_MAX: usize = 4;

/// What evaluates for the preview.
pub trait Previewing: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Timestamp;

    /// What holds where a rule file says nothing, and what is set for all groups.
    fn circumstances(&self) -> (Defaults, Settings);

    /// An alert's labels as they are sent; `None` if it is not.
    fn sent_labels(&self, labels: &LabelSet) -> Option<LabelSet>;

    /// Asks a query.
    fn ask(&self, wanted: &Wanted) -> impl Future<Output = Result<QueryAnswer, QueryFailure>> + Send;

    /// Asks for the values of an expression over time, to be drawn. No longer than a rule's query may take.
    fn ask_range(
        &self,
        source: &Source,
        expr: &str,
        window: Window,
    ) -> impl Future<Output = Result<Vec<RangeSeries>, QueryFailure>> + Send;
}

/// What requests share.
struct Desk<S> {
    state: Arc<S>,
    requests: Semaphore,
    rules: Arc<Semaphore>,
}

/// The route, below the root of the service.
pub fn router<S: Previewing>(state: Arc<S>) -> Router {
    let desk = Desk { state, requests: Semaphore::new(REQUESTS_MAX), rules: Arc::new(Semaphore::new(AT_ONCE)) };
    Router::new()
        .route("/api/v1/preview", post(preview::<S>))
        .layer(DefaultBodyLimit::max(TEXT_BYTES_MAX))
        .with_state(Arc::new(desk))
}

async fn preview<S: Previewing>(State(desk): State<Arc<Desk<S>>>, body: Bytes) -> Response {
    let Ok(_place) = desk.requests.try_acquire() else {
        let error = "too many previews are under way, try again in a moment";
        let failure = Failure { status: "error", error_type: "unavailable", error };
        return json(StatusCode::SERVICE_UNAVAILABLE, &failure);
    };
    let Ok(text) = String::from_utf8(body.into()) else { return bad_data("the rules are not UTF-8") };
    let (defaults, settings) = desk.state.circumstances();
    let (groups, found) = match rule_file::read_any(&SourceFile::new("preview", text), &defaults) {
        Ok(read) => read,
        Err(mistakes) => return bad_data(&mistakes.to_string()),
    };
    let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
    if rules > RULES_MAX {
        return bad_data(&format!("{rules} rules at once are too many, at most {RULES_MAX} are evaluated"));
    }
    let now = desk.state.now();
    let rules = evaluate(&desk.state, &groups, &settings, now, &desk.rules).await;
    let answers = rules.into_iter().map(|previewed| RuleAnswer::of(previewed, &*desk.state)).collect();
    let warnings = found.iter().map(ToString::to_string).collect();
    success(&PreviewAnswer { time: Time(Some(now)), warnings, rules: answers })
}

/// Evaluates all rules of some groups once, without consequences, as many at the same time as there are places. In their order.
pub async fn evaluate<S: Previewing>(
    state: &Arc<S>,
    groups: &[RuleGroup],
    settings: &Settings,
    now: Timestamp,
    places: &Arc<Semaphore>,
) -> Vec<Previewed> {
    let mut tasks = JoinSet::new();
    let begun = groups.iter().flat_map(|group| Preview::of(group, settings, now));
    for (place, (preview, wanted)) in begun.enumerate() {
        let (state, places) = (state.clone(), places.clone());
        tasks.spawn(async move {
            // The semaphore is never closed; without a place it would only be faster.
            let _place = places.acquire().await;
            (place, carry_out(&*state, preview, wanted).await)
        });
    }
    let mut done: Vec<(usize, Previewed)> = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        // A panic is a bug in one rule's evaluation: the others are shown.
        done.extend(ended.ok());
    }
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, previewed)| previewed).collect()
}

/// Asks until the rule is evaluated. Queries of templates are asked one after the other.
async fn carry_out<S: Previewing>(state: &S, mut preview: Preview, mut wanted: Vec<Wanted>) -> Previewed {
    while let Some(next) = wanted.pop() {
        let answer = state.ask(&next).await;
        wanted.extend(preview.answered(state.now(), next.id, answer));
    }
    preview.finish()
}

#[derive(Serialize)]
struct PreviewAnswer {
    time: Time,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    rules: Vec<RuleAnswer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleAnswer {
    name: String,
    r#type: &'static str,
    query: String,
    series: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<Vec<AlertAnswer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    samples: Option<Vec<SampleAnswer>>,
    /// How many alerts or samples there are beyond those that are shown.
    #[serde(skip_serializing_if = "is_zero")]
    omitted: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertAnswer {
    labels: Texts,
    annotations: Texts,
    state: &'static str,
    value: String,
    /// With external labels and relabelled; null if the alert would not be sent.
    sent_labels: Option<Texts>,
}

#[derive(Serialize)]
struct SampleAnswer {
    metric: Texts,
    value: String,
}

impl RuleAnswer {
    fn of<S: Previewing>(previewed: Previewed, state: &S) -> RuleAnswer {
        let Previewed { rule, error, warnings, series, alerts, samples } = previewed;
        let is_alerting = matches!(rule.kind, RuleKind::Alerting(_));
        let omitted = alerts.len().max(samples.len()).saturating_sub(SHOWN_MAX);
        let alerts = alerts.into_iter().take(SHOWN_MAX).map(|alert| AlertAnswer::of(alert, state));
        let samples = samples.into_iter().take(SHOWN_MAX).map(SampleAnswer::of);
        RuleAnswer {
            name: rule.name.clone(),
            r#type: if is_alerting { "alerting" } else { "recording" },
            query: rule.shown_expr.clone(),
            series,
            error,
            warnings,
            alerts: is_alerting.then(|| alerts.collect()),
            samples: (!is_alerting).then(|| samples.collect()),
            omitted,
        }
    }
}

impl AlertAnswer {
    fn of<S: Previewing>(alert: PreviewedAlert, state: &S) -> AlertAnswer {
        AlertAnswer {
            sent_labels: state.sent_labels(&alert.labels).map(Texts),
            labels: Texts(alert.labels),
            annotations: Texts(alert.annotations),
            state: state_text(alert.state),
            value: exponent_text(alert.value),
        }
    }
}

impl SampleAnswer {
    fn of(sample: Sample) -> SampleAnswer {
        SampleAnswer { metric: Texts(sample.labels), value: promql::format_number(sample.value) }
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    struct Fixed;

    impl Previewing for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::from_secs(1_767_323_040)
        }

        fn circumstances(&self) -> (Defaults, Settings) {
            (Defaults::default(), Settings::default())
        }

        fn sent_labels(&self, labels: &LabelSet) -> Option<LabelSet> {
            (labels.get("job") != Some("dropped")).then(|| labels.with("cluster", "x"))
        }

        async fn ask(&self, wanted: &Wanted) -> Result<QueryAnswer, QueryFailure> {
            let row = |job: &str, value| (LabelSet::from_pairs([("job", job)]), value);
            match &*wanted.expr {
                "many" => Ok(QueryAnswer::vector((0..1005).map(|n| row(&n.to_string(), 1.0)).collect())),
                "up" => Ok(QueryAnswer::vector(vec![row("a", 0.5), row("dropped", 1.0)])),
                other => Err(QueryFailure::passing(format!("{other} is away"))),
            }
        }

        async fn ask_range(&self, _: &Source, expr: &str, _: Window) -> Result<Vec<RangeSeries>, QueryFailure> {
            Err(QueryFailure::passing(format!("{expr} is away")))
        }
    }

    async fn ask(body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::post("/api/v1/preview").body(body.into()).unwrap();
        let response = router(Arc::new(Fixed)).oneshot(request).await.unwrap();
        let status = response.status();
        (status, serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap())
    }

    #[tokio::test]
    async fn rules_are_shown_with_their_alerts_and_series() {
        let text = "name: g\nrules:\n- {alert: A, expr: up, for: 5m, annotations: {s: '{{ $value }}'}}\n\
                    - {record: r, expr: up}\n- {alert: B, expr: gone}\n- {record: m, expr: many}\n";
        let (status, answer) = ask(text).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let rules = answer["data"]["rules"].as_array().unwrap();
        assert_eq!(
            rules[0],
            json!({
                "name": "A", "type": "alerting", "query": "up", "series": 2,
                "alerts": [
                    {
                        "labels": {"alertname": "A", "job": "a"}, "annotations": {"s": "0.5"}, "state": "pending",
                        "value": "5e-01", "sentLabels": {"alertname": "A", "cluster": "x", "job": "a"},
                    },
                    {
                        "labels": {"alertname": "A", "job": "dropped"}, "annotations": {"s": "1"}, "state": "pending",
                        "value": "1e+00", "sentLabels": null,
                    },
                ],
            })
        );
        assert_eq!(rules[1]["samples"][0], json!({"metric": {"__name__": "r", "job": "a"}, "value": "0.5"}));
        assert_eq!((&rules[2]["error"], &rules[2]["alerts"]), (&json!("gone is away"), &json!([])));
        assert_eq!((&rules[3]["omitted"], rules[3]["samples"].as_array().unwrap().len()), (&json!(5), 1000));
    }

    #[tokio::test]
    async fn mistakes_and_excess_are_bad_data() {
        let many = format!("name: g\nrules:\n{}", "- {record: r, expr: up}\n".repeat(101));
        for (text, expected) in [
            ("alert: A\nexpr: up ==\n", "preview:2:"),
            ("{}", "name"),
            ("", "preview:1:1"),
            (many.as_str(), "101 rules at once are too many"),
        ] {
            let (status, answer) = ask(text.to_owned()).await;
            assert_eq!((status, &answer["errorType"]), (StatusCode::BAD_REQUEST, &json!("bad_data")), "{answer}");
            assert!(answer["error"].as_str().unwrap().contains(expected), "{answer}");
        }
        assert_eq!(ask(vec![0xFF]).await.0, StatusCode::BAD_REQUEST);
    }
}
