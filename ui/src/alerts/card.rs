//! A bunch of alerts as a card: what its alerts share is said once.

use std::hash::{DefaultHasher, Hasher};

use model::{LabelSet, Timestamp};
use notifier::io::desk::Desk;
use notifier::notifier::{AlertView, Notifier};
use serde::Serialize;

use super::filter::Term;
use super::gathering::{Bunch, Member};
use super::request::Request;
use super::state::States;
use crate::moment::Moment;
use crate::shown::{SHORT, link, shown};

/// Alerts of a card among others.
pub const ROWS: usize = 5;
/// Alerts of a card that has the page to itself.
pub const ROWS_ALONE: usize = 100;
/// Annotations that say in a line what is wrong, the best first.
const SUMMARIES: [&str; 4] = ["summary", "title", "message", "description"];
/// Annotations that lead to a runbook.
const RUNBOOKS: [&str; 3] = ["runbook_url", "runbook", "runbookUrl"];
/// What values of `severity` commonly mean, the worst first.
const SEVERITIES: [(&str, &[&str]); 3] = [
    ("critical", &["critical", "page", "emergency", "fatal", "disaster", "error", "high"]),
    ("warning", &["warning", "warn", "major", "minor", "average", "medium", "ticket"]),
    ("info", &["info", "information", "notice", "low", "debug", "none"]),
];
/// Alerts looked at in one piece for what all share.
const PIECE: usize = 1000;

/// A card as its template sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
    /// Names it in addresses.
    pub key: String,
    /// A hash of all that is shown but ages.
    pub hash: String,
    /// What it is called.
    pub title: String,
    /// How bad the worst of the shown alerts is, by what their `severity` commonly means: `critical`, `warning`, `info`.
    pub severity: Option<&'static str>,
    /// What all of its alerts share.
    pub labels: Vec<Label>,
    /// Who is told.
    pub receivers: Vec<Receiver>,
    /// Time intervals that mute it.
    pub muted_by: Vec<String>,
    /// How many alerts it has.
    pub count: usize,
    /// When the first of its alerts began.
    pub since: Moment,
    /// What all shown alerts say is wrong.
    pub summary: Option<String>,
    /// Some of its alerts.
    pub rows: Vec<Row>,
    /// How many more there are.
    pub more: usize,
    /// The query of the page with this card alone.
    pub alone: String,
    /// Its common labels as matchers, for a silence; empty if they are too long for a form.
    pub matchers: String,
    /// Whether somebody has taken on all of the alerts shown.
    pub is_acknowledged: bool,
}

/// `name="value"` with the query that asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The query of the page that asks for it too.
    pub query: String,
}

/// A receiver with the query that asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receiver {
    /// Its name.
    pub name: String,
    /// The query of the page that asks for it too.
    pub query: String,
}

/// An alert of a card.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Names it in addresses.
    pub fingerprint: String,
    /// What not all of the card's alerts have.
    pub labels: Vec<Label>,
    /// What is wrong, unless the card says so.
    pub summary: Option<String>,
    /// What hides it, and whether somebody works on it.
    pub badges: Vec<&'static str>,
    /// When it began.
    pub since: Moment,
    /// Who has taken it on.
    pub by: Option<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// What to do.
    pub runbook: Option<String>,
}

/// An alert copied out of the machine.
struct Seen {
    labels: LabelSet,
    annotations: LabelSet,
    states: States,
    starts_at: Timestamp,
    fingerprint: String,
    by: Option<String>,
    source: String,
}

/// The cards of some bunches.
pub fn cards<D: Desk>(desk: &D, request: &Request, bunches: &[Bunch]) -> Vec<Card> {
    bunches.iter().filter_map(|bunch| card(desk, request, bunch)).collect()
}

/// `None` if all of its alerts are over meanwhile.
fn card<D: Desk>(desk: &D, request: &Request, bunch: &Bunch) -> Option<Card> {
    let is_alone = request.card.is_some();
    let most = if is_alone { ROWS_ALONE } else { ROWS };
    let skipped = if is_alone { (request.page - 1).saturating_mul(ROWS_ALONE) } else { 0 };
    let chosen: Vec<Member> = bunch.members.iter().skip(skipped).take(most).copied().collect();
    let is_muted = !bunch.muted_by.is_empty();
    let seen: Vec<Seen> = desk.read(|notifier, now| {
        let alerts = chosen.iter().filter_map(|member| view(notifier, now, member));
        alerts.map(|alert| Seen::of(&alert, is_muted)).collect()
    });
    let first = seen.first()?;
    let common = common(desk, &bunch.members, &first.labels);
    let summary = seen.iter().map(Seen::summary).reduce(|a, b| a.filter(|_| a == b)).flatten();
    let mut card = Card {
        key: bunch.key.clone(),
        hash: String::new(),
        title: title(&common, &bunch.labels),
        severity: seen
            .iter()
            .filter_map(Seen::severity)
            .min()
            .and_then(|rank| SEVERITIES.get(rank))
            .map(|(name, _)| *name),
        labels: labels(request, &common.filter(|name, _| name != "alertname")),
        receivers: bunch.receivers.iter().map(|name| Receiver::of(request, name)).collect(),
        muted_by: bunch.muted_by.clone(),
        count: bunch.members.len(),
        since: bunch.members.last()?.starts_at.into(),
        summary: summary.map(|text| shown(text, SHORT * 2)),
        rows: seen.iter().map(|alert| alert.row(request, &common, summary.is_some())).collect(),
        more: bunch.members.len().saturating_sub(skipped + seen.len()),
        alone: request.of_card(&bunch.key).query(),
        matchers: sent_matchers(if bunch.members.len() == 1 { &first.labels } else { &common }),
        is_acknowledged: seen.iter().all(|alert| alert.by.is_some()),
    };
    card.hash = card.worked_out_hash();
    Some(card)
}

fn view<'a>(notifier: &'a Notifier, now: Timestamp, member: &Member) -> Option<AlertView<'a>> {
    notifier.alert(now, member.id).filter(|alert| alert.fingerprint().0 == member.hash)
}

/// What all members share.
fn common<D: Desk>(desk: &D, members: &[Member], first: &LabelSet) -> LabelSet {
    let mut common = first.clone();
    for piece in members.chunks(PIECE) {
        common = desk.read(|notifier, now| {
            let alerts = piece.iter().filter_map(|member| view(notifier, now, member));
            alerts.fold(common, |common, alert| {
                let labels = alert.labels();
                match common.iter().all(|(name, value)| labels.get(name) == Some(value)) {
                    true => common,
                    false => common.filter(|name, value| labels.get(name) == Some(value)),
                }
            })
        });
    }
    common
}

fn title(common: &LabelSet, made_by: &LabelSet) -> String {
    match common.get("alertname") {
        Some(name) => shown(name, SHORT),
        None if made_by.is_empty() => "Various alerts".to_owned(),
        None => shown(&made_by.iter().map(|(_, value)| value).collect::<Vec<_>>().join(" · "), SHORT),
    }
}

/// Labels with their queries; `alertname` first.
fn labels(request: &Request, labels: &LabelSet) -> Vec<Label> {
    let label = |(name, value): (&str, &str)| Label {
        name: shown(name, SHORT),
        value: shown(value, SHORT),
        // An address may not be as long as a value may.
        query: if value.len() <= 10 * SHORT { request.with(Term::label(name, value)).query() } else { request.query() },
    };
    let mut all: Vec<Label> = labels.iter().map(label).collect();
    all.sort_by_key(|label| label.name != "alertname");
    all
}

fn sent_matchers(labels: &LabelSet) -> String {
    if labels.bytes() <= 10 * SHORT { matchers(labels) } else { String::new() }
}

/// `{a="b",c="d"}`.
pub fn matchers(labels: &LabelSet) -> String {
    let matchers: Vec<_> = labels.iter().map(|(name, value)| model::Matcher::equal(name, value)).collect();
    model::matcher::parse::print_matchers(&matchers)
}

impl Receiver {
    fn of(request: &Request, name: &str) -> Self {
        let matcher = model::Matcher::equal("receiver", name);
        let term = Term::About(super::filter::About::Receiver, matcher);
        Self { name: shown(name, SHORT), query: request.with(term).query() }
    }
}

impl Seen {
    /// Its place among [`SEVERITIES`].
    fn severity(&self) -> Option<usize> {
        let value = self.labels.get("severity")?.to_ascii_lowercase();
        SEVERITIES.iter().position(|(_, words)| words.contains(&value.as_str()))
    }

    fn of(alert: &AlertView<'_>, is_muted: bool) -> Self {
        Self {
            labels: alert.labels(),
            annotations: alert.annotations(),
            states: States::of(alert, is_muted),
            starts_at: alert.starts_at(),
            fingerprint: alert.fingerprint().to_string(),
            by: alert.acknowledged().map(|ack| ack.by.clone()),
            source: alert.generator_url().to_string(),
        }
    }

    fn summary(&self) -> Option<&str> {
        SUMMARIES.iter().find_map(|name| self.annotations.get(name)).filter(|text| !text.is_empty())
    }

    fn row(&self, request: &Request, common: &LabelSet, has_summary: bool) -> Row {
        let own = self.labels.filter(|name, _| common.get(name).is_none());
        let runbook = RUNBOOKS.iter().find_map(|name| self.annotations.get(name)).and_then(link);
        Row {
            fingerprint: self.fingerprint.clone(),
            labels: labels(request, &own),
            summary: self.summary().filter(|_| !has_summary).map(|text| shown(text, SHORT * 2)),
            badges: self.states.badges(),
            since: self.starts_at.into(),
            by: self.by.as_deref().map(|by| shown(by, SHORT)),
            source: link(&self.source).map(str::to_owned),
            runbook: runbook.map(str::to_owned),
        }
    }
}

impl Card {
    fn worked_out_hash(&self) -> String {
        let mut hasher = DefaultHasher::new();
        // A card is plain texts and numbers, which can always be written.
        hasher.write(&serde_json::to_vec(self).unwrap_or_default());
        format!("{:016x}", hasher.finish())
    }
}
