//! Both halves at an instant, behind the APIs and pages that the program serves.

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode, header};
use model::matcher::parse::ParseMode;
use model::source::SourceFile;
use model::{Alert, LabelSet, Timestamp};
use notifier::config::Config;
use notifier::io::api::About;
use notifier::io::deliver::Deliverer;
use notifier::io::desk::Desk;
use notifier::notifier::{Effect, Notifier};
use rules_engine::engine::{Engine, Settings};
use rules_engine::io::api::namespaces::{EditFailure, RuleEditing};
use rules_engine::io::api::preview::Previewing;
use rules_engine::io::query_api::range::{RangeSeries, Window};
use rules_engine::io::send_alerts::TargetTally;
use rules_engine::io::state::{BuildInfo, RulesState};
use rules_engine::io::write_samples::WriteTally;
use rules_engine::namespaces::{Change, Namespaces};
use rules_engine::preview::Wanted;
use rules_engine::rule::{RuleGroup, Source};
use rules_engine::rule_file::Defaults;
use rules_engine::sample::{QueryAnswer, QueryFailure, QueryValue};
use tokio::sync::watch;
use tower::ServiceExt;
use ui::House;
use ui::form::FormKey;

use super::loopback;

pub(crate) const NOW: Timestamp = Timestamp::from_nanos(1_767_323_040_000_000_000);

const CONFIG: &str = "\
route:
  receiver: team
  group_by: [alertname, cluster]
  routes:
  - {matchers: ['severity=critical'], receiver: pager, continue: true}
receivers: [{name: team}, {name: pager}]
";

/// More state than this, and everything begins anew: an input is to be judged by itself.
const ALERTS_MAX: usize = 200;
const SILENCES_MAX: usize = 100;

pub(crate) struct Still {
    notifier: Mutex<Notifier>,
    engine: Mutex<Engine>,
    namespaces: Mutex<Namespaces>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk for Still {
    fn read<T>(&self, look: impl FnOnce(&Notifier, Timestamp) -> T) -> T {
        look(&lock(&self.notifier), NOW)
    }

    fn act<T>(&self, fact: impl FnOnce(&mut Notifier, Timestamp, &mut Vec<Effect>) -> T) -> T {
        fact(&mut lock(&self.notifier), NOW, &mut Vec::new())
    }

    fn deliverer(&self) -> Option<Arc<Deliverer>> {
        None
    }

    fn records(&self, keys: Vec<String>) -> impl Future<Output = Result<Vec<Option<Vec<u8>>>, String>> + Send {
        std::future::ready(Ok(vec![None; keys.len()]))
    }

    fn durable(&self) -> impl Future<Output = Result<(), String>> + Send {
        std::future::ready(Ok(()))
    }
}

impl RulesState for Still {
    fn with_engine<T>(&self, look: impl FnOnce(&Engine) -> T) -> T {
        look(&lock(&self.engine))
    }

    fn notifiers(&self) -> Vec<TargetTally> {
        Vec::new()
    }

    fn writers(&self) -> Vec<(String, WriteTally)> {
        Vec::new()
    }

    fn shown_config(&self) -> String {
        String::new()
    }

    fn build(&self) -> BuildInfo {
        BuildInfo::default()
    }
}

impl Previewing for Still {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn circumstances(&self) -> (Defaults, Settings) {
        (Defaults::default(), Settings::default())
    }

    fn sent_labels(&self, labels: &LabelSet) -> Option<LabelSet> {
        Some(labels.clone())
    }

    async fn ask(&self, _: &Wanted) -> Result<QueryAnswer, QueryFailure> {
        let rows = vec![(LabelSet::from_pairs([("job", "a")]), 1.0), (LabelSet::from_pairs([("job", "b")]), f64::NAN)];
        Ok(QueryAnswer { value: QueryValue::Vector(rows), warnings: Vec::new() })
    }

    async fn ask_range(&self, _: &Source, _: &str, window: Window) -> Result<Vec<RangeSeries>, QueryFailure> {
        let points = vec![(window.start.as_millis(), 1.0), (window.end.as_millis(), f64::INFINITY)];
        Ok(vec![RangeSeries { labels: LabelSet::from_pairs([("job", "a")]), points }])
    }
}

impl RuleEditing for Still {
    fn is_editable(&self) -> bool {
        true
    }

    fn with_namespaces<T>(&self, look: impl FnOnce(&Namespaces, &[RuleGroup]) -> T) -> T {
        look(&lock(&self.namespaces), &[])
    }

    async fn edit(&self, change: Change) -> Result<model::source::Diagnostics, EditFailure> {
        let mut namespaces = lock(&self.namespaces);
        let edit = namespaces.plan(&change, &Defaults::default(), &[])?;
        let warnings = edit.warnings.clone();
        namespaces.apply(edit);
        Ok(warnings)
    }
}

/// Everything that is served.
pub(crate) struct Site {
    pub(crate) desk: Arc<Still>,
    router: Router,
    token: String,
    _end: watch::Sender<bool>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Site {
    pub(crate) fn new() -> Site {
        let (notifier, engine) =
            (Notifier::new(notifier::notifier::Settings::default()), Engine::new(Settings::default()));
        let desk = Arc::new(Still {
            notifier: Mutex::new(notifier),
            engine: Mutex::new(engine),
            namespaces: Mutex::new(Namespaces::default()),
        });
        let file = SourceFile::new("am.yml", CONFIG);
        let nothing = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let config =
            Config::parse(&file, Path::new(""), ParseMode::default(), &nothing).expect("a good configuration").0;
        desk.act(|notifier, now, out| notifier.configure(now, Arc::new(config), out));
        let alert = |name: &str| Alert {
            labels: LabelSet::from_pairs([("alertname", name), ("severity", "critical")]),
            annotations: LabelSet::from_pairs([("summary", "<b>x")]),
            starts_at: None,
            ends_at: None,
            generator_url: "http://p/graph".into(),
        };
        desk.act(|notifier, now, out| notifier.receive(now, vec![alert("Down"), alert("Slow")], out))
            .expect("good alerts");
        let about = About { version: "0", revision: "0", matcher_mode: ParseMode::Fallback, started_at: NOW };
        let (end, ended) = watch::channel(false);
        let form_key = FormKey::new(b"0123456789abcdef");
        let token = form_key.token(NOW);
        let house = House {
            notifier: Some(desk.clone()),
            rules: Some(desk.clone()),
            clock: Arc::new(|| NOW),
            external_url: "http://w".to_owned(),
            version: "0",
            matcher_mode: ParseMode::Fallback,
            form_key,
            ended,
            viewers: Arc::default(),
            figures: Arc::new(|| None),
            pages: OnceLock::new(),
        };
        let router = Router::new()
            .merge(notifier::io::api::router(desk.clone(), about, false))
            .merge(rules_engine::io::api::router(desk.clone()))
            .merge(rules_engine::io::api::preview::router(desk.clone()))
            .merge(rules_engine::io::api::namespaces::router(desk.clone()))
            .merge(ui::router(house));
        Site { desk, router, token, _end: end }
    }

    /// Whether so much has come in that it should begin anew.
    pub(crate) fn is_full(&self) -> bool {
        let (alerts, silences) = self.desk.read(|notifier, _| (notifier.alert_count(), notifier.silences().count()));
        alerts > ALERTS_MAX || silences > SILENCES_MAX || lock(&self.desk.namespaces).len() > SILENCES_MAX
    }

    /// Sends a request. None if it is none.
    pub(crate) fn ask(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> Option<Answer> {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
        let request = request.body(Body::from(body)).ok()?;
        let answer = loopback::run(async {
            let response = self.router.clone().oneshot(request).await.expect("routers always answer");
            let status = response.status();
            let is_stream =
                response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
            let body = if is_stream {
                Bytes::new()
            } else {
                to_bytes(response.into_body(), 64 << 20).await.expect("a whole answer")
            };
            Answer { status, body }
        });
        let is_fault = answer.status.is_server_error() && answer.status != StatusCode::SERVICE_UNAVAILABLE;
        assert!(!is_fault, "{method} {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        Some(answer)
    }

    /// Sends a form as a page of ours does.
    pub(crate) fn send(&self, path: &str, fields: &str) -> Option<Answer> {
        let body = format!("{fields}&token={}", self.token);
        self.ask("POST", path, "application/x-www-form-urlencoded", body.into_bytes())
    }
}
