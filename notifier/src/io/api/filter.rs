//! Query parameters shared by the lists of alerts and groups.

use axum::http::StatusCode;
use model::matcher::all_match;
use model::matcher::parse::{ParseMode, parse_matcher};
use model::pattern::anchored;
use model::{LabelSet, Matcher};

use super::answer::{self, Refusal};

/// Parameters as given: repeated names are kept.
pub(super) struct Parameters(Vec<(String, String)>);

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
    matchers: Vec<Matcher>,
    receiver: Option<regex::Regex>,
}

impl Parameters {
    pub(super) fn read(query: Option<&str>) -> Self {
        Self(url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// A truth value as Alertmanager reads it: anything it does not know is false, absent is the default.
    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        match self.all(name).last() {
            None | Some("") => default,
            Some(value) => {
                matches!(
                    value.to_ascii_lowercase().as_str(),
                    "true" | "1" | "yes" | "ok" | "y" | "on" | "selected" | "checked" | "t" | "enabled"
                )
            }
        }
    }

    /// The `filter` parameters, all of which must match.
    pub(super) fn matchers(&self) -> Result<Vec<Matcher>, Refusal> {
        let parse = |text| {
            parse_matcher(text, ParseMode::Fallback)
                .map(|parsed| parsed.value)
                .map_err(|error| answer::refusal(StatusCode::BAD_REQUEST, format!("bad matcher format: {error}")))
        };
        self.all("filter").map(parse).collect()
    }
}

impl Filter {
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Refusal> {
        let receiver = match parameters.all("receiver").last() {
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
            matchers: parameters.matchers()?,
            receiver,
        })
    }

    pub(super) fn wants_labels(&self, labels: &LabelSet) -> bool {
        all_match(&self.matchers, labels)
    }

    pub(super) fn wants_receiver(&self, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|pattern| pattern.is_match(name))
    }
}
