//! `/rules`: rule groups with how they fare, and their rules: those in a state that fit a search.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::duration::format_duration;
use notifier::io::desk::Desk;
use rules_engine::engine::{Engine, GroupView, Health, RuleView};
use rules_engine::rule::{Rule, RuleKind};
use serde::Serialize;

use super::{Address, Standing, health};
use crate::here::{Here, query_of};
use crate::house::{House, RuleDesk, Section};
use crate::moment::Moment;
use crate::page::{Frame, see_other};
use crate::shown::{LONG, SHORT, shown};

/// Rules of a page.
const ROWS: usize = 100;

/// Which rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    All,
    Firing,
    Pending,
    Inactive,
    Unhealthy,
    Recording,
}

/// The page as its template sees it.
#[derive(Debug, Serialize)]
struct Listing {
    q: String,
    tab: &'static str,
    /// Only this group, if one is asked for.
    group: Option<GroupChoice>,
    tabs: Vec<TabView>,
    groups: Vec<GroupCard>,
    group_count: usize,
    page_number: usize,
    pages: usize,
    previous: Option<String>,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct GroupChoice {
    file: String,
    name: String,
}

#[derive(Debug, Serialize)]
struct TabView {
    name: &'static str,
    title: &'static str,
    query: String,
    count: usize,
    current: bool,
}

/// A group, with those of its rules that are on this page.
#[derive(Debug, Serialize)]
struct GroupCard {
    name: String,
    file: String,
    /// Of the page with this group alone.
    query: String,
    interval: String,
    source: Option<String>,
    last: Option<Moment>,
    /// How long its last evaluation took.
    took: String,
    /// The same in percent of the interval, 100 at most.
    share: u32,
    /// Whether it hardly keeps up.
    is_slow: bool,
    missed: u64,
    failing: usize,
    rules: Vec<RuleRow>,
}

#[derive(Debug, Serialize)]
struct RuleRow {
    name: String,
    query: String,
    standing: &'static str,
    /// Unless it is well.
    trouble: Option<&'static str>,
    error: Option<String>,
    warnings: usize,
    expr: String,
    hold: Option<String>,
    firing: usize,
    pending: usize,
    series: usize,
    took: String,
}

/// What is looked for.
struct Sought {
    tab: Tab,
    /// In small letters; all must be there.
    words: Vec<String>,
    file: Option<String>,
    group: Option<String>,
    /// Just this expression.
    expr: Option<String>,
}

/// `GET /rules`. A link of Prometheus that names an expression of one rule leads to that rule.
pub(super) async fn list<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here) -> Response {
    let Some(rules) = house.rules.clone() else {
        return house.mistake(&here, StatusCode::NOT_FOUND, "No rule service runs here: there are no rules.", None);
    };
    let sought = Sought::read(&here);
    if sought.expr.is_some()
        && let Some(only) = rules.with_engine(|engine| sought.only(engine))
    {
        return see_other(&here, &format!("rules/rule?{}", only.query()));
    }
    let listing = rules.with_engine(|engine| sought.listing(engine, &here));
    house.page(&Frame::new(&here, Section::Rules, "Rules"), "web.rules", &listing)
}

impl Sought {
    fn read(here: &Here) -> Self {
        let q = here.parameter("q").unwrap_or_default().to_lowercase();
        Self {
            tab: here.parameter("state").and_then(|name| Tab::named(&name)).unwrap_or_default(),
            words: q.split_whitespace().map(str::to_owned).collect(),
            file: here.parameter("file"),
            group: here.parameter("group"),
            expr: here.parameter("expr"),
        }
    }

    fn wants_group(&self, group: &GroupView<'_>) -> bool {
        let key = group.key();
        self.file.as_ref().is_none_or(|file| *key.file == **file)
            && self.group.as_ref().is_none_or(|name| *key.name == **name)
    }

    /// Whether the search fits, whatever the state.
    fn fits(&self, group: &GroupView<'_>, rule: &Rule) -> bool {
        let has = |text: &str, word: &str| text.to_lowercase().contains(word);
        let key = group.key();
        let found = |word: &String| {
            [rule.name.as_str(), &key.name, &rule.expr, &key.file].into_iter().any(|text| has(text, word))
                || rule.labels.iter().any(|(name, value)| has(name, word) || has(value, word))
        };
        self.expr.as_ref().is_none_or(|expr| *expr == rule.expr || *expr == rule.shown_expr)
            && self.words.iter().all(found)
    }

    /// The one rule that fits.
    fn only(&self, engine: &Engine) -> Option<Address> {
        let mut fitting = engine.groups().flat_map(|group| {
            let fitting = group.rules().enumerate().filter(move |(_, rule)| self.fits(&group, rule.rule()));
            fitting.map(move |(place, rule)| Address::of(&group, place, &rule))
        });
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }

    fn listing(&self, engine: &Engine, here: &Here) -> Listing {
        let mut counts = [0; Tab::ALL.len()];
        // Place of the group, place of the rule in it.
        let mut wanted: Vec<(usize, usize)> = Vec::new();
        for (at, group) in engine.groups().enumerate().filter(|(_, group)| self.wants_group(group)) {
            for (place, rule) in group.rules().enumerate().filter(|(_, rule)| self.fits(&group, rule.rule())) {
                for (count, _) in counts.iter_mut().zip(Tab::ALL).filter(|(_, tab)| tab.takes(&rule)) {
                    *count += 1;
                }
                if self.tab.takes(&rule) {
                    wanted.push((at, place));
                }
            }
        }
        let pages = wanted.len().div_ceil(ROWS).max(1);
        let page = here.parameter("page").and_then(|text| text.parse().ok()).unwrap_or(1).clamp(1, pages);
        let shown_rules = wanted.get((page - 1) * ROWS..).unwrap_or_default();
        let shown_rules = shown_rules.get(..ROWS.min(shown_rules.len())).unwrap_or_default();
        let groups = shown_rules.chunk_by(|a, b| a.0 == b.0).filter_map(|chosen| {
            let group = engine.groups().nth(chosen.first()?.0)?;
            Some(GroupCard::of(&group, chosen.iter().map(|(_, place)| *place)))
        });
        let q = here.parameter("q").unwrap_or_default();
        let at = |tab: Tab, page: usize| {
            let page = if page > 1 { page.to_string() } else { String::new() };
            let (file, group) = (self.file.clone().unwrap_or_default(), self.group.clone().unwrap_or_default());
            let state = if tab == Tab::All { "" } else { tab.name() };
            query_of([("state", state), ("q", &q), ("file", &file), ("group", &group), ("page", &page)])
        };
        let tabs = Tab::ALL.into_iter().zip(counts).map(|(tab, count)| TabView {
            name: tab.name(),
            title: tab.title(),
            query: at(tab, 1),
            count,
            current: tab == self.tab,
        });
        Listing {
            tab: self.tab.name(),
            group: self.group.as_ref().map(|name| GroupChoice {
                file: shown(self.file.as_deref().unwrap_or_default(), SHORT),
                name: shown(name, SHORT),
            }),
            tabs: tabs.collect(),
            groups: groups.collect(),
            group_count: engine.groups().len(),
            page_number: page,
            pages,
            previous: (page > 1).then(|| at(self.tab, page - 1)),
            next: (page < pages).then(|| at(self.tab, page + 1)),
            q: shown(&q, LONG),
        }
    }
}

impl Tab {
    const ALL: [Self; 6] = [Self::All, Self::Firing, Self::Pending, Self::Inactive, Self::Unhealthy, Self::Recording];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tab| tab.name() == name)
    }

    fn takes(self, rule: &RuleView<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Unhealthy => rule.status().health == Health::Bad,
            tab => Standing::of(rule).name() == tab.name(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Firing => "firing",
            Self::Pending => "pending",
            Self::Inactive => "inactive",
            Self::Unhealthy => "unhealthy",
            Self::Recording => "recording",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Firing => "Firing",
            Self::Pending => "Pending",
            Self::Inactive => "Inactive",
            Self::Unhealthy => "Unhealthy",
            Self::Recording => "Recording",
        }
    }
}

impl GroupCard {
    fn of(group: &GroupView<'_>, places: impl Iterator<Item = usize>) -> Self {
        let (key, status, interval) = (group.key(), group.status(), group.interval());
        let share = percent(status.evaluation_time, interval);
        let source = group.spec().source.name.as_str();
        let row = |place: usize| group.rules().nth(place).map(|rule| RuleRow::of(group, place, &rule));
        Self {
            name: shown(&key.name, SHORT),
            file: shown(&key.file, SHORT),
            query: query_of([("file", &*key.file), ("group", &*key.name)]),
            interval: format_duration(interval),
            source: (!source.is_empty()).then(|| shown(source, SHORT)),
            last: status.last_evaluation.map(Moment),
            took: took(status.evaluation_time),
            share,
            is_slow: share >= 80,
            missed: group.tally().iterations_missed,
            failing: group.rules().filter(|rule| rule.status().health == Health::Bad).count(),
            rules: places.filter_map(row).collect(),
        }
    }
}

impl RuleRow {
    fn of(group: &GroupView<'_>, place: usize, view: &RuleView<'_>) -> Self {
        let (rule, status) = (view.rule(), view.status());
        let standing = Standing::of(view);
        let firing = view.alerts().filter(|alert| alert.course.state == rules_engine::alerting::AlertState::Firing);
        let (firing, all) = (firing.count(), view.alerts().count());
        let hold = match &rule.kind {
            RuleKind::Alerting(alerting) if !alerting.hold.is_zero() => Some(format_duration(alerting.hold)),
            _ => None,
        };
        Self {
            name: shown(&rule.name, SHORT),
            query: Address::of(group, place, view).query(),
            standing: standing.name(),
            trouble: (status.health != Health::Good).then(|| health(status.health)),
            error: (!status.last_error.is_empty()).then(|| shown(&status.last_error, SHORT)),
            warnings: status.warnings.len(),
            expr: shown(&rule.shown_expr, SHORT),
            hold,
            firing,
            pending: all - firing,
            series: status.series,
            took: took(status.evaluation_time),
        }
    }
}

/// A short time, exact to a tenth of a millisecond.
pub(super) fn took(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.1} s"),
        seconds if seconds >= 0.01 => format!("{:.0} ms", seconds * 1000.0),
        seconds => format!("{:.1} ms", seconds * 1000.0),
    }
}

/// A part in percent of a whole, 100 at most.
pub(super) fn percent(part: Duration, whole: Duration) -> u32 {
    let share = part.as_secs_f64() / whole.as_secs_f64().max(1e-9);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let percent = (share * 100.0).round().clamp(0.0, 100.0) as u32;
    percent
}
