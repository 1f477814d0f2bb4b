//! Explanations and events of the history as text.

use std::fmt::{self, Display, Formatter};

use model::LabelSet;
use notifier::route::path::Step;
use serde::Deserialize;

use super::routing::branch;
use super::table::Table;
use super::wire::Pairs;

/// What `/explain` answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The alerts that are meant.
    pub alerts: Vec<Explanation>,
    /// How many more there are.
    pub more: usize,
    /// Why there is none.
    #[serde(default)]
    pub not_found: Option<NotFound>,
}

/// One alert.
#[derive(Debug, Deserialize)]
pub struct Explanation {
    labels: Pairs,
    verdict: String,
    text: String,
    #[serde(default)]
    route: Option<Step>,
    receivers: Vec<Receiver>,
    history: Vec<Event>,
}

#[derive(Debug, Deserialize)]
struct Receiver {
    receiver: String,
    group: Group,
    verdict: String,
    text: String,
    integrations: Vec<Integration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    key: String,
    #[serde(default)]
    group_wait: String,
    #[serde(default)]
    group_interval: String,
    #[serde(default)]
    repeat_interval: String,
}

#[derive(Debug, Deserialize)]
struct Integration {
    integration: String,
    index: usize,
    verdict: String,
    text: String,
}

/// No alert is meant.
#[derive(Debug, Deserialize)]
pub struct NotFound {
    text: String,
    nearest: Vec<Nearest>,
}

#[derive(Debug, Deserialize)]
struct Nearest {
    labels: Pairs,
    differs: Vec<Difference>,
}

#[derive(Debug, Deserialize)]
struct Difference {
    matcher: String,
}

/// An event of the history.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    at: String,
    receiver: String,
    group_key: String,
    #[serde(default)]
    integration: Option<String>,
    #[serde(default)]
    index: usize,
    text: String,
    #[serde(default)]
    alerts: Vec<EventAlert>,
    #[serde(default)]
    more: usize,
}

#[derive(Debug, Deserialize)]
struct EventAlert {
    labels: Pairs,
    status: String,
}

/// Alerts of an event that a table names.
const NAMED: usize = 3;

impl Display for Explained {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, alert) in self.alerts.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            alert.fmt(f)?;
        }
        if self.more > 0 {
            writeln!(f, "\n{} more alerts are meant: say more, or raise --limit", self.more)?;
        }
        self.not_found.iter().try_for_each(|absent| absent.fmt(f))
    }
}

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}", shown(&self.labels), self.verdict)?;
        writeln!(f, "  {}", self.text)?;
        if let Some(route) = &self.route {
            write!(f, "{}", branch(route).draw())?;
        }
        self.receivers.iter().try_for_each(|receiver| write!(f, "\n{receiver}"))?;
        if !self.history.is_empty() {
            write!(f, "\nHistory\n{}", table(&self.history, "  ", false))?;
        }
        Ok(())
    }
}

impl Display for Receiver {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}", self.receiver, self.verdict)?;
        writeln!(f, "  {}", self.text)?;
        let Group { key, group_wait, group_interval, repeat_interval } = &self.group;
        writeln!(f, "  group: {key}")?;
        if !group_wait.is_empty() {
            writeln!(
                f,
                "  timing: first after {group_wait}, news after {group_interval}, repeated after {repeat_interval}"
            )?;
        }
        if self.integrations.len() > 1 {
            for Integration { integration, index, verdict, text } in &self.integrations {
                writeln!(f, "  {integration}/{index}  {verdict}: {text}")?;
            }
        }
        Ok(())
    }
}

impl Display for NotFound {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        if self.nearest.len() > 1 {
            writeln!(f, "\nNearest")?;
        }
        for Nearest { labels, differs } in self.nearest.iter().filter(|_| self.nearest.len() > 1) {
            let missed: Vec<&str> = differs.iter().map(|one| one.matcher.as_str()).collect();
            writeln!(f, "  {}  but not {}", shown(labels), missed.join(", "))?;
        }
        Ok(())
    }
}

/// Events as a table; with `alerts` and groups, or without where they go without saying.
pub fn table(events: &[Event], indent: &str, with_alerts: bool) -> String {
    let mut table = Table::default();
    let mut heads = vec![format!("{indent}At"), "Receiver".to_owned(), "What".to_owned()];
    if with_alerts {
        heads.push("Alerts or group".to_owned());
    }
    table.open_row(&heads);
    for event in events {
        let receiver = match &event.integration {
            Some(kind) if event.index > 0 => format!("{}/{kind}/{}", event.receiver, event.index),
            Some(kind) => format!("{}/{kind}", event.receiver),
            None => event.receiver.clone(),
        };
        let mut row = vec![format!("{indent}{}", event.at), receiver, event.text.replace(['\n', '\t'], " ")];
        if with_alerts {
            row.push(event.whom());
        }
        table.open_row(&row);
    }
    table.text()
}

impl Event {
    fn whom(&self) -> String {
        if self.alerts.is_empty() {
            return self.group_key.clone();
        }
        let named = self.alerts.iter().take(NAMED).map(|alert| match alert.status.as_str() {
            "resolved" => format!("{} resolved", shown(&alert.labels)),
            _ => shown(&alert.labels),
        });
        let mut named: Vec<String> = named.collect();
        let more = self.more + self.alerts.len().saturating_sub(NAMED);
        if more > 0 {
            named.push(format!("and {more} more"));
        }
        named.join(", ")
    }
}

fn shown(labels: &Pairs) -> String {
    LabelSet::from_pairs(labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))).to_string()
}
