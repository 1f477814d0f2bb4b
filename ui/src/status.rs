//! What this process is, how it does, and what it was told to do: build, figures, receivers, configurations.

mod figures;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use figures::Section as Figures;
use model::duration::format_duration;
use notifier::config::Config;
use notifier::io::deliver::Message;
use notifier::io::desk::Desk;
use notifier::io::trial::{NoTrial, SampleAlert, Trial, TrialOrder, Trialed, TriedIntegration, ordered};
use rules_engine::io::state::RulesState;
use serde::Serialize;

use crate::form::Sent;
use crate::here::{Here, query_of};
use crate::house::{House, RuleDesk, Section};
use crate::page::Frame;
use crate::shown::{LONG, SHORT, shown};

/// Of a message in a trial.
const BODY_CHARS_MAX: usize = 2 * LONG;

pub(crate) fn routes<N: Desk, R: RuleDesk>() -> Router<Arc<House<N, R>>> {
    Router::new().route("/status", get(show::<N, R>)).route("/status/trial", get(back::<N, R>).post(trial::<N, R>))
}

#[derive(Serialize)]
struct View {
    version: &'static str,
    external_url: String,
    halves: &'static str,
    has_notifier: bool,
    /// What the metrics say.
    sections: Vec<Figures>,
    receivers: Vec<ReceiverView>,
    configs: Vec<ConfigView>,
}

#[derive(Serialize)]
struct ReceiverView {
    name: String,
    shown: String,
    integrations: Vec<String>,
    rate: Option<String>,
    history: String,
}

#[derive(Serialize)]
struct ConfigView {
    title: &'static str,
    text: String,
}

async fn show<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here) -> Response {
    let config = house.notifier.as_ref().and_then(|desk| desk.read(|notifier, _| notifier.config().cloned()));
    let metrics = (house.figures)().unwrap_or_default();
    let view = View {
        version: house.version,
        external_url: house.external_url.clone(),
        halves: match (&house.notifier, &house.rules) {
            (Some(_), Some(_)) => "rule service and notifier",
            (Some(_), None) => "notifier",
            _ => "rule service",
        },
        has_notifier: house.notifier.is_some(),
        sections: figures::sections(&metrics, house.now()),
        receivers: config
            .iter()
            .flat_map(|config| config.receivers_in_order())
            .map(|receiver| ReceiverView::of(receiver))
            .collect(),
        configs: configs(config.as_deref(), house.rules.as_deref()),
    };
    house.page(&Frame::new(&here, Section::Status, "Status"), "web.status", &view)
}

/// Secrets are not in either of them.
fn configs(config: Option<&Config>, rules: Option<&impl RulesState>) -> Vec<ConfigView> {
    let notifier = config.map(|config| ConfigView { title: "Notifier", text: shown(&config.shown, 100 * LONG) });
    let rules = rules.map(|rules| ConfigView { title: "Rule service", text: shown(&rules.shown_config(), 100 * LONG) });
    notifier.into_iter().chain(rules).filter(|config| !config.text.is_empty()).collect()
}

impl ReceiverView {
    fn of(receiver: &notifier::receiver::Receiver) -> Self {
        let integration = |integration: &Arc<notifier::receiver::Integration>| {
            let quiet = if integration.send_resolved { "" } else { ", firing only" };
            format!("{}[{}]{quiet}", integration.kind, integration.index)
        };
        let rate = receiver.rate.as_ref();
        Self {
            shown: shown(&receiver.name, SHORT),
            integrations: receiver.integrations.iter().map(integration).collect(),
            rate: rate.map(|rate| format!("{} per {}", rate.notifications, format_duration(rate.per))),
            history: query_of([("receiver", receiver.name.as_str())]),
            name: receiver.name.clone(),
        }
    }
}

#[derive(Serialize)]
struct TrialView {
    receiver: String,
    dry_run: bool,
    integrations: Vec<TriedView>,
    failed: bool,
}

#[derive(Serialize)]
struct TriedView {
    name: String,
    outcome: &'static str,
    tone: &'static str,
    message: Option<String>,
    retryable: bool,
    took: String,
    degraded: Option<String>,
    messages: Vec<MessageView>,
}

#[derive(Serialize)]
struct MessageView {
    head: String,
    body: String,
}

async fn back<N: Desk, R: RuleDesk>(State(_house): State<Arc<House<N, R>>>, here: Here) -> Response {
    crate::page::see_other(&here, Section::Status.path())
}

/// A sample sent through a receiver, or only rendered.
async fn trial<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here, sent: Sent) -> Response {
    let Some(desk) = &house.notifier else {
        return house.mistake(
            &here,
            StatusCode::NOT_FOUND,
            "No notifier runs in this process: it has no receivers.",
            None,
        );
    };
    let fields = match sent.fields(&house.form_key, &house.external_url, house.now()) {
        Ok(fields) => fields,
        Err(error) => return house.mistake(&here, error.status(), &error.to_string(), None),
    };
    let receiver = fields.get("receiver").unwrap_or_default().to_owned();
    let order = TrialOrder { receiver, alert: SampleAlert::default(), dry_run: fields.text("how") != "send" };
    let trial = match ordered(desk, order).await {
        Ok(trial) => trial,
        Err(reason) => {
            let status = match reason {
                NoTrial::NoConfig => StatusCode::SERVICE_UNAVAILABLE,
                NoTrial::Unknown(_) => StatusCode::NOT_FOUND,
                NoTrial::Busy => StatusCode::TOO_MANY_REQUESTS,
            };
            return house.mistake(&here, status, &shown(&reason.to_string(), LONG), None);
        }
    };
    house.page(&Frame::new(&here, Section::Status, "Test of a receiver"), "web.trial", &TrialView::of(&trial))
}

impl TrialView {
    fn of(trial: &Trial) -> Self {
        Self {
            receiver: shown(&trial.receiver, SHORT),
            dry_run: trial.dry_run,
            integrations: trial.integrations.iter().map(TriedView::of).collect(),
            failed: trial.has_failed(),
        }
    }
}

impl TriedView {
    fn of(tried: &TriedIntegration) -> Self {
        let (outcome, tone) = match tried.outcome {
            Trialed::Sent => ("sent", "good"),
            Trialed::Rendered => ("rendered, not sent", ""),
            Trialed::Failed => ("failed", "bad"),
        };
        let message = (!tried.message.is_empty()).then(|| shown(&format!("{}: {}", tried.reason, tried.message), LONG));
        Self {
            name: format!("{}[{}]", tried.integration, tried.index),
            outcome,
            tone,
            message,
            retryable: tried.retryable,
            took: format!("{:.1} s", tried.duration_seconds),
            degraded: tried.degraded.as_ref().map(|text| shown(text, LONG)),
            messages: tried.messages.iter().map(MessageView::of).collect(),
        }
    }
}

impl MessageView {
    fn of(message: &Message) -> Self {
        let (head, body) = match message {
            Message::Request { method, url, body } => (format!("{method} {url}"), indented(body)),
            Message::Mail { headers, text, html } => {
                let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                (lines.join("\n"), text.clone().or_else(|| html.clone()).unwrap_or_default())
            }
        };
        Self { head: shown(&head, LONG), body: shown(&body, BODY_CHARS_MAX) }
    }
}

/// JSON on lines of its own; any other text as it is.
fn indented(body: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(body).ok();
    value.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| body.to_owned())
}
