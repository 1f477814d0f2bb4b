//! The history: who was told what when, what failed and why; over time, by receiver, and event by event.

mod course;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use model::Timestamp;
use model::labels::Fingerprint;
use model::matcher::parse::ParseMode;
use model::pattern::anchored;
use notifier::explanation::told::{ToldAlert, name, text};
use notifier::history::event::Event;
use notifier::io::archive;
use notifier::io::archive::question::{Place, Question, page};
use notifier::io::desk::Desk;
use serde::Serialize;

use crate::here::{Here, query_of};
use crate::house::{House, RuleDesk, Section};
use crate::matchers::read_all;
use crate::moment::Moment;
use crate::page::Frame;
use crate::plot::Drawing;
use crate::shown::{LONG, SHORT, shown};

/// Events on a page.
const EVENTS: usize = 100;
/// Events that the plot and the figures are made of, the latest.
const EVENTS_COUNTED: usize = 10_000;
/// Alerts that are listed with an event.
const ALERTS_LISTED: usize = 3;

/// A longer key is in no link.
const KEY_BYTES_MAX: usize = 1500;

/// How far back is looked.
const RANGES: &[(&str, &str, u64)] = &[
    ("1h", "last hour", 3600),
    ("6h", "last 6 hours", 6 * 3600),
    ("1d", "last day", 24 * 3600),
    ("7d", "last 7 days", 7 * 24 * 3600),
    ("all", "all that is kept", 0),
];
/// Where nothing is said about it.
const RANGE: (&str, u64) = ("1d", 24 * 3600);

/// Kinds of events, under the words of the page.
const KINDS: &[(&str, &str, &[&str])] = &[
    ("", "everything", &[]),
    ("told", "notifications", &["delivered"]),
    ("failed", "failures", course::FAILURES),
    ("hidden", "hidden and shown again", &["hidden", "shown", "ended_hidden"]),
    (
        "untold",
        "not told for other reasons",
        &["unchanged", "resolves_unwanted", "no_integrations", "ended_untold", "moved"],
    ),
];

pub(crate) fn routes<N: Desk, R: RuleDesk>() -> Router<Arc<House<N, R>>> {
    Router::new().route("/history", get(show::<N, R>))
}

#[derive(Serialize)]
struct View {
    /// As they were written.
    q: String,
    group: String,
    group_shown: String,
    fingerprint: String,
    wrong: Option<String>,
    receivers: Vec<Choice>,
    kinds: Vec<Choice>,
    ranges: Vec<Choice>,
    plot: Option<Drawing>,
    figures: Vec<course::Figures>,
    /// The figures are of so many events, the latest.
    counted: Option<usize>,
    events: Vec<EventView>,
    /// Where the next page begins.
    older: Option<String>,
    /// It is not the first page.
    is_later: bool,
    newest: String,
    export: String,
}

/// An entry of a list to choose from.
#[derive(Serialize)]
struct Choice {
    value: String,
    text: String,
    selected: bool,
}

#[derive(Serialize)]
struct EventView {
    at: Moment,
    event: &'static str,
    /// Style class: `good`, `bad`, `muted`, or none.
    tone: &'static str,
    receiver: String,
    integration: Option<String>,
    text: String,
    group: String,
    /// Of the events of its group; none where its key is too long for an address.
    group_query: Option<String>,
    alerts: Vec<AlertView>,
    more: usize,
}

#[derive(Serialize)]
struct AlertView {
    fingerprint: String,
    labels: String,
    status: &'static str,
}

/// What somebody asks for.
struct Asked {
    question: Question,
    place: Option<Place>,
    range: &'static str,
    kind: &'static str,
    receiver: String,
}

async fn show<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here) -> Response {
    let Some(desk) = &house.notifier else {
        return house.mistake(&here, StatusCode::NOT_FOUND, "No notifier runs in this process: nobody is told.", None);
    };
    let now = house.now();
    // The names of receivers are others' business too.
    let config = desk.read(|notifier, _| notifier.config().cloned()).filter(|_| !here.caller().is_scoped());
    let (mut asked, wrong) = match Asked::read(&here, house.matcher_mode, now) {
        Ok(asked) => (asked, None),
        Err((asked, wrong)) => (asked, Some(wrong)),
    };
    asked.question.caller = here.caller().clone();
    archive::settle(&**desk).await;
    let counted = page(&**desk, &asked.question, None, EVENTS_COUNTED).await;
    let listed = page(&**desk, &asked.question, asked.place, EVENTS).await;
    let ((counted, cut), (listed, next)) = match (counted, listed) {
        (Ok(counted), Ok(listed)) => (counted, listed),
        (Err(error), _) | (_, Err(error)) => {
            return house.mistake(&here, StatusCode::SERVICE_UNAVAILABLE, &error.to_string(), None);
        }
    };
    let names = config.map(|config| config.receiver_order.clone()).unwrap_or_default();
    let course = course::Course::of(&counted, asked.question.from, now);
    let status = if wrong.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let view = View {
        q: here.parameter("q").unwrap_or_default(),
        group_shown: shown(&here.parameter("group").unwrap_or_default(), SHORT),
        group: here.parameter("group").unwrap_or_default(),
        fingerprint: here.parameter("fingerprint").unwrap_or_default(),
        wrong: wrong.map(|wrong| shown(&wrong, LONG)),
        receivers: receivers(&names, &asked.receiver),
        kinds: KINDS.iter().map(|(value, text, _)| choice(value, text, asked.kind)).collect(),
        ranges: RANGES.iter().map(|(value, text, _)| choice(value, text, asked.range)).collect(),
        plot: course.plot().map(|plot| plot.drawing()),
        figures: course.figures(),
        counted: cut.map(|_| counted.len()),
        events: listed.into_iter().map(EventView::of).collect(),
        older: next.map(|place| asked.query(&here, Some(place))),
        is_later: asked.place.is_some(),
        newest: asked.query(&here, None),
        export: asked.export(&here),
    };
    house.page_with(status, &Frame::new(&here, Section::History, "History"), "web.history", &view)
}

fn choice(value: &str, text: &str, chosen: &str) -> Choice {
    Choice { value: value.to_owned(), text: text.to_owned(), selected: value == chosen }
}

/// Those of the configuration, and the one that is asked for where it has gone.
fn receivers(names: &[String], chosen: &str) -> Vec<Choice> {
    let gone = (!chosen.is_empty() && !names.iter().any(|name| name == chosen)).then(|| chosen.to_owned());
    let named = names.iter().cloned().chain(gone);
    let all = std::iter::once(choice("", "every receiver", chosen));
    all.chain(named.map(|name| choice(&name, &shown(&name, SHORT), chosen))).collect()
}

impl Asked {
    /// With what can be read of it, where something cannot.
    #[expect(clippy::result_large_err, reason = "made once for a request")]
    fn read(here: &Here, mode: ParseMode, now: Timestamp) -> Result<Self, (Self, String)> {
        let given = |name: &str| here.parameter(name).unwrap_or_default();
        let (range, seconds) =
            RANGES.iter().find(|(value, ..)| *value == given("range")).map_or(RANGE, |range| (range.0, range.2));
        let kind = KINDS.iter().find(|(value, ..)| *value == given("what"));
        let (kind, events) = kind.map_or(("", &[][..]), |(value, _, events)| (*value, *events));
        let receiver = given("receiver");
        let mut question =
            Question { events: events.iter().map(|name| (*name).to_owned()).collect(), ..Question::default() };
        if seconds > 0 {
            question.from = now.minus(Duration::from_secs(seconds));
        }
        // A name that is escaped and anchored is a pattern, unless it is too long for one.
        let mut wrong = None;
        if !receiver.is_empty() {
            match anchored(&regex::escape(&receiver)) {
                Ok(pattern) => question.receiver = Some(pattern),
                Err(error) => wrong = Some(format!("The receiver cannot be looked for: {error}.")),
            }
        }
        question.group = here.parameter("group");
        if let Some(text) = here.parameter("fingerprint") {
            match u64::from_str_radix(&text, 16) {
                Ok(hash) if text.len() == 16 => question.fingerprint = Some(Fingerprint(hash)),
                _ => wrong = Some("A fingerprint has 16 hexadecimal digits.".to_owned()),
            }
        }
        match read_all(&given("q"), mode) {
            Ok(matchers) => question.matchers = matchers,
            Err(error) => {
                let how = "Write it as alertname=Down, team=~\"a|b\"";
                wrong = Some(format!("The filter cannot be read: {error}. {how}."));
            }
        }
        let place = here.parameter("cursor").and_then(|text| text.parse().ok());
        let asked = Self { question, place, range, kind, receiver };
        match wrong {
            None => Ok(asked),
            Some(wrong) => Err((asked, wrong)),
        }
    }

    /// The page that begins at a place, of the same events.
    fn query(&self, here: &Here, place: Option<Place>) -> String {
        let given = |name: &str| here.parameter(name).unwrap_or_default();
        let place = place.map(|place| place.to_string()).unwrap_or_default();
        query_of([
            ("q", given("q").as_str()),
            ("receiver", &self.receiver),
            ("what", self.kind),
            ("range", self.range),
            ("group", &given("group")),
            ("fingerprint", &given("fingerprint")),
            ("cursor", &place),
        ])
    }

    /// The same events for `/api/v2/history`.
    fn export(&self, here: &Here) -> String {
        let given = |name: &str| here.parameter(name).unwrap_or_default();
        let pattern = regex::escape(&self.receiver);
        let events = self.question.events.join(",");
        let from = if self.question.from == Timestamp::MIN { String::new() } else { self.question.from.to_rfc3339() };
        let filters: Vec<String> = self.question.matchers.iter().map(ToString::to_string).collect();
        let (group, fingerprint) = (given("group"), given("fingerprint"));
        let fixed = [
            ("format", "jsonl"),
            ("receiver", pattern.as_str()),
            ("event", &events),
            ("from", &from),
            ("group", &group),
            ("fingerprint", &fingerprint),
        ];
        query_of(fixed.into_iter().chain(filters.iter().map(|filter| ("filter", filter.as_str()))))
    }
}

impl EventView {
    fn of(event: Event) -> Self {
        let kind = name(&event.what);
        let text = shown(&text(&event), 5 * SHORT);
        let integration = event.integration.as_ref().map(|(kind, index)| format!("{kind}[{index}]"));
        let listed = event.alerts.len().min(ALERTS_LISTED);
        Self {
            at: event.at.into(),
            event: kind,
            tone: tone(kind),
            receiver: shown(&event.receiver, SHORT),
            integration,
            text,
            group: shown(&event.group_key, SHORT),
            group_query: (event.group_key.len() <= KEY_BYTES_MAX)
                .then(|| query_of([("group", event.group_key.as_str()), ("range", "all")])),
            more: event.more + event.alerts.len() - listed,
            alerts: event.alerts.into_iter().take(listed).map(AlertView::of).collect(),
        }
    }
}

fn tone(kind: &str) -> &'static str {
    match kind {
        "delivered" => "good",
        kind if course::FAILURES.contains(&kind) => "bad",
        "hidden" | "ended_hidden" => "muted",
        _ => "",
    }
}

impl AlertView {
    fn of(subject: notifier::history::event::Subject) -> Self {
        let alert = ToldAlert::of(subject);
        Self {
            fingerprint: alert.fingerprint.to_string(),
            labels: shown(&alert.labels.to_string(), SHORT),
            status: alert.status,
        }
    }
}
