//! Whether a PrometheusRule can be evaluated.

use kubernetes::admission::Verdict;
use kubernetes::object::ObjectKey;
use kubernetes::prometheus_rule::{Enforcement, PrometheusRule};
use model::source::{Diagnostics, Severity, SourceFile};
use rules_engine::rule_file::{self, Defaults, Dialect};
use serde_json::Value;

use super::Checks;

/// Every mistake, as the rule service finds them.
pub(super) fn verdict(object: &Value, namespace: &str, checks: &Checks) -> Verdict {
    let Some(mut rule) = PrometheusRule::of(&named(object)) else { return Verdict::denied("metadata.name is missing") };
    if rule.key.namespace.is_empty() {
        rule.key = ObjectKey::new(namespace, &rule.key.name);
    }
    let file = match rule.rule_file(&Enforcement::default()) {
        Ok(file) => SourceFile::new(format!("{}.json", rule.key), file.text),
        Err(unusable) => return Verdict::denied(unusable.to_string()),
    };
    let defaults =
        Defaults { names: checks.names, promql: checks.promql, dialect: Dialect::Any, ..Defaults::default() };
    match rule_file::read(&file, &defaults) {
        Ok((_, warnings)) => Verdict { warnings: told(&warnings, Severity::Warning), ..Verdict::default() },
        Err(mistakes) => Verdict {
            causes: told(&mistakes, Severity::Error),
            warnings: told(&mistakes, Severity::Warning),
            ..Verdict::default()
        },
    }
}

/// Objects may get their name from the server, and be asked about before.
fn named(object: &Value) -> Value {
    let mut object = object.clone();
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    if let Some(metadata) = metadata.filter(|metadata| !metadata.contains_key("name")) {
        let prefix = metadata.get("generateName").cloned().unwrap_or_else(|| "unnamed".into());
        metadata.insert("name".to_owned(), prefix);
    }
    object
}

/// Messages with the line that shows what they are about: places in the object as JSON mean nothing to its author.
pub(super) fn told(found: &Diagnostics, severity: Severity) -> Vec<String> {
    let of_severity = found.iter().filter(|one| one.severity == severity);
    of_severity.map(|one| one.to_string()).collect()
}
