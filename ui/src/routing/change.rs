//! What a configuration that somebody pastes would change: for the alerts that fire now, and in the tree.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::matcher::parse::ParseMode;
use model::source::SourceFile;
use model::{LabelSet, Timestamp};
use notifier::comparison::{Change, Comparison};
use notifier::config::Config;
use notifier::io::desk::Desk;
use notifier::route::RouteTree;
use serde::Serialize;

use super::no_notifier;
use crate::form::Sent;
use crate::here::Here;
use crate::house::{House, RuleDesk, Section};
use crate::page::Frame;
use crate::shown::{LONG, SHORT, shown};

/// What configurations show in place of a secret, and what is put there to read them: an address, which is a valid text too.
const SHOWN_SECRET: &str = "<secret>";
const STAND_IN: &str = "http://secret.invalid/";
/// Changes that are listed, those of most alerts first.
const CHANGES_MAX: usize = 200;
/// What the text is called in mistakes.
const NAME: &str = "alertmanager.yml";

/// What the page shows.
#[derive(Default, Serialize)]
struct View {
    /// As it was pasted.
    config: String,
    /// Every mistake of it.
    wrong: Option<String>,
    result: Option<Answer>,
}

#[derive(Serialize)]
struct Answer {
    alerts: usize,
    changed: usize,
    /// Of alerts, those that are alike together.
    changes: Vec<Alike>,
    more: usize,
    /// Of routes and receivers.
    tree: Vec<Line>,
    tree_more: usize,
    is_same: bool,
}

/// A change that several alerts have in common.
#[derive(Serialize)]
struct Alike {
    count: usize,
    example: String,
    #[serde(flatten)]
    line: Line,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Line {
    of: String,
    receiver: String,
    what: &'static str,
    old: Option<String>,
    new: Option<String>,
}

pub(super) async fn show<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here) -> Response {
    if house.notifier.is_none() {
        return no_notifier(&house, &here);
    }
    house.page(&frame(&here), "web.change", &View::default())
}

fn frame(here: &Here) -> Frame<'_> {
    Frame::new(here, Section::Routing, "Try a configuration")
}

pub(super) async fn post<N: Desk, R: RuleDesk>(
    State(house): State<Arc<House<N, R>>>,
    here: Here,
    sent: Sent,
) -> Response {
    let Some(desk) = &house.notifier else { return no_notifier(&house, &here) };
    let now = house.now();
    let fields = match sent.fields(&house.form_key, &house.external_url, now) {
        Ok(fields) => fields,
        Err(error) => return house.mistake(&here, error.status(), &error.to_string(), None),
    };
    let text = fields.get("config").unwrap_or_default().to_owned();
    let (in_force, alerts) = desk.read(|notifier, now| {
        let alerts: Vec<LabelSet> = notifier.alerts(now).map(|alert| alert.labels()).collect();
        (notifier.config().cloned(), alerts)
    });
    let mode = house.matcher_mode;
    let pasted = text.clone();
    // Tens of thousands of alerts through two trees: not on a thread that others wait for.
    let answer = tokio::task::spawn_blocking(move || compared(in_force.as_ref(), &pasted, mode, &alerts, now)).await;
    let answer = answer.unwrap_or_else(|error| Err(format!("the comparison failed: {error}")));
    let (status, result, wrong) = match answer {
        Ok(answer) => (StatusCode::OK, Some(answer), None),
        Err(wrong) => (StatusCode::UNPROCESSABLE_ENTITY, None, Some(shown(&wrong, LONG))),
    };
    house.page_with(status, &frame(&here), "web.change", &View { config: text, wrong, result })
}

fn compared(
    in_force: Option<&Arc<Config>>,
    text: &str,
    mode: ParseMode,
    alerts: &[LabelSet],
    now: Timestamp,
) -> Result<Answer, String> {
    let in_force = in_force.ok_or("the notifier has no configuration yet")?;
    let new = parsed(text, mode)?;
    // What was copied from a page has no secrets, and neither has what it is compared with then.
    let old = match text.contains(SHOWN_SECRET) {
        true => Arc::new(parsed(&in_force.shown, mode)?),
        false => in_force.clone(),
    };
    let tree = Comparison::of_trees(&old, &new);
    let (old, new) = (RouteTree::new(old), RouteTree::new(Arc::new(new)));
    Ok(Answer::of(&Comparison::of_alerts(&old, &new, alerts, now), &tree))
}

/// Files that the text names are not read: whoever pastes it may not be whoever may read them.
fn parsed(text: &str, mode: ParseMode) -> Result<Config, String> {
    let file = SourceFile::new(NAME, text.replace(SHOWN_SECRET, STAND_IN));
    let none = |_: &Path| Ok(String::new());
    let (config, _) =
        Config::parse(&file, Path::new("/dev/null"), mode, &none).map_err(|mistakes| mistakes.to_string())?;
    Ok(config)
}

impl Answer {
    fn of(alerts: &Comparison, tree: &Comparison) -> Self {
        let mut alike: BTreeMap<Line, (usize, &str)> = BTreeMap::new();
        for change in &alerts.changes {
            let line = Line { of: String::new(), ..Line::of(change) };
            alike.entry(line).or_insert((0, change.of.as_str())).0 += 1;
        }
        let found = alike.len();
        let mut changes: Vec<Alike> = alike
            .into_iter()
            .map(|(line, (count, example))| Alike { count, example: shown(example, SHORT), line })
            .collect();
        changes.sort_by_key(|alike| std::cmp::Reverse(alike.count));
        changes.truncate(CHANGES_MAX);
        Self {
            alerts: alerts.alerts.unwrap_or(0),
            changed: alerts.changed_alerts.unwrap_or(0),
            more: found - changes.len(),
            changes,
            tree: tree.changes.iter().take(CHANGES_MAX).map(Line::of).collect(),
            tree_more: tree.changes.len().saturating_sub(CHANGES_MAX),
            is_same: alerts.changes.is_empty() && tree.changes.is_empty(),
        }
    }
}

impl Line {
    fn of(change: &Change) -> Self {
        let side = |side: &Option<String>| side.as_ref().map(|text| shown(text, SHORT));
        Self {
            of: shown(&change.of, SHORT),
            receiver: shown(&change.receiver, SHORT),
            what: change.what,
            old: side(&change.old),
            new: side(&change.new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "route: {receiver: a, routes: [{matchers: ['team=\"b\"'], receiver: b}]}
receivers: [{name: a, webhook_configs: [{url: 'http://127.0.0.1:1/hush'}]}, {name: b}]\n";

    fn answer(new: &str) -> Result<Answer, String> {
        let old = Arc::new(parsed(OLD, ParseMode::default()).unwrap());
        let alerts: Vec<_> = ["b", "b", "c"]
            .iter()
            .enumerate()
            .map(|(at, team)| LabelSet::from_pairs([("alertname", format!("K{at}")), ("team", (*team).to_owned())]))
            .collect();
        compared(Some(&old), new, ParseMode::default(), &alerts, Timestamp::from_secs(0))
    }

    #[test]
    fn changes_that_are_alike_are_told_together() {
        let answer = answer(&OLD.replace("receiver: b}", "receiver: a}")).unwrap();
        assert_eq!((answer.alerts, answer.changed, answer.changes.len()), (3, 2, 2));
        assert!(answer.changes.iter().all(|alike| alike.count == 2 && alike.line.what == "receiver"));
        assert_eq!(answer.tree.len(), 1);
    }

    #[test]
    fn the_configuration_in_force_is_the_same_with_and_without_its_secrets() {
        assert!(answer(OLD).unwrap().is_same);
        let shown = parsed(OLD, ParseMode::default()).unwrap().shown;
        assert!(shown.contains(SHOWN_SECRET), "{shown}");
        assert!(answer(&shown).unwrap().is_same);
    }

    #[test]
    fn mistakes_have_their_places() {
        let wrong = answer("route: {receiver: nobody}\nreceivers: []\n").err().unwrap();
        assert!(wrong.contains("alertmanager.yml:1:"), "{wrong}");
    }
}
