//! What is mended in a PrometheusRule before it is stored: labels and annotations that are numbers or truth values become
//! texts, as the schema wants them.

use serde_json::{Value, json};

/// The annotation that says the object went through here.
pub const VALIDATED: &str = "prometheus-operator-validated";

/// The changes, as JSON Patch.
pub fn of_prometheus_rule(object: &Value) -> Vec<Value> {
    let mut patch = Vec::new();
    let annotations = object.get("metadata").and_then(|metadata| metadata.get("annotations"));
    patch.push(match annotations.filter(|annotations| annotations.is_object()) {
        Some(_) => json!({"op": "add", "path": format!("/metadata/annotations/{VALIDATED}"), "value": "true"}),
        None => json!({"op": "add", "path": "/metadata/annotations", "value": {VALIDATED: "true"}}),
    });
    for (group_number, group) in items(object.get("spec").and_then(|spec| spec.get("groups"))) {
        for (rule_number, rule) in items(group.get("rules")) {
            for field in ["labels", "annotations"] {
                let place = format!("/spec/groups/{group_number}/rules/{rule_number}/{field}");
                patch.extend(texts(rule.get(field), &place));
            }
        }
    }
    patch
}

fn items(list: Option<&Value>) -> impl Iterator<Item = (usize, &Value)> {
    list.and_then(Value::as_array).into_iter().flatten().enumerate()
}

fn texts(map: Option<&Value>, place: &str) -> Vec<Value> {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    let as_text = |(key, value): (&String, &Value)| {
        let text = match value {
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => return None,
        };
        let key = key.replace('~', "~0").replace('/', "~1");
        Some(json!({"op": "replace", "path": format!("{place}/{key}"), "value": text}))
    };
    entries.filter_map(as_text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_truth_values_become_texts() {
        let labels = json!({"a/b~c": 1, "s": "text", "n": null});
        let object = json!({"spec": {"groups": [{"rules": [{}, {"labels": labels, "annotations": {"x": true}}]}]}});
        let expected = json!([
            {"op": "add", "path": "/metadata/annotations", "value": {"prometheus-operator-validated": "true"}},
            {"op": "replace", "path": "/spec/groups/0/rules/1/labels/a~1b~0c", "value": "1"},
            {"op": "replace", "path": "/spec/groups/0/rules/1/annotations/x", "value": "true"},
        ]);
        assert_eq!(Value::from(of_prometheus_rule(&object)), expected);
        let annotated = of_prometheus_rule(&json!({"metadata": {"annotations": {"a": "b"}}}));
        assert_eq!(annotated[0]["path"], "/metadata/annotations/prometheus-operator-validated");
    }
}
