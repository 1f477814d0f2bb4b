//! The admission webhook: PrometheusRule and AlertmanagerConfig objects with mistakes are refused when they are applied.
//!
//! Paths, questions and answers are those of the operator's webhook. What is checked is what the services themselves check
//! when they read an object.
//!
//! - [`rules`]: whether PrometheusRules can be evaluated
//! - [`alertmanager_configs`]: whether AlertmanagerConfigs can be merged
//! - [`counts`]: the metrics

pub mod alertmanager_configs;
pub mod counts;
pub mod rules;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use kubernetes::admission::{Request, Verdict, answer, converted, mutation, read};
use kubernetes::alertmanager_config::convert;
use model::matcher::parse::ParseMode;
use rules_engine::rule_file::NameScheme;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use counts::AdmissionTally;

/// The largest review: API servers take objects of 3 MiB, and send the new and the old one.
const BODY_BYTES_MAX: usize = 8 << 20;
/// Reviews that are looked at at the same time; the others wait.
const REVIEWS_MAX: usize = 4;

/// What objects are held to.
#[derive(Clone, Debug)]
pub struct Checks {
    /// Names of metrics and labels.
    pub names: NameScheme,
    /// Experimental parts of PromQL.
    pub promql: promql::Options,
    /// The syntax of matchers.
    pub matcher_mode: ParseMode,
}

/// The webhook.
pub struct Webhook {
    checks: Checks,
    places: Semaphore,
    /// What was answered.
    pub tally: Arc<AdmissionTally>,
}

/// A question about one kind of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// May this rule be stored?
    ValidateRule,
    /// What must be changed in it?
    MutateRule,
    /// May this AlertmanagerConfig be stored?
    ValidateConfig,
}

impl Question {
    /// The resource it is about.
    fn resource(self) -> &'static str {
        match self {
            Self::ValidateRule | Self::MutateRule => "prometheusrules",
            Self::ValidateConfig => "alertmanagerconfigs",
        }
    }

    /// As metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ValidateRule => "validate_prometheusrule",
            Self::MutateRule => "mutate_prometheusrule",
            Self::ValidateConfig => "validate_alertmanagerconfig",
        }
    }
}

impl Webhook {
    /// With these checks.
    pub fn new(checks: Checks) -> Arc<Webhook> {
        Arc::new(Webhook { checks, places: Semaphore::new(REVIEWS_MAX), tally: Arc::default() })
    }

    /// Its paths.
    pub fn router(self: &Arc<Self>) -> Router {
        let asked = |question| {
            let webhook = self.clone();
            any(move |headers: HeaderMap, body: Bytes| async move { webhook.review(question, &headers, body).await })
        };
        let webhook = self.clone();
        let conversion = any(move |headers: HeaderMap, body: Bytes| async move {
            webhook.answer(&headers, body, |_, body| converted(body, convert)).await
        });
        Router::new()
            .route("/admission-prometheusrules/validate", asked(Question::ValidateRule))
            .route("/admission-prometheusrules/mutate", asked(Question::MutateRule))
            .route("/admission-alertmanagerconfigs/validate", asked(Question::ValidateConfig))
            .route("/convert", conversion)
            .route("/healthz", any(|| async { axum::Json(json!({"status": "up"})) }))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
    }

    async fn review(self: Arc<Self>, question: Question, headers: &HeaderMap, body: Bytes) -> Response {
        let reviewed = move |webhook: &Webhook, body: &[u8]| {
            let request = read(body);
            let verdict = match &request {
                Ok(request) => webhook.verdict(question, request),
                Err(why) => Verdict::denied(why.clone()),
            };
            webhook.tally.answered(question, verdict.causes.is_empty());
            answer(request.as_ref().ok(), &verdict)
        };
        self.answer(headers, body, reviewed).await
    }

    /// Answers on a thread for work that takes its time.
    async fn answer(
        self: Arc<Self>,
        headers: &HeaderMap,
        body: Bytes,
        work: impl FnOnce(&Webhook, &[u8]) -> Value + Send + 'static,
    ) -> Response {
        if headers.get(CONTENT_TYPE).is_none_or(|value| value != "application/json") {
            return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "the Content-Type must be application/json").into_response();
        }
        if body.is_empty() {
            return (StatusCode::BAD_REQUEST, "the body is empty").into_response();
        }
        let Ok(_place) = self.places.acquire().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
        let webhook = self.clone();
        match tokio::task::spawn_blocking(move || work(&webhook, &body)).await {
            Ok(answer) => axum::Json(answer).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }

    fn verdict(&self, question: Question, request: &Request) -> Verdict {
        let expected = question.resource();
        if (&*request.group, &*request.resource) != ("monitoring.coreos.com", expected) {
            return Verdict::denied(format!(
                "expected {expected}.monitoring.coreos.com, found {}.{}",
                request.resource, request.group
            ));
        }
        let Some(object) = &request.object else { return Verdict::allowed() };
        match question {
            Question::ValidateRule => rules::verdict(object, &request.namespace, &self.checks),
            Question::MutateRule => Verdict { patch: mutation::of_prometheus_rule(object), ..Verdict::default() },
            Question::ValidateConfig => alertmanager_configs::verdict(object, &request.namespace, &self.checks),
        }
    }
}
