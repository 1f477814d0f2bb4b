//! Integrations that are data: a section's settings, the requests they become, and what the answers mean are read from
//! `templates/presets/<name>/preset.yaml`. Nothing here knows a service by name.

pub(crate) mod body;
pub(crate) mod definition;
mod form;
mod limit;
mod lookup;
mod render;
pub(crate) mod settings;
pub(crate) mod sigv4;
pub(crate) mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use outbound::{HttpConfig, Request, Secret};

use super::TemplateText;
use definition::Preset;
use settings::{Value, Values};

/// An item of a preset's section, resolved against `global`.
#[derive(Debug)]
pub struct PresetSettings {
    pub(crate) preset: Arc<Preset>,
    pub(crate) values: Values,
    pub(crate) timeout: Option<Duration>,
    pub(crate) http: Arc<HttpConfig>,
}

/// What a request needs beside the notification.
#[derive(Default)]
pub(crate) struct Inputs {
    /// The secrets of the settings as read just now.
    pub(crate) secrets: BTreeMap<String, Arc<str>>,
    /// Of the login, where there is one.
    pub(crate) token: Option<String>,
    /// What the answer to the last notification of this group was remembered by, as JSON.
    pub(crate) memory: Option<serde_json::Value>,
}

/// A request of several that make one notification.
pub(crate) struct Step {
    pub(crate) request: Request,
    pub(crate) is_signed: bool,
    /// Keys of the answer to remember.
    pub(crate) remember: Vec<String>,
}

impl PresetSettings {
    /// Name of the integration: the metric label and the log key.
    pub fn kind(&self) -> &'static str {
        self.preset.name
    }

    /// The templates of the settings, for compiling.
    pub(crate) fn texts(&self, add: &mut dyn FnMut(&TemplateText)) {
        self.values.values().for_each(|value| value.texts(add));
    }

    /// A text of a nested section that needs no notification.
    pub(crate) fn plain_text(&self, section: &str, name: &str) -> Option<&str> {
        match self.values.get(section)? {
            Value::Section(values) => match values.get(name)? {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            },
            _ => None,
        }
    }

    /// The secrets of the settings, by name.
    pub(crate) fn secrets(&self) -> Vec<(String, &Secret)> {
        let mut found = Vec::new();
        settings::secrets(&self.values, "", &mut found);
        found
    }
}

#[cfg(test)]
mod tests;
