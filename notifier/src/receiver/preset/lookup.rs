//! What the names in a preset stand for: settings, secrets, and facts about the notification.

use serde_json::Value as Scalar;
use sha2::{Digest, Sha256};

use super::definition::{Kind, Plain, Setting, Shape};
use super::form::as_text;
use super::settings::{Value, Values};
use super::{Inputs, PresetSettings, limit};
use crate::receiver::TemplateText;
use crate::rendering::tree::{Json, object};
use crate::rendering::{Page, RenderError, plain};

/// One notification about to become requests.
pub(super) struct Scene<'a> {
    pub(super) page: &'a Page<'a>,
    pub(super) settings: &'a PresetSettings,
    pub(super) inputs: &'a Inputs,
}

/// The settings in reach: those of the section, then of the items inside.
#[derive(Clone)]
pub(super) struct Reach<'a> {
    pub(super) levels: Vec<(&'a Shape, &'a Values)>,
    /// Name and value of an entry of a mapping.
    pub(super) entry: Option<(&'a str, &'a TemplateText)>,
}

impl<'a> Scene<'a> {
    /// What a name stands for; null if it has no value.
    pub(super) fn setting(&self, name: &str, reach: &Reach<'a>) -> Result<Json, RenderError> {
        let text = |text: &str| Json::Value(text.into());
        if let Some((entry, value)) = reach.entry {
            match name {
                "name" => return Ok(text(entry)),
                "value" => return Ok(text(&self.page.optional(entry, Some(value)))),
                _ => {}
            }
        }
        if let Some(key) = name.strip_prefix("memory.") {
            let known = self.inputs.memory.as_ref().and_then(|memory| memory.get(key));
            return Ok(Json::Value(known.cloned().unwrap_or_default()));
        }
        if let Some(secret) = self.inputs.secrets.get(name) {
            return self.secret(name, secret).map(|secret| text(&secret));
        }
        if let Some((setting, value)) = self.value(name, reach) {
            return self.rendered(name, setting, value, reach);
        }
        let notification = self.page.notification;
        Ok(match name {
            "alias" => text(&hex::encode(Sha256::digest(&notification.group_key))),
            "external_url" => text(self.page.external_url()),
            "token" => self.inputs.token.as_deref().map_or(Json::Value(Scalar::Null), text),
            "common_labels" => {
                let labels = self.page.common_labels();
                Json::Object(labels.iter().map(|(name, value)| (name.to_owned(), text(value))).collect())
            }
            _ => Json::Value(Scalar::Null),
        })
    }

    fn secret(&self, name: &str, secret: &str) -> Result<String, RenderError> {
        let rendered = self.page.go_text(secret).map_err(|_| RenderError(format!("the template in {name} fails")))?;
        let is_base = |setting: &Setting| matches!(setting.kind, Kind::Url(_, true));
        let slash = named(&self.settings.preset.shape, name).is_some_and(is_base) && !rendered.ends_with('/');
        if rendered.is_empty() {
            return Err(RenderError(format!("{name} is empty")));
        }
        Ok(if slash { format!("{rendered}/") } else { rendered })
    }

    /// The value of a name, of the innermost level that knows it; a dot leads into a section.
    pub(super) fn value(&self, name: &str, reach: &Reach<'a>) -> Option<(&'a Setting, &'a Value)> {
        let (first, inner) = name.split_once('.').map_or((name, None), |(first, inner)| (first, Some(inner)));
        let (setting, values) =
            reach.levels.iter().rev().find_map(|(shape, values)| Some((named(shape, first)?, values)))?;
        let value = values.get(first)?;
        match (inner, &setting.kind, value) {
            (None, ..) => Some((setting, value)),
            (Some(inner), Kind::Section(_, shape), Value::Section(values)) => {
                Some((named(shape, inner)?, values.get(inner)?))
            }
            _ => None,
        }
    }

    fn rendered(
        &self,
        name: &str,
        setting: &'a Setting,
        value: &'a Value,
        reach: &Reach<'a>,
    ) -> Result<Json, RenderError> {
        Ok(match value {
            Value::Text(template) => Json::Value(self.text(setting, template, reach)?.into()),
            Value::Word(word) => Json::Value(word.as_str().into()),
            Value::Words(words) => Json::Value(words.clone().into()),
            Value::Flag(flag) => Json::Value((*flag).into()),
            Value::Integer(integer) => Json::Value((*integer).into()),
            Value::Map(entries) => {
                let entry = |(key, text): &(String, TemplateText)| {
                    (key.clone(), Json::Value(self.page.optional(&format!("{name}.{key}"), Some(text)).into()))
                };
                object(entries.iter().map(entry).collect())
            }
            Value::List(_) | Value::Section(_) | Value::Secret(_) => Json::Value(Scalar::Null),
        })
    }

    fn text(&self, setting: &Setting, template: &TemplateText, reach: &Reach<'a>) -> Result<String, RenderError> {
        let is_html = match setting.html_if {
            Some((name, value)) => as_text(&self.setting(name, reach)?) == value,
            None => false,
        };
        let rendered = if is_html { self.page.html(template) } else { self.page.text(template) };
        if setting.required && reach.levels.len() == 1 {
            let text = rendered.map_err(|error| RenderError(format!("{}: {error}", setting.name)))?;
            return if text.is_empty() { Err(RenderError(format!("{} is empty", setting.name))) } else { Ok(text) };
        }
        let text = match self.page.note(setting.name, rendered) {
            Some(html) if is_html && setting.limit.is_none_or(|limit| !limit::html_is_too_long(&html, limit)) => {
                return Ok(html);
            }
            // markup cannot be cut anywhere
            Some(_) if is_html => {
                plain::subject(self.page.notification) + "\n\n" + &plain::alerts(self.page.alerts.iter())
            }
            Some(text) => text,
            None => self.plain(setting.plain),
        };
        let text = match setting.limit {
            Some(limit) => limit::cut(text, limit),
            None => text,
        };
        Ok(if is_html { limit::as_html(&text) } else { text })
    }

    fn plain(&self, plain: Plain) -> String {
        match plain {
            Plain::Nothing => String::new(),
            Plain::Subject => plain::subject(self.page.notification),
            Plain::Alerts => plain::body(self.page.notification, &self.page.degraded().unwrap_or_default()),
        }
    }
}

fn named<'a>(shape: &'a Shape, name: &str) -> Option<&'a Setting> {
    shape.settings.iter().find(|setting| setting.name == name)
}

impl<'a> Reach<'a> {
    pub(super) fn inside(&self, shape: &'a Shape, values: &'a Values) -> Reach<'a> {
        let mut levels = self.levels.clone();
        levels.push((shape, values));
        Reach { levels, entry: self.entry }
    }
}
