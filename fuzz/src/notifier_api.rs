//! Bodies and filters of the notifier's API: alerts, silences, recurring ones, acknowledgements. What is taken of alerts is what
//! a plain reader of JSON finds, and everything can be listed afterwards.

use std::cell::RefCell;
use std::collections::BTreeMap;

use model::LabelSet;
use notifier::io::desk::Desk;
use serde::Deserialize as _;
use serde_json::Value;

use super::site::Site;
use super::text;

const JSON: &str = "application/json";

/// What an answer that refuses may say: of each alert of a list, or of one thing.
const REFUSAL_BYTES_MAX: usize = 1 << 16;

thread_local! {
    static SITE: RefCell<Site> = RefCell::new(Site::new());
}

pub fn check(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    SITE.with_borrow_mut(|site| {
        if site.is_full() {
            *site = Site::new();
        }
        match choice % 8 {
            0 | 1 => alerts(site, body),
            2 => post(site, "/api/v2/silences", body),
            3 => post(site, "/api/v2/maintenance/preview", body),
            4 => post(site, "/api/v2/ack", body),
            5 => post(site, "/api/v2/receivers/test", body),
            _ => asked(site, *choice, body),
        }
    });
}

fn post(site: &Site, path: &str, body: &[u8]) {
    let Some(answer) = site.ask("POST", path, JSON, body.to_vec()) else { return };
    assert!(answer.status.is_success() || answer.body.len() <= REFUSAL_BYTES_MAX, "{} bytes", answer.body.len());
    if path.ends_with("silences") && answer.status.is_success() {
        list(site, "/api/v2/silences");
    }
}

fn list(site: &Site, path: &str) -> Vec<Value> {
    let answer = site.ask("GET", path, JSON, Vec::new()).expect("a good request");
    serde_json::from_slice(&answer.body).expect("a list")
}

fn alerts(site: &mut Site, body: &[u8]) {
    if site.desk.read(|notifier, _| notifier.alert_count() > 20) {
        *site = Site::new();
    }
    let before = list(site, "/api/v2/alerts").len();
    let Some(answer) = site.ask("POST", "/api/v2/alerts", JSON, body.to_vec()) else { return };
    assert!(answer.body.len() <= REFUSAL_BYTES_MAX, "{} bytes", answer.body.len());
    let listed = list(site, "/api/v2/alerts");
    if !answer.status.is_success() {
        return;
    }
    // Whoever is told that all are taken finds those that fire, by their labels as any reader of JSON sees them.
    // As Alertmanager reads it: bytes that are no text are replaced, what follows the list is not looked at.
    let text = String::from_utf8_lossy(body);
    let posted = Option::<Vec<Value>>::deserialize(&mut serde_json::Deserializer::from_str(&text));
    // Half a character in an escape is replaced too, which this reader does not do.
    let Ok(posted) = posted.map(Option::unwrap_or_default) else { return };
    let labels = |alert: &Value| -> Option<LabelSet> {
        let labels: BTreeMap<String, String> = serde_json::from_value(alert.get("labels")?.clone()).ok()?;
        Some(LabelSet::from_pairs(labels).without_empty())
    };
    let found: Vec<LabelSet> = listed.iter().filter_map(labels).collect();
    for alert in posted.iter().filter(|alert| alert.get("endsAt").is_none_or(Value::is_null)) {
        let labels = labels(alert).unwrap_or_else(|| panic!("taken without labels: {alert}"));
        assert!(found.contains(&labels), "taken and not there: {labels}");
    }
    assert!(listed.len() <= before + posted.len());
}

fn asked(site: &Site, choice: u8, query: &[u8]) {
    let Some(query) = text::text(query) else { return };
    let path = ["/alerts", "/alerts/groups", "/silences", "/ack", "/explain", "/history", "/maintenance", "/receivers"];
    let path = path[usize::from(choice >> 3) % path.len()];
    let method = if choice & 1 == 0 || path != "/ack" { "GET" } else { "DELETE" };
    if let Some(answer) = site.ask(method, &format!("/api/v2{path}?{query}"), JSON, Vec::new()) {
        assert!(answer.status.is_success() || answer.body.len() <= REFUSAL_BYTES_MAX, "{} bytes", answer.body.len());
    }
}
