//! The one part of OpsGenie's integration that is no data: who is told.

use serde_json::Value;

use crate::rendering::tree::Json;

/// A responder of type `teams` names several, with commas; each becomes one of type `team`.
pub(crate) fn single_teams(responders: Json) -> Json {
    let Json::List(responders) = responders else { return responders };
    Json::List(responders.into_iter().flat_map(expanded).collect())
}

fn expanded(responder: Json) -> Vec<Json> {
    let Json::Object(entries) = &responder else { return vec![responder] };
    let field = |name: &str| match entries.iter().find(|(key, _)| key == name) {
        Some((_, Json::Value(Value::String(text)))) => text.as_str(),
        _ => "",
    };
    if field("type") != "teams" {
        return vec![responder];
    }
    let names = field("name").split(',').map(str::trim).filter(|name| !name.is_empty());
    let team = |name: &str| {
        let text = |text: &str| Json::Value(text.into());
        Json::Object(vec![("name".to_owned(), text(name)), ("type".to_owned(), text("team"))])
    };
    names.map(team).collect()
}
