//! Pages over machines that stand still: what they show of fixed and of hostile alerts, and how quickly of many.

mod alerts;
mod rules;
mod silences;
mod speed;

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use model::matcher::parse::ParseMode;
use model::source::SourceFile;
use model::{Alert, LabelSet, Timestamp};
use notifier::config::Config;
use notifier::io::deliver::Deliverer;
use notifier::io::desk::Desk;
use notifier::notifier::{Effect, Notifier, Settings};
use rules_engine::engine::Engine;
use rules_engine::io::api::preview::Previewing;
use rules_engine::io::query_api::range::{RangeSeries, Window};
use rules_engine::io::send_alerts::TargetTally;
use rules_engine::io::state::{BuildInfo, RulesState};
use rules_engine::io::write_samples::WriteTally;
use rules_engine::preview::Wanted;
use rules_engine::rule::Source;
use rules_engine::rule_file::Defaults;
use rules_engine::sample::{QueryAnswer, QueryFailure, QueryValue};
use tokio::sync::watch;
use tower::ServiceExt;

use crate::form::FormKey;
use crate::house::House;

pub(crate) const NOW: Timestamp = Timestamp::from_nanos(1_767_323_040_000_000_000);

/// Both halves at an instant.
pub(crate) struct Still {
    notifier: Mutex<Notifier>,
    engine: Mutex<Engine>,
}

impl Desk for Still {
    fn read<T>(&self, look: impl FnOnce(&Notifier, Timestamp) -> T) -> T {
        look(&self.notifier.lock().unwrap(), NOW)
    }

    fn act<T>(&self, fact: impl FnOnce(&mut Notifier, Timestamp, &mut Vec<Effect>) -> T) -> T {
        fact(&mut self.notifier.lock().unwrap(), NOW, &mut Vec::new())
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
        look(&self.engine.lock().unwrap())
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

    fn circumstances(&self) -> (Defaults, rules_engine::engine::Settings) {
        (Defaults::default(), rules_engine::engine::Settings::default())
    }

    fn sent_labels(&self, labels: &LabelSet) -> Option<LabelSet> {
        Some(labels.clone())
    }

    async fn ask(&self, wanted: &Wanted) -> Result<QueryAnswer, QueryFailure> {
        answered(&wanted.expr)
    }

    async fn ask_range(&self, _: &Source, expr: &str, window: Window) -> Result<Vec<RangeSeries>, QueryFailure> {
        let rows = match answered(expr)?.value {
            QueryValue::Vector(rows) => rows,
            QueryValue::Scalar(value) => vec![(LabelSet::empty(), value)],
        };
        let line = |(labels, value)| RangeSeries { labels, points: vec![(window.start.as_millis(), value)] };
        Ok(rows.into_iter().map(line).collect())
    }
}

/// What the query source of these tests says: two series of `up`, nothing else, and no word about what is `away`.
fn answered(expr: &str) -> Result<QueryAnswer, QueryFailure> {
    let row = |job: &str, value| (LabelSet::from_pairs([("__name__", "up"), ("job", job)]), value);
    match expr {
        "up" | "up > 0" => Ok(QueryAnswer::vector(vec![row("api", 1.0), row("web", 2.5)])),
        "up < 0.5 or away" | "away" => Err(QueryFailure::passing("connection refused")),
        _ => Ok(QueryAnswer::vector(Vec::new())),
    }
}

/// The site over a notifier, and over a rule service if `with_rules`.
pub(crate) struct Site {
    desk: Arc<Still>,
    router: Router,
    token: String,
    _end: watch::Sender<bool>,
}

/// What a page answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) text: String,
}

const CONFIG: &str = "\
route:
  receiver: team
  group_by: [alertname, cluster]
  routes:
  - {matchers: ['severity=critical'], receiver: pager, continue: true, group_by: [alertname, cluster]}
  - {receiver: team, group_by: [alertname, cluster]}
receivers: [{name: team}, {name: pager}]
";

impl Site {
    pub(crate) fn new(alerts: Vec<Alert>) -> Self {
        Self::with(CONFIG, alerts)
    }

    pub(crate) fn with(config: &str, alerts: Vec<Alert>) -> Self {
        let file = SourceFile::new("am.yml".to_owned(), config.to_owned());
        let config = Config::parse(&file, Path::new(""), ParseMode::default(), &|path| std::fs::read_to_string(path));
        let desk = Arc::new(Still {
            notifier: Mutex::new(Notifier::new(Settings::default())),
            engine: Mutex::new(Engine::new(rules_engine::engine::Settings::default())),
        });
        let config = Arc::new(config.unwrap_or_else(|mistakes| panic!("{mistakes}")).0);
        desk.act(|notifier, now, out| notifier.configure(now, config, out));
        desk.act(|notifier, now, out| notifier.receive(now, alerts, out)).unwrap();
        let (end, ended) = watch::channel(false);
        let form_key = FormKey::new(b"0123456789abcdef");
        let token = form_key.token(NOW);
        let house = House {
            notifier: Some(desk.clone()),
            rules: Some(desk.clone()),
            clock: Arc::new(|| NOW),
            external_url: "http://watchfire.example".to_owned(),
            version: "0",
            matcher_mode: ParseMode::default(),
            form_key,
            ended,
            viewers: Arc::default(),
            figures: Arc::new(|| None),
            pages: OnceLock::new(),
        };
        Self { desk: desk.clone(), router: crate::router(house), token, _end: end }
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let location = response.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned());
        let status = response.status();
        let body = to_bytes(response.into_body(), 64 << 20).await.unwrap();
        Answer { status, location, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Sends a form as a page of ours does.
    pub(crate) async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = [("token", self.token.as_str())];
        let body = crate::here::query_of(fields.iter().copied().chain(token));
        let request = Request::post(path).header("sec-fetch-site", "same-origin");
        let kind = "application/x-www-form-urlencoded";
        self.ask(request.header(header::CONTENT_TYPE, kind).body(Body::from(body)).unwrap()).await
    }
}

/// An alert that began some seconds ago.
pub(crate) fn alert(labels: &[(&str, &str)], annotations: &[(&str, &str)], age_s: i64) -> Alert {
    Alert {
        labels: LabelSet::from_pairs(labels.iter().copied()),
        annotations: LabelSet::from_pairs(annotations.iter().copied()),
        starts_at: Some(Timestamp::from_secs(NOW.as_millis() / 1000 - age_s)),
        ends_at: None,
        generator_url: "http://prometheus.example/graph?g0.expr=up".into(),
    }
}

#[test]
fn every_page_compiles_and_includes_what_there_is() {
    assert_eq!(templates::handlebars::Registry::web().check(), Ok(()));
}
