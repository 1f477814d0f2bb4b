//! Query parameters shared by the lists of alerts and groups.

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::StatusCode;
use model::matcher::all_match;
use model::matcher::parse::{InvalidMatcher, ParseMode, parse_matcher};
use model::pattern::anchored;
use model::{Caller, LabelSet, Matcher};

use super::answer::{self, Refusal};
use crate::config::Config;
use crate::notifier::AlertStatus;

/// Most matchers of a name in a request.
const MATCHERS_MAX: usize = 100;

/// Parameters as given: repeated names are kept.
pub(super) struct Parameters {
    given: Vec<(String, String)>,
    matcher_mode: ParseMode,
}

/// Which alerts a request wants to see.
pub(super) struct Filter {
    /// Not suppressed.
    pub(super) active: bool,
    /// Silenced ones too.
    pub(super) silenced: bool,
    /// Inhibited ones too.
    pub(super) inhibited: bool,
    /// Those whose route is mute now too (groups only).
    pub(super) muted: bool,
    /// What labels must satisfy.
    pub(super) matchers: Vec<Matcher>,
    receiver: Option<regex::Regex>,
    receiver_matchers: Vec<Matcher>,
}

impl Parameters {
    pub(super) fn read(query: Option<&str>, matcher_mode: ParseMode) -> Self {
        let given = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned();
        Self { given: given.collect(), matcher_mode }
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.given.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn last<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).last()
    }

    /// A truth value as Alertmanager reads it: anything it does not know is false, absent is the default.
    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        match self.last(name) {
            None | Some("") => default,
            Some(value) => {
                matches!(
                    value.to_ascii_lowercase().as_str(),
                    "true" | "1" | "yes" | "ok" | "y" | "on" | "selected" | "checked" | "t" | "enabled"
                )
            }
        }
    }

    /// The matchers given under a name (`filter`, `receiver_matchers`), all of which must match.
    pub(super) fn matchers(&self, name: &str) -> Result<Vec<Matcher>, Refusal> {
        let count = self.all(name).count();
        if count > MATCHERS_MAX {
            let message = format!("{count} times {name} in query, at most {MATCHERS_MAX} are taken");
            return Err(answer::refusal(StatusCode::BAD_REQUEST, message));
        }
        let parse = |text| parse_matcher(text, self.matcher_mode).map_err(|error| bad_matcher(text, &error));
        self.all(name).map(|text| parse(text).map(|parsed| parsed.value)).collect()
    }
}

impl Filter {
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Refusal> {
        let receiver = match parameters.last("receiver") {
            None | Some("") => None,
            Some(pattern) => Some(anchored(pattern).map_err(|error| {
                answer::refusal(StatusCode::BAD_REQUEST, format!("failed to parse receiver param: {error}"))
            })?),
        };
        Ok(Self {
            active: parameters.flag("active", true),
            silenced: parameters.flag("silenced", true),
            inhibited: parameters.flag("inhibited", true),
            muted: parameters.flag("muted", true),
            matchers: parameters.matchers("filter")?,
            receiver,
            receiver_matchers: parameters.matchers("receiver_matchers")?,
        })
    }

    /// Only what is the caller's business.
    pub(super) fn within(mut self, caller: &Caller) -> Self {
        self.matchers.extend(caller.scope.iter().cloned());
        self
    }

    pub(super) fn wants_labels(&self, labels: &LabelSet) -> bool {
        all_match(&self.matchers, labels)
    }

    /// Whether alerts hidden like this are wanted. An alert that only a time interval mutes counts as active, as it
    /// does in Alertmanager's filter.
    pub(super) fn wants_status(&self, status: &AlertStatus) -> bool {
        let (silenced, inhibited) = (!status.silenced_by.is_empty(), !status.inhibited_by.is_empty());
        let active = !silenced && !inhibited;
        !(active && !self.active
            || silenced && !self.silenced
            || inhibited && !self.inhibited
            || !status.muted_by.is_empty() && !self.muted)
    }

    /// The names of the wanted receivers; `None` if all are.
    pub(super) fn receivers(&self, config: Option<&Arc<Config>>) -> Option<HashSet<String>> {
        if self.receiver.is_none() && self.receiver_matchers.is_empty() {
            return None;
        }
        let all = config.iter().flat_map(|config| config.receivers.values());
        let named = all.filter(|one| self.receiver.as_ref().is_none_or(|pattern| pattern.is_match(&one.name)));
        let wanted = named.filter(|one| all_match(&self.receiver_matchers, &one.labels));
        Some(wanted.map(|one| one.name.clone()).collect())
    }
}

/// In Alertmanager's words where it has its own.
fn bad_matcher(text: &str, error: &InvalidMatcher) -> Refusal {
    let message = if text.starts_with('{') || text.ends_with('}') {
        format!("unexpected open or close brace: {text}")
    } else if error.message.starts_with("invalid regular expression") {
        error.message.clone()
    } else {
        format!("bad matcher format: {text}")
    };
    answer::refusal(StatusCode::BAD_REQUEST, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_matchers_than_anybody_needs_are_refused() {
        let query = |count: usize| vec!["filter=a%3Db"; count].join("&");
        let read = |count| Parameters::read(Some(&query(count)), ParseMode::Fallback).matchers("filter");
        assert_eq!(read(MATCHERS_MAX).unwrap().len(), MATCHERS_MAX);
        assert_eq!(read(101).unwrap_err().message(), "101 times filter in query, at most 100 are taken");
    }

    #[test]
    fn matchers_of_requests_are_read_in_the_mode_of_the_configuration() {
        let is_read = |query: &str, mode| Parameters::read(Some(query), mode).matchers("filter").is_ok();
        let (quoted_name, blank_value) = ("filter=%22q%22%3Dx", "filter=a%3Db%20c");
        for (mode, quoted, blank) in
            [(ParseMode::Classic, false, true), (ParseMode::Utf8Strict, true, false), (ParseMode::Fallback, true, true)]
        {
            assert_eq!((is_read(quoted_name, mode), is_read(blank_value, mode)), (quoted, blank), "{mode:?}");
        }
    }
}
