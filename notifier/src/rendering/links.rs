//! Links into the user interface, in the form every interface of the field reads: `/#/alerts`, `/#/silences/new`.

use model::LabelSet;
use model::quote::{Quoted, quote};
use url::form_urlencoded::byte_serialize;

use crate::notification::Notification;

/// To the alerts of a group; none without an address to link to.
pub(crate) fn group(external_url: &str, notification: &Notification) -> Option<String> {
    let receiver = encoded(&notification.receiver);
    let link = format!("{external_url}/#/alerts?receiver={receiver}&filter={}", filter(&notification.group_labels));
    (!external_url.is_empty()).then_some(link)
}

/// To a form that silences exactly these labels.
pub(crate) fn silence(external_url: &str, labels: &LabelSet) -> Option<String> {
    (!external_url.is_empty()).then(|| format!("{external_url}/#/silences/new?filter={}", filter(labels)))
}

/// `{a="b",c="d"}`, encoded.
fn filter(labels: &LabelSet) -> String {
    let matchers: Vec<String> =
        labels.iter().map(|(name, value)| format!("{}={}", quoted_name(name), Quoted(value))).collect();
    encoded(&format!("{{{}}}", matchers.join(",")))
}

fn quoted_name(name: &str) -> String {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':');
    if is_plain { name.to_owned() } else { quote(name) }
}

/// Blanks as `%20`: the part after `#` is not a form.
fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}
