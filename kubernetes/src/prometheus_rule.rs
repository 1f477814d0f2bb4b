//! A PrometheusRule object, and the rule file it is: named as the operator names it, with the namespace enforced where that
//! is asked for.
//!
//! The operator writes one file for each object, `NAMESPACE-NAME-UID.yaml`; groups keep their names. Ours has the same last
//! segment below [`FOLDER`], so that dashboards and filters by file go on to work. Every field that the operator drops for older
//! Prometheis (`limit`, `keep_firing_for`, `query_offset`, labels of groups) is evaluated here, so nothing is dropped.

use std::sync::Arc;

use promql::ast::{Expr, VectorSelector};
use promql::matcher::Matcher;
use serde_json::{Map, Value, json};

use crate::object::{ObjectKey, PROMETHEUS_RULES, labels, metadata_text};
use crate::selector::Labels;

/// What stands before the names of objects' files.
pub const FOLDER: &str = "kubernetes";

/// The largest object that is taken: half of what a ConfigMap can hold, as for the operator.
pub const TEXT_BYTES_MAX: usize = 524_288;

/// A PrometheusRule, without what rules do not need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusRule {
    /// Where it is.
    pub key: ObjectKey,
    /// Which of all that were ever at that place.
    pub uid: String,
    /// Counts changes of the spec.
    pub generation: i64,
    /// Which version this is.
    pub resource_version: String,
    /// What it is selected by.
    pub labels: Labels,
    /// Its spec as JSON.
    pub spec: Arc<str>,
    /// `status.bindings` as JSON, where there are any.
    pub bindings: Option<Arc<str>>,
}

/// The rule file of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    /// What the groups' `file` is.
    pub name: String,
    /// The object as JSON, which is YAML.
    pub text: String,
}

/// The namespace label, and which objects need not have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforcement {
    /// The label's name; none enforces nothing.
    pub label: Option<String>,
    /// Objects that are left alone.
    pub excluded: Vec<Exclusion>,
}

/// Objects that are left alone: one, or all of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// Where.
    pub namespace: String,
    /// Which; empty for all.
    pub name: String,
}

/// Why an object is no rule file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is larger than the operator takes.
    #[error("the object has {bytes} bytes, at most {TEXT_BYTES_MAX} are taken: make several objects of it")]
    TooLong {
        /// How large it is.
        bytes: usize,
    },
    /// Its rules must be kept to its namespace, and that cannot be done.
    #[error("{place}: the label {label} cannot be enforced: {why}")]
    NotEnforceable {
        /// Group and rule.
        place: String,
        /// What is enforced.
        label: String,
        /// What is wrong with the expression.
        why: String,
    },
}

impl PrometheusRule {
    /// Takes what is needed of an object of the API; none if it has no name.
    pub fn of(object: &Value) -> Option<PrometheusRule> {
        let metadata = object.get("metadata")?;
        let spec = object.get("spec").cloned().unwrap_or_else(|| json!({}));
        let bindings = object.get("status").and_then(|status| status.get("bindings"));
        Some(PrometheusRule {
            key: ObjectKey::of(object)?,
            uid: metadata_text(object, "uid").to_owned(),
            generation: metadata.get("generation").and_then(Value::as_i64).unwrap_or(0),
            resource_version: metadata_text(object, "resourceVersion").to_owned(),
            labels: labels(object),
            spec: spec.to_string().into(),
            bindings: bindings.map(|bindings| bindings.to_string().into()),
        })
    }

    /// The object again, as far as it is known: [`PrometheusRule::of`] takes it back.
    pub fn to_object(&self) -> Value {
        json!({
            "apiVersion": PROMETHEUS_RULES.api_version(),
            "kind": PROMETHEUS_RULES.name,
            "metadata": {
                "namespace": self.key.namespace,
                "name": self.key.name,
                "uid": self.uid,
                "generation": self.generation,
                "resourceVersion": self.resource_version,
                "labels": self.labels,
            },
            "spec": self.spec(),
        })
    }

    /// `kubernetes/NAMESPACE-NAME-UID.yaml`.
    pub fn file_name(&self) -> String {
        let ObjectKey { namespace, name } = &self.key;
        format!("{FOLDER}/{namespace}-{name}-{}.yaml", self.uid)
    }

    /// Whether both say the same, their versions and status apart.
    pub fn says_the_same_as(&self, other: &PrometheusRule) -> bool {
        (&self.uid, &self.labels, &self.spec) == (&other.uid, &other.labels, &other.spec)
    }

    /// The object's rule file.
    ///
    /// # Errors
    /// It is too long, or the namespace label cannot be enforced on one of its expressions.
    pub fn rule_file(&self, enforcement: &Enforcement) -> Result<RuleFile, Unusable> {
        let mut spec = self.spec();
        if let Some(label) = enforcement.label_for(&self.key) {
            enforce(&mut spec, label, &self.key.namespace)?;
        }
        let object = json!({
            "apiVersion": PROMETHEUS_RULES.api_version(),
            "kind": PROMETHEUS_RULES.name,
            "metadata": {"namespace": self.key.namespace, "name": self.key.name},
            "spec": spec,
        });
        let text = serde_json::to_string_pretty(&object).expect("a JSON value can be written");
        match text.len() {
            bytes if bytes > TEXT_BYTES_MAX => Err(Unusable::TooLong { bytes }),
            _ => Ok(RuleFile { name: self.file_name(), text }),
        }
    }

    fn spec(&self) -> Value {
        serde_json::from_str(&self.spec).expect("it was written from a JSON value")
    }
}

impl Enforcement {
    /// The label that the rules of an object must have.
    fn label_for(&self, key: &ObjectKey) -> Option<&str> {
        let is_excluded = self
            .excluded
            .iter()
            .any(|one| one.namespace == key.namespace && (one.name.is_empty() || one.name == key.name));
        self.label.as_deref().filter(|_| !is_excluded)
    }
}

/// Gives every rule the label, and every selector of its expression a matcher on it, in place of those that are there.
fn enforce(spec: &mut Value, label: &str, namespace: &str) -> Result<(), Unusable> {
    let groups = spec.get_mut("groups").and_then(Value::as_array_mut);
    for group in groups.into_iter().flatten() {
        let of_group = group.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let rules = group.get_mut("rules").and_then(Value::as_array_mut);
        for (rule, number) in rules.into_iter().flatten().zip(1..) {
            let Some(rule) = rule.as_object_mut() else { continue };
            let not_enforceable = |why| Unusable::NotEnforceable {
                place: format!("group {of_group:?}, rule {number}{}", name_of(rule)),
                label: label.to_owned(),
                why,
            };
            if let Some(expr) = rule.get("expr").and_then(Value::as_str) {
                let enforced = kept_to(expr, label, namespace).map_err(not_enforceable)?;
                rule.insert("expr".to_owned(), enforced.into());
            }
            match rule.get_mut("labels").and_then(Value::as_object_mut) {
                Some(labels) => drop(labels.insert(label.to_owned(), namespace.into())),
                None => drop(rule.insert("labels".to_owned(), json!({ label: namespace }))),
            }
        }
    }
    Ok(())
}

fn name_of(rule: &Map<String, Value>) -> String {
    let name = ["alert", "record"].iter().find_map(|key| rule.get(*key).and_then(Value::as_str));
    name.map(|name| format!(" {name:?}")).unwrap_or_default()
}

/// The expression, reading only series with that label. Every part of the language is understood here; whether it is allowed
/// is decided when the file is read.
fn kept_to(expr: &str, label: &str, namespace: &str) -> Result<String, String> {
    let mut tree = promql::parse_with(expr, promql::Options::all()).map_err(|errors| {
        let first = errors.first().map(|error| error.message.clone());
        first.unwrap_or_else(|| "the expression cannot be read".to_owned())
    })?;
    let matcher = Matcher::equal(label, namespace);
    each_selector(&mut tree, &mut |selector| {
        selector.matchers.retain(|one| one.name() != label);
        // the one for the metric's name comes last
        let place = selector.matchers.len() - usize::from(selector.name.is_some() && !selector.matchers.is_empty());
        selector.matchers.insert(place, matcher.clone());
    });
    Ok(tree.to_string())
}

fn each_selector(expr: &mut Expr, change: &mut impl FnMut(&mut VectorSelector)) {
    match expr {
        Expr::Vector(selector) => change(selector),
        Expr::Range(range) => change(&mut range.selector),
        Expr::Aggregate(node) => {
            node.parameter.iter_mut().for_each(|parameter| each_selector(parameter, change));
            each_selector(&mut node.expr, change);
        }
        Expr::Binary(node) => {
            each_selector(&mut node.left, change);
            each_selector(&mut node.right, change);
        }
        Expr::Call(node) => node.arguments.iter_mut().for_each(|argument| each_selector(argument, change)),
        Expr::Paren(node) => each_selector(&mut node.expr, change),
        Expr::Subquery(node) => each_selector(&mut node.expr, change),
        Expr::Unary(node) => each_selector(&mut node.expr, change),
        Expr::Number(_) | Expr::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(spec: Value) -> PrometheusRule {
        let metadata =
            json!({"namespace": "team-a", "name": "web", "uid": "u-1", "generation": 3, "labels": {"x": "y"}});
        PrometheusRule::of(&json!({"metadata": metadata, "spec": spec})).unwrap()
    }

    fn enforcement(excluded: &[(&str, &str)]) -> Enforcement {
        let excluded = excluded
            .iter()
            .map(|(namespace, name)| Exclusion { namespace: (*namespace).to_owned(), name: (*name).to_owned() });
        Enforcement { label: Some("namespace".to_owned()), excluded: excluded.collect() }
    }

    #[test]
    fn every_selector_is_kept_to_the_namespace() {
        for (written, enforced) in [
            ("up", r#"up{namespace="team-a"}"#),
            (r#"up{job="x"}"#, r#"up{job="x",namespace="team-a"}"#),
            (r#"up{namespace="b",namespace=~"c.*",job="x"}"#, r#"up{job="x",namespace="team-a"}"#),
            (r#"{__name__="up"}"#, r#"{__name__="up",namespace="team-a"}"#),
            (
                "sum by (job) (rate(a[5m] offset 1m)) / on (job) topk(scalar(b), -(max_over_time(c[1h:1m]))) > 0.5",
                r#"sum by (job) (rate(a{namespace="team-a"}[5m] offset 1m)) / on (job) topk(scalar(b{namespace="team-a"}), -(max_over_time(c{namespace="team-a"}[1h:1m]))) > 0.5"#,
            ),
            ("vector(1)", "vector(1)"),
            ("limitk(1, up)", r#"limitk(1, up{namespace="team-a"})"#),
        ] {
            assert_eq!(kept_to(written, "namespace", "team-a").unwrap(), enforced);
        }
        assert!(kept_to("up{", "namespace", "team-a").is_err());
    }

    #[test]
    fn every_rule_gets_the_label_unless_its_object_is_excluded() {
        let spec = json!({"groups": [{"name": "g", "rules": [
            {"alert": "A", "expr": "up == 0", "labels": {"severity": "page", "namespace": "written"}},
            {"record": "r", "expr": 1},
        ]}]});
        let object = rule(spec.clone());
        let text = object.rule_file(&enforcement(&[("team-b", ""), ("team-a", "other")])).unwrap().text;
        let enforced: Value = serde_json::from_str(&text).unwrap();
        let rules = &enforced["spec"]["groups"][0]["rules"];
        assert_eq!(rules[0]["labels"], json!({"severity": "page", "namespace": "team-a"}));
        assert_eq!(rules[0]["expr"], r#"up{namespace="team-a"} == 0"#);
        assert_eq!(rules[1], json!({"record": "r", "expr": 1, "labels": {"namespace": "team-a"}}));
        for excluded in [("team-a", ""), ("team-a", "web")] {
            let text = object.rule_file(&enforcement(&[excluded])).unwrap().text;
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["spec"], spec);
        }
    }

    #[test]
    fn what_cannot_be_enforced_is_refused_and_says_where() {
        let object = rule(json!({"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "rate(up)"}]}]}));
        let unusable = object.rule_file(&enforcement(&[])).unwrap_err().to_string();
        assert!(
            unusable.starts_with("group \"g\", rule 1 \"A\": the label namespace cannot be enforced: "),
            "{unusable}"
        );
    }

    #[test]
    fn names_are_the_operators_and_objects_survive_the_store() {
        let object = rule(json!({"groups": []}));
        let file = object.rule_file(&Enforcement::default()).unwrap();
        assert_eq!(file.name, "kubernetes/team-a-web-u-1.yaml");
        assert_eq!(PrometheusRule::of(&object.to_object()).unwrap(), object);
        let long = "x".repeat(TEXT_BYTES_MAX);
        let long = rule(json!({"groups": [{"name": long}]})).rule_file(&Enforcement::default());
        assert!(matches!(long, Err(Unusable::TooLong { .. })));
    }
}
