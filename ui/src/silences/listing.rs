//! `/silences`: those in a state, or those that recur, that fit a filter.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::matcher::parse::{ParseMode, parse_matchers};
use model::{MatchOp, Matcher, Timestamp};
use notifier::alert_book::AlertId;
use notifier::io::desk::Desk;
use notifier::maintenance::Maintenance;
use notifier::silence::{Silence, SilenceState};
use serde::Serialize;
use uuid::Uuid;

use super::{ShownMatcher, alerts_query};
use crate::here::{Here, query_of};
use crate::house::{House, RuleDesk, Section};
use crate::moment::{Moment, lasting};
use crate::page::Frame;
use crate::shown::{LONG, SHORT, shown};

/// Silences of a page.
const CARDS: usize = 50;
/// Alerts looked at in one piece.
const PIECE: usize = 1000;

/// Which list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    Active,
    Pending,
    Expired,
    Recurring,
}

/// The page as its template sees it.
#[derive(Debug, Serialize)]
struct Listing {
    q: String,
    tab: &'static str,
    tabs: Vec<TabView>,
    silences: Vec<Card>,
    /// From 1.
    page_number: usize,
    pages: usize,
    previous: Option<String>,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct TabView {
    title: &'static str,
    query: String,
    count: usize,
    current: bool,
}

/// A silence as pages show it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Card {
    pub(super) id: Uuid,
    state: &'static str,
    matchers: Vec<ShownMatcher>,
    by: String,
    comment: String,
    starts: Moment,
    /// Of a recurring one, when its next occurrence ends.
    ends: Option<Moment>,
    updated: Moment,
    /// Until it starts, or ends, or since it ended.
    lasts: Option<String>,
    /// How much of it is over, in percent.
    progress: Option<Progress>,
    until_resolved: bool,
    recurs: bool,
    /// When it recurs: of a recurring silence, and of its occurrences.
    schedule: Option<String>,
    schedule_id: Option<Uuid>,
    /// Alerts it mutes now; counted in lists of active ones.
    muted: Option<usize>,
    alerts: Option<String>,
    /// What can be done to it.
    can_end: bool,
}

/// How much of a silence is over.
#[derive(Clone, Copy, Debug, Serialize)]
struct Progress {
    percent: u32,
}

/// What is looked for.
struct Sought {
    matchers: Vec<Matcher>,
    /// In small letters.
    text: String,
}

/// `GET /silences`.
pub(super) async fn list<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here) -> Response {
    let Some(desk) = house.notifier.clone() else {
        return house.mistake(&here, StatusCode::NOT_FOUND, "No notifier runs here: there are no silences.", None);
    };
    let (mode, asked) = (house.matcher_mode, here.clone());
    let listing = tokio::task::spawn_blocking(move || listing(&*desk, &asked, mode)).await;
    match listing {
        Ok(listing) => house.page(&Frame::new(&here, Section::Silences, "Silences"), "web.silences", &listing),
        Err(error) => house.mistake(&here, StatusCode::INTERNAL_SERVER_ERROR, &error.to_string(), None),
    }
}

fn listing<D: Desk>(desk: &D, here: &Here, mode: ParseMode) -> Listing {
    let caller = here.caller();
    let q = here.parameter("q").or_else(|| here.parameter("filter")).unwrap_or_default();
    let sought = Sought::read(&q, mode);
    let tab = here.parameter("state").and_then(|name| Tab::named(&name)).unwrap_or_default();
    let mut counts: HashMap<&'static str, usize> = HashMap::new();
    let (mut once, mut recurring) = (Vec::new(), Vec::new());
    let now = desk.read(|notifier, now| {
        let silences = notifier.silences().filter(|silence| caller.covers(&silence.matchers));
        for silence in silences.filter(|silence| sought.fits_silence(silence)) {
            let of = Tab::of(silence.state(now));
            *counts.entry(of.name()).or_default() += 1;
            if of == tab {
                once.push((place(silence, now), silence.clone()));
            }
        }
        let maintenances = notifier.maintenances().filter(|one| caller.covers(&one.matchers));
        for one in maintenances.filter(|one| sought.fits_maintenance(one)) {
            *counts.entry(Tab::Recurring.name()).or_default() += 1;
            if tab == Tab::Recurring {
                recurring.push(one.clone());
            }
        }
        now
    });
    once.sort_by_key(|(place, _)| *place);
    recurring.sort_by_key(|one| (one.ended_at.is_some(), one.next(now).map(|next| next.starts_at), one.id));
    let total = once.len() + recurring.len();
    let pages = total.div_ceil(CARDS).max(1);
    let page = here.parameter("page").and_then(|text| text.parse().ok()).unwrap_or(1).clamp(1, pages);
    let first = (page - 1) * CARDS;
    let muted = if tab == Tab::Active && !once.is_empty() { muted(desk) } else { HashMap::new() };
    let schedules = schedules(desk, once.iter().skip(first).take(CARDS).filter_map(|(_, silence)| silence.schedule));
    let of_once = once.iter().skip(first).take(CARDS).map(|(_, silence)| {
        let schedule = silence.schedule.and_then(|id| schedules.get(&id).cloned());
        let count = (tab == Tab::Active).then(|| muted.get(&silence.id).copied().unwrap_or(0));
        Card::of_silence(silence, schedule, count, now)
    });
    let of_recurring = recurring.iter().skip(first).take(CARDS).map(|one| Card::of_maintenance(one, now));
    let at = |page: usize| query_of([("state", tab.name()), ("q", q.as_str()), ("page", &page.to_string())]);
    Listing {
        tab: tab.name(),
        tabs: Tab::ALL.into_iter().map(|of| of.view(of == tab, &q, &counts)).collect(),
        silences: of_once.chain(of_recurring).collect(),
        page_number: page,
        pages,
        previous: (page > 1).then(|| at(page - 1)),
        next: (page < pages).then(|| at(page + 1)),
        q: shown(&q, LONG),
    }
}

/// How many alerts each active silence mutes.
fn muted<D: Desk>(desk: &D) -> HashMap<Uuid, usize> {
    let ids: Vec<AlertId> = desk.read(|notifier, now| notifier.alerts(now).map(|alert| alert.id()).collect());
    let mut counts = HashMap::new();
    for ids in ids.chunks(PIECE) {
        desk.read(|notifier, now| {
            for alert in ids.iter().filter_map(|id| notifier.alert(now, *id)) {
                for silence in alert.status().silenced_by {
                    *counts.entry(silence).or_default() += 1;
                }
            }
        });
    }
    counts
}

fn schedules<D: Desk>(desk: &D, ids: impl Iterator<Item = Uuid>) -> HashMap<Uuid, String> {
    desk.read(|notifier, _| ids.filter_map(|id| Some((id, notifier.maintenance(id)?.schedule.to_string()))).collect())
}

/// As the API orders them: active ones by end, pending ones by start, expired ones by end, latest first.
fn place(silence: &Silence, now: Timestamp) -> (i64, Uuid) {
    let nanos = match silence.state(now) {
        SilenceState::Active => silence.ends_at.as_nanos(),
        SilenceState::Pending => silence.starts_at.as_nanos(),
        SilenceState::Expired => silence.ends_at.as_nanos().saturating_neg(),
    };
    (nanos, silence.id)
}

impl Tab {
    const ALL: [Self; 4] = [Self::Active, Self::Pending, Self::Expired, Self::Recurring];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tab| tab.name() == name)
    }

    fn of(state: SilenceState) -> Self {
        match state {
            SilenceState::Active => Self::Active,
            SilenceState::Pending => Self::Pending,
            SilenceState::Expired => Self::Expired,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
            Self::Recurring => "recurring",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Pending => "Pending",
            Self::Expired => "Expired",
            Self::Recurring => "Recurring",
        }
    }

    fn view(self, current: bool, q: &str, counts: &HashMap<&'static str, usize>) -> TabView {
        let query = query_of([("state", self.name()), ("q", q)]);
        TabView { title: self.title(), query, count: counts.get(self.name()).copied().unwrap_or(0), current }
    }
}

impl Sought {
    /// Matchers, or a text that somebody's name, a comment, an id or a matcher contains.
    fn read(q: &str, mode: ParseMode) -> Self {
        match parse_matchers(q, mode) {
            Ok(parsed) if !parsed.value.is_empty() => Self { matchers: parsed.value, text: String::new() },
            _ => Self { matchers: Vec::new(), text: q.trim().to_lowercase() },
        }
    }

    fn fits_silence(&self, silence: &Silence) -> bool {
        self.fits(&silence.matchers, [&silence.created_by, &silence.comment], silence.id)
    }

    fn fits_maintenance(&self, one: &Maintenance) -> bool {
        self.fits(&one.matchers, [&one.created_by, &one.comment], one.id)
    }

    fn fits(&self, matchers: &[Matcher], texts: [&String; 2], id: Uuid) -> bool {
        let has = |text: &str| text.to_lowercase().contains(&self.text);
        let by_text = || {
            texts.into_iter().any(|text| has(text))
                || matchers.iter().any(|matcher| has(&matcher.to_string()))
                || has(&id.to_string())
        };
        self.matchers.iter().all(|sought| matchers.iter().any(|matcher| is_about(matcher, sought)))
            && (self.text.is_empty() || by_text())
    }
}

/// Whether a matcher of a silence is the one that is looked for, or takes the value that is looked for, or has a value like it.
fn is_about(matcher: &Matcher, sought: &Matcher) -> bool {
    let takes = || match sought.op() {
        MatchOp::Equal => matcher.op().is_positive() && matcher.matches_value(sought.value()),
        _ => matcher.op().is_positive() && sought.matches_value(matcher.value()),
    };
    matcher == sought || (matcher.name() == sought.name() && takes())
}

impl Card {
    /// Of a silence, with when it recurs if it is an occurrence, and how many alerts it mutes if they were counted.
    pub(super) fn of_silence(
        silence: &Silence,
        schedule: Option<String>,
        muted: Option<usize>,
        now: Timestamp,
    ) -> Self {
        let state = silence.state(now);
        let lasts = match state {
            SilenceState::Active => silence.ends_at.since(now),
            SilenceState::Pending => silence.starts_at.since(now),
            SilenceState::Expired => now.since(silence.ends_at),
        };
        let progress = (state == SilenceState::Active)
            .then(|| progress(now.since(silence.starts_at), silence.ends_at.since(silence.starts_at)));
        Self {
            id: silence.id,
            state: state.as_str(),
            matchers: ShownMatcher::all(&silence.matchers),
            by: shown(&silence.created_by, SHORT),
            comment: shown(&silence.comment, LONG),
            starts: Moment(silence.starts_at),
            ends: Some(Moment(silence.ends_at)),
            updated: Moment(silence.updated_at),
            lasts: Some(lasting(lasts)),
            progress,
            until_resolved: silence.until_resolved,
            recurs: false,
            schedule,
            schedule_id: silence.schedule,
            muted,
            alerts: alerts_query(&silence.matchers),
            can_end: state != SilenceState::Expired,
        }
    }

    /// Of a recurring silence: its times are those of the occurrence that is under way or comes next.
    pub(super) fn of_maintenance(one: &Maintenance, now: Timestamp) -> Self {
        let begin = now.minus(one.schedule.written().duration).plus(Duration::from_nanos(1));
        let next = one.schedule.from(one.starts_at.max(begin)).filter(|_| one.ended_at.is_none());
        let state = one.state(now);
        Self {
            id: one.id,
            state: state.as_str(),
            matchers: ShownMatcher::all(&one.matchers),
            by: shown(&one.created_by, SHORT),
            comment: shown(&one.comment, LONG),
            starts: Moment(next.map_or(one.starts_at, |next| next.starts_at)),
            ends: next.map(|next| Moment(next.ends_at)).or(one.ended_at.map(Moment)),
            updated: Moment(one.updated_at),
            lasts: None,
            progress: None,
            until_resolved: one.until_resolved,
            recurs: true,
            schedule: Some(one.schedule.to_string()),
            schedule_id: None,
            muted: None,
            alerts: alerts_query(&one.matchers),
            can_end: state != SilenceState::Expired,
        }
    }
}

fn progress(part: Duration, whole: Duration) -> Progress {
    let share = part.as_secs_f64() / whole.as_secs_f64().max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let percent = (share * 100.0).round().clamp(0.0, 100.0) as u32;
    Progress { percent }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silences_are_found_by_matchers_and_by_words() {
        let matchers = |text: &str| parse_matchers(text, ParseMode::default()).unwrap().value;
        let (by, comment) = ("Ada".to_owned(), "disk is being replaced, TICKET-7".to_owned());
        let fits = |q: &str, own: &str| {
            Sought::read(q, ParseMode::default()).fits(&matchers(own), [&by, &comment], Uuid::from_u128(0xabc))
        };
        for (q, own, expected) in [
            ("", "job=\"api\"", true),
            ("job=\"api\"", "job=\"api\"", true),
            ("job=\"api\"", "job=~\"a.*\"", true),
            ("job=\"api\"", "job!=\"web\"", false),
            ("job=\"web\"", "job=\"api\"", false),
            ("job=\"api\",x=\"y\"", "job=\"api\"", false),
            ("job=~\"a.*\"", "job=\"api\"", true),
            ("job!=\"web\"", "job=\"api\"", true),
            ("{job=\"api\"}", "job=\"api\",x=\"y\"", true),
            ("ada", "job=\"api\"", true),
            ("ticket-7", "job=\"api\"", true),
            ("000abc", "job=\"api\"", true),
            ("api", "job=\"api\"", true),
            ("bob", "job=\"api\"", false),
        ] {
            assert_eq!(fits(q, own), expected, "{q} among {own}");
        }
    }
}
