//! What an answer to a preset's request means.

use std::time::Duration;

use model::Timestamp;
use outbound::{Response, SendError};
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::PresetSettings;
use super::definition::Verdict;
use crate::receiver::{Outcome, reply};

/// What came of one request.
#[derive(Debug, PartialEq)]
pub(crate) enum Judged {
    Outcome(Outcome),
    /// The token is used up: another attempt with a new one.
    TokenExpired(Outcome),
    /// The message that was to be changed is gone: a new one is due.
    Gone(Outcome),
}

impl PresetSettings {
    /// What the answer means. `secrets` are not to be told.
    pub(crate) fn classify(&self, reply: Result<&Response, &SendError>, secrets: &[&str], now: Timestamp) -> Judged {
        let answer = &self.preset.answer;
        let told = reply.map(|response| reply::excerpt(response, secrets)).unwrap_or_default();
        let outcome = reply::classify(reply, &told, now);
        let Ok(response) = reply else { return Judged::Outcome(outcome) };
        let body: Option<Value> = serde_json::from_slice(&response.body).ok();
        match outcome {
            Outcome::Delivered => self.second_look(response, body.as_ref(), told),
            Outcome::Rejected { reason, message } => {
                let passes = answer.retries_all;
                let again = Outcome::Retry { reason, message: message.clone(), retry_after: None };
                Judged::Outcome(if passes { again } else { Outcome::Rejected { reason, message } })
            }
            Outcome::Retry { reason, message, retry_after } => {
                let asked = || seconds_at(body.as_ref()?, answer.retry_after.as_deref()?);
                let retry_after = retry_after.or_else(asked).map(|wait| wait.min(reply::RETRY_AFTER_MAX));
                Judged::Outcome(Outcome::Retry { reason, message, retry_after })
            }
            told => Judged::Outcome(told),
        }
    }

    /// Some services tell of failures with a good status.
    fn second_look(&self, response: &Response, body: Option<&Value>, told: String) -> Judged {
        let answer = &self.preset.answer;
        let content_type = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = content_type.is_some_and(|value| value.starts_with("application/json"));
        if let Some(good) = answer.good_text.as_deref().filter(|_| !is_json) {
            let is_good = response.body.trim_ascii() == good.as_bytes();
            return Judged::Outcome(if is_good { Outcome::Delivered } else { rejected(told) });
        }
        let Some(verdict) = &answer.verdict else { return Judged::Outcome(Outcome::Delivered) };
        let Some(body) = body else {
            let message = format!("the answer is no JSON: {told}");
            return Judged::Outcome(Outcome::Retry { reason: "clientError", message, retry_after: None });
        };
        verdict.judge(body, told)
    }
}

impl Verdict {
    fn judge(&self, body: &Value, told: String) -> Judged {
        if body.get(&self.key) == Some(&self.good) {
            return Judged::Outcome(Outcome::Delivered);
        }
        let shown = |key: &str| match body.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let code = shown(&self.code);
        // the excerpt has its secrets hidden, the reason by itself has not
        let why = Some(shown(&self.why)).filter(|why| !why.is_empty() && told.contains(why.as_str())).unwrap_or(told);
        let again = |why| Outcome::Retry { reason: "clientError", message: failed(why), retry_after: None };
        match () {
            () if self.token_expired.contains(&code) => Judged::TokenExpired(again(why)),
            () if self.passing.contains(&code) => Judged::Outcome(again(why)),
            () if self.gone.contains(&code) => Judged::Gone(rejected(why)),
            () => Judged::Outcome(rejected(why)),
        }
    }
}

fn failed(why: String) -> String {
    format!("answered with an error: {why}")
}

fn rejected(why: String) -> Outcome {
    Outcome::Rejected { reason: "clientError", message: failed(why) }
}

/// The number at a path such as `parameters.retry_after`.
fn seconds_at(body: &Value, path: &str) -> Option<Duration> {
    let found = path.split('.').try_fold(body, |value, key| value.get(key))?;
    Duration::try_from_secs_f64(found.as_f64()?).ok()
}
