//! Integrations that are data: a section's settings, the requests they become, and what the answers mean are read from
//! `templates/presets/<name>/preset.yaml`. Nothing here knows a service by name.

pub(crate) mod body;
pub(crate) mod definition;
mod form;
pub(crate) mod limit;
mod lookup;
mod render;
pub(crate) mod settings;
pub(crate) mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use outbound::{HttpConfig, Request, Secret, SecretText};

use super::TemplateText;
use definition::Preset;
use settings::Values;

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
    pub(crate) secrets: BTreeMap<String, SecretText>,
    /// Of the login, where there is one.
    pub(crate) token: Option<SecretText>,
    /// What the answer to the last notification of this group was remembered by, as JSON.
    pub(crate) memory: Option<serde_json::Value>,
}

/// A request of several that make one notification.
pub(crate) struct Step {
    pub(crate) request: Request,
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

    /// The secrets of the settings, by name.
    pub(crate) fn secrets(&self) -> Vec<(String, &Secret)> {
        let mut found = Vec::new();
        settings::secrets(&self.values, "", &mut found);
        found
    }
}

#[cfg(test)]
mod tests;
