//! When to go where a 3xx answer points.

use reqwest::redirect::Policy;

use crate::http_config::{CustomHeader, HeaderValueSource, HttpConfig};

/// As Go's client.
const REDIRECTS_MAX: usize = 10;

/// Follows up to ten redirects if the configuration allows them. `Authorization` is dropped when the host changes;
/// with secret custom headers, which cannot be told apart on the way, a redirect to another host is not followed and
/// its 3xx answer is the result.
pub(super) fn policy(config: &HttpConfig) -> Policy {
    if !config.follow_redirects {
        return Policy::none();
    }
    let keeps_host = config.headers.iter().any(is_secret);
    Policy::custom(move |attempt| {
        let first = attempt.previous().first();
        let same_host = first.is_none_or(|first| first.origin() == attempt.url().origin());
        if keeps_host && !same_host {
            attempt.stop()
        } else if attempt.previous().len() > REDIRECTS_MAX {
            attempt.error("more than ten redirects")
        } else {
            attempt.follow()
        }
    })
}

fn is_secret(header: &CustomHeader) -> bool {
    header.values.iter().any(|value| matches!(value, HeaderValueSource::Secret(_)))
}
