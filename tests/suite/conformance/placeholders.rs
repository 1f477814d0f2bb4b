//! Texts that stand for something only known while a scenario runs: ports, folders, ids, today.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use model::Timestamp;
use regex::{Captures, Regex};
use serde_json::Value;

use super::Ports;
use crate::conditions::unix_now;

static TODAY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{(weekday|month|day|year)(?::([A-Za-z_/]+))?\}").unwrap());
static ANYTHING: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"<(id\d*|date|str|uptime|config)>").unwrap());

/// What the texts stand for in one run.
pub struct Placeholders {
    /// Seconds since the epoch at which the timeline begins.
    pub t0: f64,
    given: Vec<(&'static str, String)>,
    expected: Vec<(&'static str, String)>,
    silences: BTreeMap<String, String>,
    /// `<id1>` and so on: what was found there first.
    ids: BTreeMap<String, String>,
}

impl Placeholders {
    pub fn new(ports: Ports, folder: &Path) -> Self {
        let Ports { notifier, sink, smtp } = ports;
        let folder = folder.display().to_string();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
        Self {
            t0: unix_now(),
            given: vec![
                ("{webhook}", format!("http://127.0.0.1:{sink}/hook")),
                ("{pagerduty}", format!("http://127.0.0.1:{sink}/pd")),
                ("{slack}", format!("http://127.0.0.1:{sink}/slack")),
                ("{smtp}", format!("127.0.0.1:{smtp}")),
                ("{am}", format!("http://127.0.0.1:{notifier}")),
                ("{dir}", folder.clone()),
                ("{closed}", "http://127.0.0.1:1".to_owned()),
            ],
            expected: vec![
                ("<host>", host),
                ("<am>", notifier.to_string()),
                ("<sink>", sink.to_string()),
                ("<smtp>", smtp.to_string()),
                ("<dir>", folder),
            ],
            silences: BTreeMap::new(),
            ids: BTreeMap::new(),
        }
    }

    /// The id of a silence, learnt from the answer that created it.
    pub fn learn_silence(&mut self, name: &str, id: &str) {
        self.silences.insert(name.to_owned(), id.to_owned());
    }

    pub fn silence(&self, name: &str) -> &str {
        self.silences.get(name).map_or("", String::as_str)
    }

    /// A text to send or write.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (placeholder, value) in &self.given {
            filled = filled.replace(placeholder, value);
        }
        for (name, id) in &self.silences {
            filled = filled.replace(&format!("{{silence:{name}}}"), id);
        }
        TODAY
            .replace_all(&filled, |found: &Captures<'_>| {
                today(&found[1], found.get(2).map_or("UTC", |zone| zone.as_str()))
            })
            .into_owned()
    }

    /// A body to send: `{"$rel": s}` is a time.
    pub fn fill_times(&self, value: &Value) -> Value {
        match value {
            Value::Object(map) if map.contains_key("$rel") => self.time(&map["$rel"]),
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), self.fill_times(value))).collect(),
            Value::Array(list) => list.iter().map(|value| self.fill_times(value)).collect(),
            Value::String(text) => Value::String(self.fill(text)),
            other => other.clone(),
        }
    }

    /// A time as the API takes it; numbers are seconds after t0, anything else is sent as it is.
    pub fn time(&self, value: &Value) -> Value {
        match value.as_f64() {
            Some(seconds) => Value::String(timestamp(self.t0 + seconds).to_rfc3339_millis()),
            None => value.clone(),
        }
    }

    /// Whether a text is what was expected; ids seen for the first time are learnt.
    pub fn is_met(&mut self, expected: &str, actual: &str) -> bool {
        let mut expected = expected.to_owned();
        for (placeholder, value) in &self.expected {
            expected = expected.replace(placeholder, value);
        }
        for (name, id) in &self.silences {
            expected = expected.replace(&format!("<silence:{name}>"), id);
        }
        for (name, id) in &self.ids {
            expected = expected.replace(&format!("<{name}>"), id);
        }
        if expected == actual {
            return true;
        }
        let names: Vec<String> = ANYTHING.captures_iter(&expected).map(|found| found[1].to_owned()).collect();
        let literals: Vec<String> = ANYTHING.split(&expected).map(regex::escape).collect();
        let pattern = Regex::new(&format!("(?s)^{}$", literals.join("(.*?)"))).unwrap();
        let Some(found) = pattern.captures(actual) else { return false };
        for (name, value) in names.into_iter().zip(found.iter().skip(1)) {
            if name.len() > 2 && name.starts_with("id") {
                self.ids.insert(name, value.map_or("", |value| value.as_str()).to_owned());
            }
        }
        true
    }
}

/// Milliseconds precision, as the recorder wrote times.
fn timestamp(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1000.0).round() as i64)
}

fn today(what: &str, zone: &str) -> String {
    let now = timestamp(unix_now()).to_jiff().in_tz(zone).unwrap();
    match what {
        "weekday" => now.strftime("%A").to_string().to_lowercase(),
        "month" => now.month().to_string(),
        "day" => now.day().to_string(),
        _ => now.year().to_string(),
    }
}
