//! `/api/v1/rules`, asked again and again between evaluations.

use regex::Regex;
use serde_json::{Map, Value};

use super::sequence::Sequences;
use crate::peers::get_json;

/// What a service said about each rule over time: entries are added where the answer changed.
#[derive(Default)]
pub(super) struct Seen(pub(super) Sequences<Value>);

impl Seen {
    /// Asks; gives whether every rule has been evaluated.
    pub(super) async fn ask(&mut self, url: &str, at: f64) -> bool {
        let answer = get_json(&format!("{url}/api/v1/rules")).await;
        let mut are_evaluated = true;
        for group in answer["data"]["groups"].as_array().expect("groups") {
            for (place, rule) in group["rules"].as_array().expect("rules").iter().enumerate() {
                // So are rules before their first evaluation after a start or a reload.
                if rule["health"] == "unknown" {
                    are_evaluated = false;
                    continue;
                }
                let name = format!("{}/{place} {}", group["name"], rule["name"]);
                let about = about(group, rule);
                let sequence = self.0.entry(name).or_default();
                if sequence.last().is_none_or(|(_, last)| *last != about) {
                    sequence.push((at, about));
                }
            }
        }
        are_evaluated
    }

    /// Forgets what came before now, but for how it is now.
    pub(super) fn begin(&mut self) {
        for sequence in self.0.values_mut() {
            sequence.drain(..sequence.len().saturating_sub(1));
            sequence.iter_mut().for_each(|(at, _)| *at = 0.0);
        }
    }
}

/// The rule without what differs from run to run, and its group's own facts.
fn about(group: &Value, rule: &Value) -> Value {
    let mut about: Map<String, Value> = rule.as_object().expect("a rule").clone();
    about.retain(|key, _| !["evaluationTime", "lastEvaluation"].contains(&key.as_str()));
    for key in ["file", "interval", "limit"] {
        about.insert(format!("group {key}"), group[key].clone());
    }
    if let Some(Value::Array(alerts)) = about.get_mut("alerts") {
        alerts.iter_mut().for_each(|alert| without_columns(&mut alert["annotations"]));
        alerts.sort_by_key(|alert| alert["labels"].to_string());
    }
    if let Some(Value::String(error)) = about.get_mut("lastError") {
        *error = without_examples(error);
    }
    about.into()
}

/// Errors name some of the series at fault, now these, now those; of a text or a matrix we say that it is one.
fn without_examples(error: &str) -> String {
    let error = error.strip_suffix(" but a string").or(error.strip_suffix(" but a matrix")).unwrap_or(error);
    match (error.find('['), error.rfind(']')) {
        (Some(begin), Some(end)) if begin < end => format!("{}[…]{}", &error[..begin], &error[end + 1..]),
        _ => error.to_owned(),
    }
}

/// Prometheus defines variables before a text and counts columns of its first line with them.
pub(super) fn without_columns(annotations: &mut Value) {
    let column = Regex::new(r":1:\d+: executing").expect("a pattern");
    for text in annotations.as_object_mut().into_iter().flat_map(Map::values_mut) {
        *text = column.replace_all(text.as_str().expect("a text"), ":1:…: executing").into();
    }
}
