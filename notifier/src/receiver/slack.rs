//! The one part of Slack's integration that is no data: which way in is taken, an address that is a secret or an
//! address for everybody with a token.

use model::source::Span;
use outbound::http_config::Auth;
use outbound::{HttpConfig, Secret};
use yaml::{Decoder, Node};

use super::preset::settings::{Value, Values, has_authorization};
use super::reading::any_given;
use crate::config::global::Global;

/// The method that posts; others, such as the one that changes a message, lie beside it.
const POST: &str = "/chat.postMessage";

/// Leaves `api_url` and, if one is to be sent, `app_token` in the settings. What the section says goes before what
/// `global` says.
pub(crate) fn choose_way_in(
    values: &mut Values,
    node: &Node,
    http: &HttpConfig,
    (decoder, at): (&Decoder, Span),
    global: &Global,
) {
    let own_url = any_given(node, &["api_url", "api_url_file"]);
    let own_token = any_given(node, &["app_token", "app_token_file"]);
    let app_url = values.remove("app_url");
    let (url, token) = match (own_url, own_token) {
        (true, true) => {
            decoder.error(at, "both \"api_url\" and \"app_token\" are given").hint("keep one of them");
            return;
        }
        (true, false) => (values.remove("api_url"), None),
        (false, true) => (app_url, values.remove("app_token")),
        (false, false) => of_global(node, app_url, (decoder, at), global),
    };
    values.remove("app_token");
    values.remove("api_url");
    if url.is_none() && token.is_none() && !own_url && !own_token {
        return;
    }
    if matches!(values.get("update_message"), Some(Value::Flag(true))) && !posts(url.as_ref()) {
        let report = decoder.error(at, "\"update_message\" needs the address of chat.postMessage and a bot token");
        report.hint("addresses of incoming webhooks can only post");
    }
    if token.is_some() && matches!(http.auth, Auth::Authorization { .. }) {
        let report = decoder.error(at, "both \"app_token\" and \"authorization\" in \"http_config\" are given");
        report.hint("keep one of them");
    }
    values.extend(url.map(|url| ("api_url", url)));
    values.extend(token.map(|token| ("app_token", token)));
}

fn of_global(
    node: &Node,
    app_url: Option<Value>,
    (decoder, at): (&Decoder, Span),
    global: &Global,
) -> (Option<Value>, Option<Value>) {
    let named = |key| global.others.get(key).cloned();
    let (url, token) = (named("slack_api_url"), named("slack_app_token"));
    match (url, token) {
        (None, None) => {
            let report = decoder.error(at, "neither \"api_url\" nor \"app_token\" is given");
            report.hint("give one here, or \"slack_api_url\" or \"slack_app_token\" in the global section");
            (None, None)
        }
        (Some(url), Some(_)) if named("slack_app_url").as_ref() != Some(&url) => {
            let report = decoder.error(at, "the global section has both \"slack_api_url\" and \"slack_app_token\"");
            report.hint("keep one of them, or make slack_api_url the same as slack_app_url");
            (None, None)
        }
        (Some(url), _) if has_authorization(node) => (Some(Value::Secret(url)), None),
        (Some(url), None) => (Some(Value::Secret(url)), None),
        (_, Some(token)) => (app_url, Some(Value::Secret(token))),
    }
}

/// What is in a file is not known yet.
fn posts(url: Option<&Value>) -> bool {
    match url {
        Some(Value::Secret(Secret::Inline(url))) => url.ends_with(POST),
        _ => false,
    }
}
