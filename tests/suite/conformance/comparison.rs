//! What happened beside what was recorded. A difference is one line: `where: what`.

use std::collections::BTreeMap;

use model::Timestamp;
use regex::Regex;
use serde_json::Value;

use super::placeholders::Placeholders;
use super::scenario::{Delivery, Mode, Scenario};

/// Keys that came after the recorded version, with the version they came with; some only in lists of silences or receivers.
const NEWER_KEYS: [(&str, &str); 5] = [
    (r"\.notification_reason$", "0.32"),
    (r"\.routeLabels$", "0.34"),
    (r"\.status\.mutedBy$", "0.28"),
    (r"/api/v2/receivers\]\.body\.json\[\d+\]\.labels$", "0.33"),
    (r"/api/v2/silences?.*\]\.body\.json.*\.annotations$", "0.32"),
];
/// Lists whose order has no meaning.
const SETS: [&str; 2] = ["silencedBy", "inhibitedBy"];
/// How far apart written-out times may be, in seconds.
const ABSOLUTE_TOLERANCE: f64 = 0.01;
/// Longer values are cut in a difference.
const SHOWN_CHARS: usize = 300;

/// Compares one scenario's outcome.
pub struct Comparison<'a> {
    scenario: &'a Scenario,
    placeholders: &'a mut Placeholders,
    differences: Vec<String>,
}

impl<'a> Comparison<'a> {
    pub fn new(scenario: &'a Scenario, placeholders: &'a mut Placeholders) -> Self {
        Self { scenario, placeholders, differences: Vec::new() }
    }

    /// The differences that count.
    pub fn differences(self) -> Vec<String> {
        let ignored: Vec<Regex> = self.scenario.ignore.iter().map(|pattern| Regex::new(pattern).unwrap()).collect();
        self.differences.into_iter().filter(|line| !ignored.iter().any(|pattern| pattern.is_match(line))).collect()
    }

    /// One reply: only what was recorded of it counts.
    pub fn response(&mut self, expected: &Value, actual: &Value) {
        let path = format!("[{} {}]", expected["t"], expected["what"].as_str().unwrap_or_default());
        let failed = expected["status"].as_u64().is_some_and(|status| status >= 400);
        let counts = |key: &str| match key {
            "t" | "what" | "note" => false,
            "body" => !failed,
            _ => true,
        };
        for (key, value) in expected.as_object().unwrap().iter().filter(|(key, _)| counts(key)) {
            self.value(&format!("{path}.{key}"), value, &actual[key]);
        }
        if expected["status"] != actual["status"] && !actual["body"].is_null() {
            self.differences.push(format!("{path} said {}", shown(&actual["body"])));
        }
    }

    /// Everything that arrived, stream by stream.
    pub fn deliveries(&mut self, actual: &[Delivery]) {
        let expected = by_sequence(&self.scenario.expected.deliveries);
        let mut actual = by_sequence(actual);
        for (sequence, expected) in expected {
            let actual = actual.remove(&sequence).unwrap_or_default();
            self.sequence(&sequence.join(" "), &expected, &actual);
        }
        for (sequence, actual) in actual {
            self.sequence(&sequence.join(" "), &[], &actual);
        }
    }

    fn sequence(&mut self, name: &str, expected: &[Delivery], actual: &[Delivery]) {
        if self.scenario.mode == Mode::Exact {
            return self.in_order(name, expected, actual);
        }
        let failed = |deliveries: &[Delivery]| deliveries.iter().any(|delivery| !delivery.got_through());
        if failed(expected) != failed(actual) {
            self.differences.push(format!("{name}: failures expected: {}, seen: {}", failed(expected), failed(actual)));
        }
        let through = |deliveries: &[Delivery]| {
            deliveries.iter().filter(|delivery| delivery.got_through()).cloned().collect::<Vec<_>>()
        };
        self.in_order(name, &through(expected), &through(actual));
    }

    fn in_order(&mut self, name: &str, expected: &[Delivery], actual: &[Delivery]) {
        for index in 0..expected.len().max(actual.len()) {
            let path = format!("{name} #{}", index + 1);
            match (expected.get(index), actual.get(index)) {
                (Some(expected), Some(actual)) => self.delivery(&path, expected, actual),
                (Some(expected), None) => self.differences.push(format!(
                    "{path}: only in the recording, at {:.2}: {}",
                    expected.at,
                    shown(&expected.body)
                )),
                (None, Some(actual)) => {
                    self.differences.push(format!("{path}: only in ours, at {:.2}: {}", actual.at, shown(&actual.body)))
                }
                (None, None) => {}
            }
        }
    }

    fn delivery(&mut self, path: &str, expected: &Delivery, actual: &Delivery) {
        if (expected.at - actual.at).abs() > self.scenario.tolerance_seconds {
            self.differences.push(format!("{path}.at: expected {:.2}, was {:.2}", expected.at, actual.at));
        }
        self.value(&format!("{path}.reply"), &expected.reply, &actual.reply);
        self.value(path, &expected.body, &actual.body);
    }

    fn value(&mut self, path: &str, expected: &Value, actual: &Value) {
        let same = match (expected, actual) {
            (Value::Object(time), _) if time.contains_key("$t") || time.contains_key("$abs") => {
                self.is_time(time, actual)
            }
            (Value::Object(expected), Value::Object(actual)) => return self.object(path, expected, actual),
            (Value::Array(expected), Value::Array(actual)) => return self.list(path, expected, actual),
            (Value::String(expected), Value::String(actual)) => self.placeholders.is_met(expected, actual),
            _ => expected == actual,
        };
        if !same {
            self.differences.push(format!("{path}: expected {}, was {}", shown(expected), self.relative(actual)));
        }
    }

    fn object(
        &mut self,
        path: &str,
        expected: &serde_json::Map<String, Value>,
        actual: &serde_json::Map<String, Value>,
    ) {
        for (key, value) in expected {
            let path = format!("{path}.{key}");
            match actual.get(key) {
                Some(actual) => self.value(&path, value, actual),
                None => self.differences.push(format!("{path}: only in the recording: {}", shown(value))),
            }
        }
        for (key, value) in actual.iter().filter(|(key, _)| !expected.contains_key(*key)) {
            let path = format!("{path}.{key}");
            if !is_newer(&path) {
                self.differences.push(format!("{path}: only in ours: {}", shown(value)));
            }
        }
    }

    fn list(&mut self, path: &str, expected: &[Value], actual: &[Value]) {
        let is_set = SETS.iter().any(|set| path.ends_with(set));
        if expected.len() != actual.len() || (is_set && !self.is_same_set(expected, actual)) {
            let (expected, actual) = (Value::from(expected), Value::from(actual));
            self.differences.push(format!("{path}: expected {}, was {}", shown(&expected), shown(&actual)));
            return;
        }
        if !is_set {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                self.value(&format!("{path}[{index}]"), expected, actual);
            }
        }
    }

    fn is_same_set(&mut self, expected: &[Value], actual: &[Value]) -> bool {
        expected.iter().filter_map(Value::as_str).all(|expected| {
            actual.iter().filter_map(Value::as_str).any(|actual| self.placeholders.is_met(expected, actual))
        })
    }

    fn is_time(&self, time: &serde_json::Map<String, Value>, actual: &Value) -> bool {
        let Some(actual) = actual.as_str().and_then(seconds) else { return false };
        match (time.get("$t"), time.get("$abs")) {
            (Some(Value::String(_)), _) => Some(actual) == seconds("0001-01-01T00:00:00Z"),
            (Some(after), _) => {
                let expected = self.placeholders.t0 + after.as_f64().unwrap();
                (expected - actual).abs() <= self.scenario.tolerance_seconds
            }
            (None, Some(text)) => {
                text.as_str().and_then(seconds).is_some_and(|expected| (expected - actual).abs() < ABSOLUTE_TOLERANCE)
            }
            (None, None) => false,
        }
    }

    /// A time is easier to read as seconds after t0.
    fn relative(&self, actual: &Value) -> String {
        match actual.as_str().and_then(seconds) {
            Some(time) => format!("{} (t={:.3})", shown(actual), time - self.placeholders.t0),
            None => shown(actual),
        }
    }
}

fn seconds(text: &str) -> Option<f64> {
    Timestamp::parse_rfc3339(text).ok().map(Timestamp::as_secs_f64)
}

fn is_newer(path: &str) -> bool {
    NEWER_KEYS.iter().any(|(key, _)| Regex::new(key).unwrap().is_match(path))
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn by_sequence(deliveries: &[Delivery]) -> BTreeMap<Vec<String>, Vec<Delivery>> {
    let mut sequences: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for delivery in deliveries {
        sequences.entry(delivery.sequence.clone()).or_default().push(delivery.clone());
    }
    sequences
}
