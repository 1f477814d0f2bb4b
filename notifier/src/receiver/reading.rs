//! What the settings of receivers have in common when they are read.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use outbound::http_config::check_http_url;
use outbound::{HttpConfig, Secret};
use yaml::{Decoder, Field, Node};

use super::template_check::check_go_template;
use crate::config::global::Global;

/// Whether one of some keys of a mapping has a value that is not an empty text.
pub(crate) fn any_given(mapping: &Node, keys: &[&str]) -> bool {
    keys.iter().filter_map(|key| mapping.get(key)).any(|value| !value.is_null() && value.as_text() != Some(""))
}

/// A receiver's own `http_config`, which replaces the global one as a whole.
pub(crate) fn http_or_global(field: Field<'_>, global: &Global, base: &Path) -> Arc<HttpConfig> {
    let own = field.decode(|node, decoder| HttpConfig::decode(node, decoder, base));
    own.map_or_else(|| global.http.clone(), Arc::new)
}

/// An address that is no template. May carry credentials, so it is kept as a secret.
pub(crate) fn http_url(field: Field<'_>) -> Option<Secret> {
    field.decode(|node, decoder| {
        let text = decoder.value(node).secret().string()?;
        report_url(&text.value, node, decoder);
        Some(text).filter(|text| !text.value.is_empty()).map(|text| Secret::inline(text.value))
    })
}

/// Reports a secret address that is neither a URL nor a Go template that parses.
pub(crate) fn check_templated_url(node: &Node, decoder: &Decoder) {
    let Some(text) = node.as_text() else { return };
    if text.contains("{{") {
        check_go_template(decoder, &yaml::Spanned::new(text.to_owned(), node.span), true);
    } else {
        report_url(text, node, decoder);
    }
}

fn report_url(text: &str, node: &Node, decoder: &Decoder) {
    if let Err(reason) = check_http_url(text)
        && !text.is_empty()
    {
        decoder.error(node.span, format!("not a usable URL: {reason}")).without_excerpt();
    }
}

/// How long one attempt may take: a Go duration (`10s`, `1.5s`); 0 is no limit of its own.
pub(crate) fn timeout(field: Field<'_>) -> Option<Duration> {
    field.parse_with(go_duration).map(|timeout| timeout.value).filter(|timeout| !timeout.is_zero())
}

/// Units of Go durations in nanoseconds, longer names first where one begins another.
const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3_600e9)];

/// `1h30m`, `1.5s`, `300ms`, `0`: as Go's `time.ParseDuration`, without a sign.
pub(crate) fn go_duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("not a duration such as 10s or 1m30s: {text:?}");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut nanos) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (number, tail) = rest.split_at(digits);
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let (unit, unit_nanos) = UNITS.iter().find(|(unit, _)| tail.starts_with(unit)).ok_or_else(invalid)?;
        nanos += number * unit_nanos;
        rest = tail.strip_prefix(unit).unwrap_or_default();
    }
    let seconds = nanos / 1e9;
    if text.is_empty() { Err(invalid()) } else { Duration::try_from_secs_f64(seconds).map_err(|_| invalid()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_go_durations() {
        for (text, ms) in [("0", 0), ("0s", 0), ("10s", 10_000), ("1.5s", 1_500), ("1h2m3s4ms", 3_723_004), ("2us", 0)]
        {
            assert_eq!(go_duration(text).map(|timeout| timeout.as_millis()), Ok(ms), "{text}");
        }
        for text in ["", "10", "-1s", "1d", "s", "1..2s", "1e3s", "10 s"] {
            assert!(go_duration(text).is_err(), "{text}");
        }
    }
}
