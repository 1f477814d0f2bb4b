//! Objects of one version as the other: what a CRD with both asks of a webhook.

use serde_json::{Map, Value};

use super::options::{ApiVersion, GROUP};

/// Secret references that v1beta1 has without `optional`: the receivers' lists and the fields.
const STRICT_REFERENCES: [(&str, &[&str]); 9] = [
    ("emailConfigs", &["authPassword", "authSecret"]),
    ("opsgenieConfigs", &["apiKey"]),
    ("pagerdutyConfigs", &["routingKey", "serviceKey"]),
    ("pushoverConfigs", &["token", "userKey"]),
    ("slackConfigs", &["apiURL"]),
    ("telegramConfigs", &["botToken"]),
    ("victoropsConfigs", &["apiKey"]),
    ("webhookConfigs", &["urlSecret"]),
    ("wechatConfigs", &["apiSecret"]),
];

/// The object in the version that is asked for; what that version cannot say is lost.
///
/// # Errors
/// It is no AlertmanagerConfig, or the version is none of its own.
pub fn convert(object: &Value, desired: &str) -> Result<Value, String> {
    let from = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let unknown = |version: &str| format!("{version:?} is no version of AlertmanagerConfig");
    let (from, to) =
        (ApiVersion::of(from).ok_or_else(|| unknown(from))?, ApiVersion::of(desired).ok_or_else(|| unknown(desired))?);
    let mut object = object.clone();
    object["apiVersion"] = format!("{GROUP}/{}", to.as_str()).into();
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else { return Ok(object) };
    match (from, to) {
        (ApiVersion::V1alpha1, ApiVersion::V1beta1) => to_beta(spec),
        (ApiVersion::V1beta1, ApiVersion::V1alpha1) => rename(spec, "timeIntervals", "muteTimeIntervals"),
        _ => {}
    }
    Ok(object)
}

fn rename(map: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = map.remove(from) {
        map.insert(to.to_owned(), value);
    }
}

fn to_beta(spec: &mut Map<String, Value>) {
    rename(spec, "muteTimeIntervals", "timeIntervals");
    if let Some(route) = spec.get_mut("route") {
        route_to_beta(route);
    }
    for rule in items(spec.get_mut("inhibitRules")) {
        matchers_to_beta(rule.get_mut("sourceMatch"));
        matchers_to_beta(rule.get_mut("targetMatch"));
    }
    for receiver in items(spec.get_mut("receivers")).filter_map(Value::as_object_mut) {
        for (list, configs) in receiver.iter_mut() {
            let strict = STRICT_REFERENCES.iter().find(|(name, _)| name == list);
            for config in items(Some(configs)).filter_map(Value::as_object_mut) {
                if list == "opsgenieConfigs" {
                    config.remove("updateAlerts");
                }
                for field in strict.into_iter().flat_map(|(_, fields)| fields.iter()) {
                    without_optional(config.get_mut(*field));
                }
                without_optional(config.get_mut("httpConfig").and_then(|http| http.get_mut("bearerTokenSecret")));
            }
        }
    }
}

fn items(list: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    list.and_then(Value::as_array_mut).into_iter().flatten()
}

fn without_optional(reference: Option<&mut Value>) {
    if let Some(reference) = reference.and_then(Value::as_object_mut) {
        reference.remove("optional");
    }
}

fn route_to_beta(route: &mut Value) {
    matchers_to_beta(route.get_mut("matchers"));
    items(route.get_mut("routes")).for_each(route_to_beta);
}

fn matchers_to_beta(matchers: Option<&mut Value>) {
    for matcher in items(matchers).filter_map(Value::as_object_mut) {
        let regex = matcher.remove("regex").and_then(|regex| regex.as_bool()).unwrap_or(false);
        let is_typed = matcher.get("matchType").and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        if !is_typed {
            matcher.insert("matchType".to_owned(), if regex { "=~" } else { "=" }.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changes_between_the_versions() {
        let alpha = json!({"apiVersion": "monitoring.coreos.com/v1alpha1", "spec": {
            "route": {"matchers": [{"name": "a", "value": "b"}], "routes": [{"matchers": [{"name": "a", "regex": true}]}]},
            "inhibitRules": [{"sourceMatch": [{"name": "a", "matchType": "!=", "regex": true}]}],
            "receivers": [{"name": "r", "opsgenieConfigs": [{"updateAlerts": true, "apiKey": {"name": "s", "key": "k", "optional": true}}],
                "discordConfigs": [{"apiURL": {"name": "s", "key": "k", "optional": true},
                    "httpConfig": {"bearerTokenSecret": {"name": "s", "key": "k", "optional": false}}}]}],
            "muteTimeIntervals": [{"name": "n"}],
        }});
        let beta = convert(&alpha, "monitoring.coreos.com/v1beta1").unwrap();
        let expected = json!({"apiVersion": "monitoring.coreos.com/v1beta1", "spec": {
            "route": {"matchers": [{"name": "a", "value": "b", "matchType": "="}],
                "routes": [{"matchers": [{"name": "a", "matchType": "=~"}]}]},
            "inhibitRules": [{"sourceMatch": [{"name": "a", "matchType": "!="}]}],
            "receivers": [{"name": "r", "opsgenieConfigs": [{"apiKey": {"name": "s", "key": "k"}}],
                "discordConfigs": [{"apiURL": {"name": "s", "key": "k", "optional": true},
                    "httpConfig": {"bearerTokenSecret": {"name": "s", "key": "k"}}}]}],
            "timeIntervals": [{"name": "n"}],
        }});
        assert_eq!(beta, expected);
        let back = convert(&beta, "monitoring.coreos.com/v1alpha1").unwrap();
        assert_eq!(back["spec"]["muteTimeIntervals"], json!([{"name": "n"}]));
        assert!(convert(&alpha, "monitoring.coreos.com/v2").unwrap_err().contains("\"monitoring.coreos.com/v2\""));
    }
}
