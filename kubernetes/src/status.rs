//! What is said about an object where people look for it: an Event, and a condition in its status.
//!
//! The status of a PrometheusRule names workloads of the operator only, so it is written in the name of one, and only where that
//! is asked for. Events need no such name.

use serde_json::{Value, json};

use crate::object::{ObjectKey, PROMETHEUS_RULES};
use crate::prometheus_rule::PrometheusRule;
use crate::rule_source::Workload;

/// The longest note of an Event, in bytes.
const NOTE_BYTES_MAX: usize = 1024;
/// The longest message of a condition, in bytes: conditions of Kubernetes have at most 32 KiB.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Reason of Events and conditions of objects that are refused: the operator's.
pub const INVALID: &str = "InvalidConfiguration";
/// What was being done: the operator's word.
pub const SELECTING: &str = "SelectingPrometheusRuleResources";

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which object.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: String,
    /// Which generation of it.
    pub generation: i64,
    /// Which version of it.
    pub resource_version: String,
    /// `status.bindings` as it was.
    pub bindings: Option<std::sync::Arc<str>>,
    /// What is wrong with it; none if it is accepted.
    pub mistakes: Option<String>,
}

impl Finding {
    /// What was found about an object.
    pub fn of(rule: &PrometheusRule, mistakes: Option<String>) -> Finding {
        Finding {
            key: rule.key.clone(),
            uid: rule.uid.clone(),
            generation: rule.generation,
            resource_version: rule.resource_version.clone(),
            bindings: rule.bindings.clone(),
            mistakes,
        }
    }

    /// The note of an Event about it.
    pub fn note(&self) -> Option<String> {
        self.mistakes.as_ref().map(|mistakes| cut(mistakes, NOTE_BYTES_MAX))
    }

    /// The merge patch that says so in the status; none if it says so already. `now` is in RFC 3339. The other workloads'
    /// bindings stay, and a version that is not the newest is refused by the server.
    pub fn status_patch(&self, workload: &Workload, now: &str) -> Option<Value> {
        let bindings: Vec<Value> =
            self.bindings.as_deref().and_then(|bindings| serde_json::from_str(bindings).ok()).unwrap_or_default();
        let (own, others): (Vec<Value>, Vec<Value>) = bindings.into_iter().partition(|one| is_of(one, workload));
        let before =
            own.first().and_then(|own| own.get("conditions")?.as_array()?.first().cloned()).unwrap_or_default();
        let mut condition = json!({
            "type": "Accepted",
            "status": if self.mistakes.is_none() { "True" } else { "False" },
            "lastTransitionTime": now,
            "observedGeneration": self.generation,
        });
        if let Some(mistakes) = &self.mistakes {
            condition["reason"] = INVALID.into();
            condition["message"] = cut(mistakes, MESSAGE_BYTES_MAX).into();
        }
        if before.get("status") == condition.get("status") {
            condition["lastTransitionTime"] = before.get("lastTransitionTime").cloned().unwrap_or_else(|| now.into());
        }
        if before == condition {
            return None;
        }
        let own = json!({
            "group": PROMETHEUS_RULES.group,
            "resource": workload.resource,
            "name": workload.name,
            "namespace": workload.namespace,
            "conditions": [condition],
        });
        let bindings: Vec<Value> = others.into_iter().chain([own]).collect();
        Some(json!({"metadata": {"resourceVersion": self.resource_version}, "status": {"bindings": bindings}}))
    }
}

fn is_of(binding: &Value, workload: &Workload) -> bool {
    let text = |key: &str| binding.get(key).and_then(Value::as_str).unwrap_or_default();
    (text("resource"), text("namespace"), text("name")) == (workload.resource, &*workload.namespace, &*workload.name)
}

/// As much of a text as fits, ending where a character does.
fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    const END: &str = " …";
    let end = text.floor_char_boundary(bytes_max - END.len());
    text.get(..end).unwrap_or_default().to_owned() + END
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> Workload {
        Workload { resource: "prometheuses", namespace: "monitoring".to_owned(), name: "k8s".to_owned() }
    }

    fn finding(bindings: &Value, mistakes: Option<&str>) -> Finding {
        let object = json!({"metadata": {"namespace": "n", "name": "r", "generation": 4, "resourceVersion": "9"},
            "status": {"bindings": bindings}});
        Finding::of(&PrometheusRule::of(&object).unwrap(), mistakes.map(str::to_owned))
    }

    #[test]
    fn others_stay_and_nothing_is_written_twice() {
        let other =
            json!({"group": "monitoring.coreos.com", "resource": "prometheuses", "namespace": "x", "name": "y"});
        let patch = finding(&json!([other]), Some("bad")).status_patch(&workload(), "T1").unwrap();
        assert_eq!(patch["metadata"]["resourceVersion"], "9");
        let bindings = &patch["status"]["bindings"];
        assert_eq!(bindings[0], other);
        let condition = &bindings[1]["conditions"][0];
        assert_eq!((&condition["status"], &condition["message"]), (&json!("False"), &json!("bad")));
        assert_eq!(finding(bindings, Some("bad")).status_patch(&workload(), "T2"), None);
        let worse = finding(bindings, Some("worse")).status_patch(&workload(), "T2").unwrap();
        let condition = &worse["status"]["bindings"][1]["conditions"][0];
        assert_eq!(condition["lastTransitionTime"], "T1", "it is as bad as it was");
        let good = finding(bindings, None).status_patch(&workload(), "T2").unwrap();
        let condition = &good["status"]["bindings"][1]["conditions"][0];
        assert_eq!((&condition["status"], &condition["lastTransitionTime"]), (&json!("True"), &json!("T2")));
        assert_eq!(condition.get("message"), None);
    }

    #[test]
    fn notes_fit() {
        let long = "ä".repeat(2000);
        let note = finding(&json!([]), Some(&long)).note().unwrap();
        assert!(note.len() <= NOTE_BYTES_MAX && note.ends_with('…'));
        assert_eq!(finding(&json!([]), None).note(), None);
    }
}
