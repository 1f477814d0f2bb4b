//! The rule config API of Mimir, Cortex and Loki: rule groups by namespace and name, as YAML. Grafana, `mimirtool rules`
//! and `lokitool rules` edit rules through it.
//!
//! | | |
//! |---|---|
//! | `GET …`, `GET …/{namespace}` | a mapping of namespaces to groups |
//! | `GET …/{namespace}/{group}` | a group |
//! | `POST …/{namespace}` | sets a group |
//! | `DELETE …/{namespace}`, `DELETE …/{namespace}/{group}` | removes groups |

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use model::source::Diagnostics;

use crate::namespaces::{Change, Namespaces, Refusal, TEXT_BYTES_MAX};
use crate::rule::RuleGroup;

/// Where it lies: Mimir's place below the URL of a data source, Mimir's own, Loki's, and the old ones of both.
const PREFIXES: [&str; 4] =
    ["/config/v1/rules", "/prometheus/config/v1/rules", "/loki/api/v1/rules", "/api/prom/rules"];

/// Cortex' place, where the list of all namespaces is hidden by Prometheus' `/api/v1/rules`.
const CORTEX_PREFIX: &str = "/api/v1/rules";

/// The keeper of the groups.
pub trait RuleEditing: Send + Sync + 'static {
    /// Whether groups may be set and removed.
    fn is_editable(&self) -> bool;

    /// Looks at what was set, and at the groups of rule files; called for a moment only.
    fn with_namespaces<T>(&self, look: impl FnOnce(&Namespaces, &[RuleGroup]) -> T) -> T;

    /// Checks a change, stores it, and puts it in force; gives the warnings.
    fn edit(&self, change: Change) -> impl Future<Output = Result<Diagnostics, EditFailure>> + Send;
}

/// Why nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditFailure {
    /// It may not be.
    Refused(Refusal),
    /// It could not be stored.
    NotStored(String),
}

impl From<Refusal> for EditFailure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The routes, below the root of the service.
pub fn router<S: RuleEditing>(state: Arc<S>) -> Router {
    let mut router = Router::new();
    for prefix in PREFIXES {
        router = router.route(prefix, get(list::<S>));
    }
    for prefix in PREFIXES.into_iter().chain([CORTEX_PREFIX]) {
        let of_namespace = get(list_one::<S>).merge(post(set::<S>)).delete(remove_namespace::<S>);
        let of_group = get(show::<S>).delete(remove::<S>);
        router = router
            .route(&format!("{prefix}/{{namespace}}"), of_namespace)
            .route(&format!("{prefix}/{{namespace}}/{{group}}"), of_group);
    }
    router.layer(DefaultBodyLimit::max(TEXT_BYTES_MAX)).with_state(state)
}

async fn list<S: RuleEditing>(State(state): State<Arc<S>>) -> Response {
    listed(state.with_namespaces(|namespaces, files| namespaces.list(None, files)))
}

async fn list_one<S: RuleEditing>(State(state): State<Arc<S>>, Path(namespace): Path<String>) -> Response {
    listed(state.with_namespaces(|namespaces, files| namespaces.list(Some(&namespace), files)))
}

async fn show<S: RuleEditing>(
    State(state): State<Arc<S>>,
    Path((namespace, group)): Path<(String, String)>,
) -> Response {
    match state.with_namespaces(|namespaces, files| namespaces.show(&namespace, &group, files)) {
        Some(yaml) => answer(StatusCode::OK, "application/yaml", yaml),
        None => refused(&Refusal::NoGroup),
    }
}

async fn set<S: RuleEditing>(State(state): State<Arc<S>>, Path(namespace): Path<String>, body: Bytes) -> Response {
    match String::from_utf8(body.into()) {
        Ok(text) => edit(&state, Change::Set { namespace, text }).await,
        Err(_) => plain(StatusCode::BAD_REQUEST, "the rule group is not UTF-8"),
    }
}

async fn remove<S: RuleEditing>(
    State(state): State<Arc<S>>,
    Path((namespace, group)): Path<(String, String)>,
) -> Response {
    edit(&state, Change::Remove { namespace, group }).await
}

async fn remove_namespace<S: RuleEditing>(State(state): State<Arc<S>>, Path(namespace): Path<String>) -> Response {
    edit(&state, Change::RemoveNamespace { namespace }).await
}

async fn edit<S: RuleEditing>(state: &Arc<S>, change: Change) -> Response {
    if !state.is_editable() {
        let why = "rules cannot be changed through this API: start the service with --rules.enable-api";
        return plain(StatusCode::FORBIDDEN, why);
    }
    match state.edit(change).await {
        Ok(_) => {
            let accepted = r#"{"status":"success","data":null,"errorType":"","error":""}"#;
            answer(StatusCode::ACCEPTED, "application/json", accepted.to_owned())
        }
        Err(EditFailure::Refused(refusal)) => refused(&refusal),
        Err(EditFailure::NotStored(why)) => plain(StatusCode::SERVICE_UNAVAILABLE, &format!("not stored: {why}")),
    }
}

fn listed(yaml: Option<String>) -> Response {
    match yaml {
        Some(yaml) => answer(StatusCode::OK, "application/yaml", yaml),
        // Grafana takes these words for an empty list.
        None => plain(StatusCode::NOT_FOUND, "no rule groups found"),
    }
}

fn refused(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::NoGroup | Refusal::NoNamespace => StatusCode::NOT_FOUND,
        Refusal::RuleFile(_) => StatusCode::FORBIDDEN,
        Refusal::Invalid(_) | Refusal::Full => StatusCode::BAD_REQUEST,
    };
    plain(status, &refusal.to_string())
}

/// As Go's `http.Error` answers.
fn plain(status: StatusCode, text: &str) -> Response {
    answer(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
