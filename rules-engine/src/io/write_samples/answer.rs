//! What a target's answer to a write means.

use std::time::Duration;

use outbound::Response;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;

/// How much of a refusal's text is kept, in characters.
const REASON_CHARS: usize = 300;

/// With it a target says that it understood 2.0, and how much it has taken.
const SAMPLES_WRITTEN: &str = "x-prometheus-remote-write-samples-written";

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The samples are written.
    Written,
    /// Something in the request is wrong, the rest of it may be right.
    Refused,
    /// So many samples are written, the others are refused for good.
    WrittenInPart(usize),
    /// The target does not understand this protocol.
    NotUnderstood,
    /// No part of it will be taken now: wrong address, wrong credentials.
    Hopeless,
    /// Try again, not before this has passed.
    Later(Duration),
}

impl Verdict {
    /// Of an answer to a request in 1.0.
    pub(super) fn of(response: &Response) -> Verdict {
        match response.status {
            status if status.is_success() => Verdict::Written,
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                Verdict::Refused
            }
            StatusCode::TOO_MANY_REQUESTS => Verdict::Later(retry_after(response)),
            status if status.is_server_error() => Verdict::Later(retry_after(response)),
            _ => Verdict::Hopeless,
        }
    }

    /// Of an answer to a request in 2.0. A target that never said how much it has written is one of 1.0, which takes an
    /// empty request for what it cannot read; `is_understood`: it did say so before.
    pub(super) fn of_v2(response: &Response, is_understood: bool) -> Verdict {
        let written = response.headers.get(SAMPLES_WRITTEN).and_then(|count| count.to_str().ok()?.trim().parse().ok());
        match (Verdict::of(response), written) {
            (Verdict::Written, None) => Verdict::NotUnderstood,
            (Verdict::Refused, None) if !is_understood => Verdict::NotUnderstood,
            (Verdict::Refused, Some(written)) if written > 0 => Verdict::WrittenInPart(written),
            _ if response.status == StatusCode::UNSUPPORTED_MEDIA_TYPE => Verdict::NotUnderstood,
            (verdict, _) => verdict,
        }
    }
}

/// The seconds of a `Retry-After`; zero without one.
pub(in crate::io) fn retry_after(response: &Response) -> Duration {
    let seconds = response.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

/// Status and text of an answer, on one line.
pub(in crate::io) fn reason(response: &Response) -> String {
    let text = String::from_utf8_lossy(&response.body);
    let line: Vec<&str> = text.split_whitespace().collect();
    let line: String = line.join(" ").chars().take(REASON_CHARS).collect();
    if line.is_empty() { response.status.to_string() } else { format!("{}: {line}", response.status) }
}
