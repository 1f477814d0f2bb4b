//! One alert: what it is, since when, what its rule saw, and who was told or why not: `/alerts/FINGERPRINT`.

mod story;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use model::labels::Fingerprint;
use model::{LabelSet, Matcher};
use notifier::explanation::{Explanation, ReceiverAnswer, Why};
use notifier::io::desk::Desk;
use notifier::io::explaining::explain;
use notifier::notifier::{Asked, Notifier};
use serde::Serialize;

use crate::alerts::card::{Label, matchers};
use crate::alerts::filter::Term;
use crate::alerts::request::Request;
use crate::alerts::state::States;
use crate::here::Here;
use crate::house::{House, RuleDesk, Section};
use crate::moment::Moment;
use crate::page::Frame;
use crate::plot::Drawing;
use crate::shown::{LONG, SHORT, link, shown};
use story::{Chapter, RuleStory};

/// Annotations that are said first, without their name.
const SUMMARIES: [&str; 4] = ["summary", "title", "message", "description"];
/// A longer text of matchers is in no link.
const LINK_BYTES_MAX: usize = 4000;

pub(crate) fn routes<N: Desk, R: RuleDesk>() -> Router<Arc<House<N, R>>> {
    Router::new().route("/alerts/{fingerprint}", get(show::<N, R>))
}

/// The page as its template sees it.
#[derive(Debug, Serialize)]
struct View {
    fingerprint: String,
    title: String,
    /// What it comes to, in words, if it does not simply fire.
    standing: Option<String>,
    /// Whether it fires.
    fires: bool,
    badges: Vec<&'static str>,
    since: Option<Moment>,
    summaries: Vec<String>,
    labels: Vec<Label>,
    annotations: Vec<Annotation>,
    source: Option<String>,
    ack: Option<Ack>,
    receivers: Vec<Receiver>,
    rule: Option<Rule>,
    plot: Option<Drawing>,
    /// Why there is no plot.
    plotless: Option<String>,
    story: Vec<Chapter>,
    matchers: String,
    /// Whether a link can hold the matchers.
    linked: bool,
    /// What a silence of exactly these labels would mute beside it.
    others: usize,
}

#[derive(Debug, Serialize)]
struct Annotation {
    name: String,
    value: String,
    link: Option<String>,
}

#[derive(Debug, Serialize)]
struct Ack {
    by: String,
    comment: String,
    at: Moment,
    until: Option<Moment>,
}

#[derive(Debug, Serialize)]
struct Receiver {
    name: String,
    verdict: String,
    text: String,
    next: Option<Moment>,
    integrations: Vec<Integration>,
}

#[derive(Debug, Serialize)]
struct Integration {
    name: String,
    text: String,
    last: Option<Moment>,
}

/// The rule it comes from.
#[derive(Debug, Serialize)]
struct Rule {
    name: String,
    group: String,
    file: String,
    expr: String,
    hold: String,
    interval: String,
    query: String,
}

/// What only the list of alerts knows, not its explanation.
#[derive(Default)]
struct Live {
    annotations: LabelSet,
    states: States,
    source: String,
    ack: Option<Ack>,
    others: usize,
}

async fn show<N: Desk, R: RuleDesk>(
    State(house): State<Arc<House<N, R>>>,
    Path(fingerprint): Path<String>,
    here: Here,
) -> Response {
    let Some(desk) = &house.notifier else {
        return house.mistake(&here, StatusCode::NOT_FOUND, "No notifier runs here.", None);
    };
    let unknown = || {
        house.mistake(&here, StatusCode::NOT_FOUND, "There is no such alert, as far as the history goes back.", None)
    };
    let Some(hash) = u64::from_str_radix(&fingerprint, 16).ok().filter(|_| fingerprint.len() == 16) else {
        return unknown();
    };
    let explained = match explain(&**desk, here.caller(), &Asked::Fingerprint(Fingerprint(hash)), 1).await {
        Ok(explained) => explained,
        Err(error) => return house.mistake(&here, StatusCode::SERVICE_UNAVAILABLE, &error.to_string(), None),
    };
    let Some(explanation) = explained.alerts.into_iter().next() else { return unknown() };
    let labels = explanation.labels.clone();
    let live = desk.read(|notifier, now| live(notifier, now, &labels));
    // A rule and its series may be about others' alerts too.
    let rules = house.rules.as_ref().filter(|_| !here.caller().is_scoped());
    let rule = rules.and_then(|rules| {
        rules.with_engine(|engine| RuleStory::find(engine, &labels, live.as_ref().map_or("", |live| &live.source)))
    });
    let (plot, plotless) = match (rules, &rule) {
        (Some(rules), Some(rule)) => match rule.plot(&**rules, &explanation, house.now()).await {
            Ok(plot) => (Some(plot), None),
            Err(why) => (None, Some(format!("The query source did not answer: {}", shown(&why, SHORT)))),
        },
        (Some(_), None) => (None, Some("It comes from no rule that is evaluated here.".to_owned())),
        (None, _) if house.rules.is_some() => {
            let why = "Its rule is not shown, as it may be about others' alerts too.";
            (None, Some(why.to_owned()))
        }
        (None, _) => {
            let why = "No rule service runs here, so there is nobody to ask for its series: its source draws it.";
            (None, Some(why.to_owned()))
        }
    };
    let view = View { plot, plotless, ..View::of(explanation, live, rule.as_ref()) };
    let title = format!("{} {}", view.title, view.fingerprint);
    let frame = Frame::new(&here, Section::Alerts, &title).with_scripts(&["alert.js"]);
    house.page(&frame, "web.alert", &view)
}

fn live(notifier: &Notifier, now: model::Timestamp, labels: &LabelSet) -> Option<Live> {
    let matchers: Vec<Matcher> = labels.iter().map(|(name, value)| Matcher::equal(name, value)).collect();
    let hash = labels.fingerprint();
    let mut live = None;
    let mut others = 0;
    for alert in notifier.alerts_matching(now, &matchers) {
        if alert.fingerprint() != hash {
            others += 1;
            continue;
        }
        let ack = alert.acknowledged().map(|ack| Ack {
            by: shown(&ack.by, SHORT),
            comment: shown(&ack.comment, LONG),
            at: ack.at.into(),
            until: ack.until.map(Moment::from),
        });
        live = Some(Live {
            annotations: alert.annotations(),
            states: States::of(&alert, false),
            source: alert.generator_url().to_string(),
            ack,
            others: 0,
        });
    }
    live.map(|live| Live { others, ..live })
}

impl View {
    fn of(explanation: Explanation, live: Option<Live>, rule: Option<&RuleStory>) -> Self {
        let fires = live.is_some();
        let mut live = live.unwrap_or_default();
        let mutes = |one: &ReceiverAnswer| matches!(one.answer.reason, Why::Muted | Why::OutsideActiveIntervals);
        live.states.is_muted = !explanation.receivers.is_empty() && explanation.receivers.iter().all(mutes);
        let story = story::told(&explanation, rule);
        let labels = &explanation.labels;
        let matchers = matchers(labels);
        let summaries = SUMMARIES.iter().filter_map(|name| live.annotations.get(name)).map(|text| shown(text, LONG));
        Self {
            fingerprint: explanation.fingerprint.to_string(),
            title: shown(labels.get("alertname").unwrap_or("An alert without a name"), SHORT),
            standing: Some(shown(&explanation.answer.text, LONG))
                .filter(|_| explanation.answer.reason != Why::Reported),
            fires,
            badges: live.states.badges(),
            since: explanation.starts_at.map(|at| at.0.into()),
            summaries: summaries.collect(),
            labels: labels.iter().map(|(name, value)| label(name, value)).collect(),
            annotations: live.annotations.iter().map(|(name, value)| annotation(name, value)).collect(),
            source: link(&live.source).map(str::to_owned),
            ack: live.ack,
            receivers: explanation.receivers.iter().map(receiver).collect(),
            rule: rule.map(RuleStory::shown),
            plot: None,
            plotless: None,
            story,
            linked: matchers.len() <= LINK_BYTES_MAX,
            matchers,
            others: live.others,
        }
    }
}

fn label(name: &str, value: &str) -> Label {
    let query = match value.len() <= LINK_BYTES_MAX {
        true => Request::default().with(Term::label(name, value)).query(),
        false => String::new(),
    };
    Label { name: shown(name, SHORT), value: shown(value, LONG), query }
}

fn annotation(name: &str, value: &str) -> Annotation {
    Annotation { name: shown(name, SHORT), value: shown(value, LONG), link: link(value).map(str::to_owned) }
}

fn receiver(answer: &ReceiverAnswer) -> Receiver {
    let integrations = answer.integrations.iter().map(|one| Integration {
        name: format!("{}[{}]", one.integration, one.index),
        text: shown(&one.answer.text, LONG),
        last: one.last_told.map(|at| at.0.into()),
    });
    Receiver {
        name: shown(&answer.receiver, SHORT),
        verdict: in_words(&answer.answer.verdict),
        text: shown(&answer.answer.text, LONG),
        next: answer.group.next_decision.map(|at| at.0.into()),
        integrations: integrations.collect(),
    }
}

/// `not_told` as `not told`: what the API calls it.
fn in_words(verdict: &impl Serialize) -> String {
    // A name can always be written.
    let name = serde_json::to_value(verdict).ok();
    name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().replace('_', " ")
}
