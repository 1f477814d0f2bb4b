//! A recorded timeline as its file says it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use crate::peers::root;

/// One file.
#[derive(Clone, Debug, Deserialize)]
pub struct Scenario {
    pub id: String,
    pub title: String,
    /// Seconds after t0.
    pub duration: f64,
    pub tolerance_seconds: f64,
    pub mode: Mode,
    pub config: String,
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub faults: Vec<Fault>,
    #[serde(default)]
    pub smtp: SmtpOptions,
    /// Regular expressions of differences that do not count.
    #[serde(default)]
    pub ignore: Vec<String>,
    pub timeline: Vec<Entry>,
    pub expected: Expected,
}

/// Whether failed attempts count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every request counts.
    Exact,
    /// Retries have jitter: what got through counts, and that something failed.
    Delivered,
}

/// What a sink does wrong, and when.
#[derive(Clone, Debug, Deserialize)]
pub struct Fault {
    pub sink: Option<String>,
    pub path: Option<String>,
    pub stage: Option<String>,
    pub first: Option<usize>,
    pub from: Option<f64>,
    pub until: Option<f64>,
    pub status: Option<u16>,
    #[serde(default)]
    pub reset: bool,
    pub hang: Option<f64>,
}

/// What the mail server offers and asks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SmtpOptions {
    pub starttls: bool,
    pub auth: Option<SmtpAuth>,
    pub require_auth: bool,
    pub auth_needs_tls: bool,
}

/// The one account of the mail server.
#[derive(Clone, Debug, Deserialize)]
pub struct SmtpAuth {
    pub user: String,
    pub password: String,
    pub mechs: Vec<String>,
}

/// Something done at a time.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// Seconds after t0.
    pub t: f64,
    #[serde(flatten)]
    pub action: Action,
}

/// Something done.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    Alerts {
        alerts: Value,
    },
    Silence(Silence),
    SilenceUpdate(Silence),
    SilenceExpire {
        name: String,
    },
    Get {
        path: String,
        #[serde(default)]
        contains: Vec<String>,
    },
    Http(Request),
    Reload {
        config: Option<String>,
        #[serde(default)]
        files: BTreeMap<String, String>,
        via: Option<String>,
    },
    TryConfig {
        config: String,
    },
    Restart {
        how: Option<String>,
    },
    Stop {
        how: Option<String>,
    },
    Start,
    Amtool(AmtoolCall),
    ProbeAlive,
}

/// A silence to post. `name` is only a handle.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    pub name: String,
    pub matchers: Value,
    pub starts_at: Value,
    pub ends_at: Value,
    pub created_by: String,
    pub comment: String,
}

/// Any request.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub data: Option<Value>,
    pub ctype: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// A run of amtool.
#[derive(Clone, Debug, Deserialize)]
pub struct AmtoolCall {
    pub args: Vec<String>,
    #[serde(default)]
    pub json: bool,
    pub stdin: Option<String>,
    #[serde(rename = "as")]
    pub handle: Option<String>,
}

/// What the recorded notifier did.
#[derive(Clone, Debug, Deserialize)]
pub struct Expected {
    pub started: String,
    pub deliveries: Vec<Delivery>,
    pub responses: Vec<Value>,
}

/// One request at a sink.
#[derive(Clone, Debug, Deserialize)]
pub struct Delivery {
    /// The stream it belongs to: channel, path, group key or dedup key.
    pub sequence: Vec<String>,
    /// Seconds after t0.
    pub at: f64,
    /// A status, or what happened instead.
    pub reply: Value,
    pub body: Value,
}

impl Delivery {
    /// Whether the sink took it.
    pub fn got_through(&self) -> bool {
        self.reply.as_u64().is_some_and(|status| (200..300).contains(&status))
    }
}

impl Scenario {
    /// Whether it needs amtool.
    pub fn needs_amtool(&self) -> bool {
        self.timeline.iter().any(|entry| matches!(entry.action, Action::Amtool(_)))
    }
}

/// Where recorded timelines lie.
pub fn folder() -> PathBuf {
    root().join("../shared/conformance")
}

/// All scenarios, sorted by id, each timeline in order; empty if there are none on this machine.
pub fn all() -> Vec<Scenario> {
    let Ok(entries) = std::fs::read_dir(folder()) else { return Vec::new() };
    let is_scenario =
        |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json") && !path.ends_with("index.json");
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(is_scenario).collect();
    paths.sort();
    paths.iter().map(read).collect()
}

fn read(path: &PathBuf) -> Scenario {
    let text = std::fs::read_to_string(path).unwrap();
    let mut scenario: Scenario =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    scenario.timeline.sort_by(|a, b| a.t.total_cmp(&b.t));
    scenario
}
