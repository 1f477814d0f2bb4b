//! Requests made of a notification: pure.

use outbound::Request;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value as Scalar;
use sha2::{Digest, Sha256};
use url::form_urlencoded::{Serializer, byte_serialize};

use super::body::{Body, Entry, How, Part, Text};
use super::definition::{Content, Kind, Plain, Plan, Setting, Shape};
use super::settings::{Value, Values};
use super::{Inputs, PresetSettings, Step, limit};
use crate::notification::Notification;
use crate::receiver::{TemplateText, go_lines, opsgenie, webhook};
use crate::rendering::tree::{Json, object};
use crate::rendering::{Page, RenderError, Rendered, Renderer, plain};

/// One notification about to become requests.
struct Scene<'a> {
    page: &'a Page<'a>,
    settings: &'a PresetSettings,
    inputs: &'a Inputs,
}

/// The settings in reach: those of the section, then of the items inside.
#[derive(Clone)]
struct Reach<'a> {
    levels: Vec<(&'a Shape, &'a Values)>,
    /// Name and value of an entry of a mapping.
    entry: Option<(&'a str, &'a TemplateText)>,
}

impl PresetSettings {
    /// The requests of a notification, in their order.
    ///
    /// # Errors
    /// There is nobody to send a plain form to: an address, a secret or a name that must be there fails or is empty.
    pub(crate) fn render(
        &self,
        notification: &Notification,
        renderer: &Renderer,
        inputs: &Inputs,
    ) -> Result<Rendered<Vec<Step>>, RenderError> {
        let alerts_max = match self.values.get("max_alerts") {
            Some(Value::Integer(max)) if *max > 0 => usize::try_from(*max).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        let page = renderer.page_of(notification, alerts_max);
        let scene = Scene { page: &page, settings: self, inputs };
        let reach = scene.section();
        let mut steps = Vec::new();
        for plan in &self.preset.requests {
            if scene.holds_all(&plan.when, &reach)? {
                steps.push(scene.step(plan, &reach)?);
            }
        }
        Ok(Rendered { request: steps, degraded: page.degraded() })
    }

    /// The request for a token, if the service has such.
    ///
    /// # Errors
    /// As of [`PresetSettings::render`].
    pub(crate) fn login(
        &self,
        notification: &Notification,
        renderer: &Renderer,
        inputs: &Inputs,
    ) -> Result<Option<Request>, RenderError> {
        let Some(login) = &self.preset.login else { return Ok(None) };
        let page = renderer.page(notification);
        let scene = Scene { page: &page, settings: self, inputs };
        let url = scene.needed(&login.url, &scene.section(), "the address")?;
        Ok(Some(Request { method: Method::GET, url, headers: HeaderMap::new(), body: Default::default() }))
    }
}

impl<'a> Scene<'a> {
    fn section(&self) -> Reach<'a> {
        Reach { levels: vec![(&self.settings.preset.shape, &self.settings.values)], entry: None }
    }

    fn step(&self, plan: &Plan, reach: &Reach<'a>) -> Result<Step, RenderError> {
        let url = self.needed(&plan.url, reach, "the address")?;
        let (content_type, body) = match &plan.content {
            Content::Json(body) => ("application/json", go_lines(&self.json(body, reach)?)),
            Content::Form(body) => ("application/x-www-form-urlencoded", form(&self.json(body, reach)?)),
            Content::Webhook(version, bytes_max) => ("application/json", self.webhook(version, *bytes_max)),
        };
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        for (name, text) in &plan.headers {
            let Some(value) = self.interpolated(text, reach)? else { continue };
            let unusable = || RenderError(format!("the header {name} cannot be made of what it is to hold"));
            let name = HeaderName::try_from(name.as_str()).map_err(|_| unusable())?;
            let mut value = HeaderValue::try_from(value).map_err(|_| unusable())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let remember = match &plan.remember {
            Some((flag, keys)) if self.holds(flag, reach)? => keys.clone(),
            _ => Vec::new(),
        };
        let method = Method::try_from(plan.method.as_str()).unwrap_or(Method::POST);
        let request = Request { method, url, headers, body: body.into() };
        Ok(Step { request, is_signed: plan.is_signed, remember })
    }

    fn webhook(&self, version: &'static str, bytes_max: usize) -> Vec<u8> {
        let body = webhook::payload::body_of(self.page, version, self.page.alerts);
        if body.len() <= bytes_max {
            return body;
        }
        webhook::payload::body_of(self.page, version, self.page.alerts.get(..1).unwrap_or_default())
    }

    fn json(&self, body: &Body, reach: &Reach<'a>) -> Result<Json, RenderError> {
        let text = |text: String| Json::Value(text.into());
        Ok(match body {
            Body::Fixed(value) => Json::Value(value.clone()),
            Body::Setting(name) => self.setting(name, reach)?,
            Body::Text(template) => self.interpolated(template, reach)?.map_or(Json::Value(Scalar::Null), text),
            Body::ByStatus { firing, resolved } => {
                self.json(if self.page.status() == "firing" { firing } else { resolved }, reach)?
            }
            Body::Each { list, item, unless_empty } => self.each(list, item, unless_empty, reach)?,
            Body::With { section, item } => match self.value(section, reach) {
                Some((Setting { kind: Kind::Section(_, shape), .. }, Value::Section(values))) => {
                    self.json(item, &reach.inside(shape, values))?
                }
                _ => Json::Value(Scalar::Null),
            },
            Body::First(bodies) => self.first(bodies, reach)?,
            Body::Split(body) => {
                let parts = as_text(&self.json(body, reach)?);
                let parts = parts.trim().split(',').filter(|part| !part.is_empty());
                Json::List(parts.map(|part| text(part.to_owned())).collect())
            }
            Body::Merge(bodies) => self.merge(bodies, reach)?,
            Body::Trim(body) => text(as_text(&self.json(body, reach)?).trim().to_owned()),
            Body::AsText(body) => text(as_text(&self.json(body, reach)?)),
            Body::When { condition, then } => match self.holds(condition, reach)? {
                true => self.json(then, reach)?,
                false => Json::Value(Scalar::Null),
            },
            Body::Known { words, value, otherwise } => {
                let value = as_text(&self.json(value, reach)?);
                text(words.iter().find(|word| word.eq_ignore_ascii_case(&value)).unwrap_or(otherwise).clone())
            }
            Body::OpsGenieTeams(body) => opsgenie::single_teams(self.json(body, reach)?),
            Body::List(items) => Json::List(items.iter().map(|item| self.json(item, reach)).collect::<Result<_, _>>()?),
            Body::Object(entries) => self.object(entries, reach)?,
        })
    }

    fn object(&self, entries: &[Entry], reach: &Reach<'a>) -> Result<Json, RenderError> {
        let mut object = Vec::new();
        for Entry { key, is_optional, value } in entries {
            let value = self.json(value, reach)?;
            if !(*is_optional && is_empty(&value)) {
                object.push((key.clone(), value));
            }
        }
        Ok(Json::Object(object))
    }

    fn each(&self, list: &str, item: &Body, unless_empty: &[String], reach: &Reach<'a>) -> Result<Json, RenderError> {
        let mut made = Vec::new();
        match self.value(list, reach) {
            Some((Setting { kind: Kind::List(_, shape), .. }, Value::List(items))) => {
                for values in items {
                    made.push(self.json(item, &reach.inside(shape, values))?);
                }
            }
            Some((_, Value::Map(entries))) => {
                for (name, text) in entries {
                    let reach = Reach { entry: Some((name, text)), ..reach.clone() };
                    made.push(self.json(item, &reach)?);
                }
            }
            _ => {}
        }
        let says_something = |item: &Json| match item {
            Json::Object(entries) if !unless_empty.is_empty() => {
                entries.iter().any(|(key, value)| unless_empty.contains(key) && !is_empty(value))
            }
            _ => true,
        };
        made.retain(says_something);
        Ok(Json::List(made))
    }

    fn first(&self, bodies: &[Body], reach: &Reach<'a>) -> Result<Json, RenderError> {
        let mut value = Json::Value(Scalar::Null);
        for body in bodies {
            value = self.json(body, reach)?;
            if !as_text(&value).is_empty() {
                break;
            }
        }
        Ok(value)
    }

    /// Later entries win.
    fn merge(&self, bodies: &[Body], reach: &Reach<'a>) -> Result<Json, RenderError> {
        let mut merged: Vec<(String, Json)> = Vec::new();
        for body in bodies {
            let Json::Object(entries) = self.json(body, reach)? else { continue };
            for (key, value) in entries {
                merged.retain(|(known, _)| *known != key);
                merged.push((key, value));
            }
        }
        Ok(object(merged))
    }

    fn holds_all(&self, conditions: &[String], reach: &Reach<'a>) -> Result<bool, RenderError> {
        for condition in conditions {
            if !self.holds(condition, reach)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn holds(&self, condition: &str, reach: &Reach<'a>) -> Result<bool, RenderError> {
        if let Some(condition) = condition.strip_prefix("no ") {
            return Ok(!self.holds(condition, reach)?);
        }
        if let Some((name, words)) = condition.split_once('=') {
            let value = as_text(&self.setting(name, reach)?);
            return Ok(words.split('|').any(|word| word.eq_ignore_ascii_case(&value)));
        }
        Ok(match condition {
            "firing" | "resolved" => self.page.status() == condition,
            "memory" => self.inputs.memory.is_some(),
            name => !is_empty(&self.setting(name, reach)?),
        })
    }

    /// A text that must come out.
    fn needed(&self, text: &Text, reach: &Reach<'a>, what: &str) -> Result<String, RenderError> {
        self.interpolated(text, reach)?.ok_or_else(|| RenderError(format!("{what} is not complete")))
    }

    /// Nothing if one of the settings in it has no value.
    fn interpolated(&self, text: &Text, reach: &Reach<'a>) -> Result<Option<String>, RenderError> {
        let mut whole = String::new();
        for part in &text.0 {
            match part {
                Part::Fixed(text) => whole.push_str(text),
                Part::Setting { name, how } => {
                    let value = self.setting(name, reach)?;
                    if matches!(value, Json::Value(Scalar::Null)) {
                        return Ok(None);
                    }
                    let value = as_text(&value);
                    match how {
                        How::AsIs => whole.push_str(&value),
                        How::Query => whole.extend(byte_serialize(value.as_bytes())),
                        How::Beside(other) => {
                            whole.push_str(value.rsplit_once('/').map_or("", |(before, _)| before));
                            whole.push('/');
                            whole.push_str(other);
                        }
                    }
                }
            }
        }
        Ok(Some(whole))
    }

    /// What a name stands for; null if it has no value.
    fn setting(&self, name: &str, reach: &Reach<'a>) -> Result<Json, RenderError> {
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
    fn value(&self, name: &str, reach: &Reach<'a>) -> Option<(&'a Setting, &'a Value)> {
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
    fn inside(&self, shape: &'a Shape, values: &'a Values) -> Reach<'a> {
        let mut levels = self.levels.clone();
        levels.push((shape, values));
        Reach { levels, entry: self.entry }
    }
}

/// As Go leaves out what is marked `omitempty`.
fn is_empty(value: &Json) -> bool {
    match value {
        Json::Value(Scalar::Null) => true,
        Json::Value(Scalar::String(text)) => text.is_empty(),
        Json::Value(Scalar::Bool(flag)) => !flag,
        Json::Value(Scalar::Number(number)) => number.as_f64() == Some(0.0),
        Json::Value(Scalar::Array(items)) => items.is_empty(),
        Json::Value(Scalar::Object(entries)) => entries.is_empty(),
        Json::List(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
    }
}

fn as_text(value: &Json) -> String {
    match value {
        Json::Value(Scalar::Null) => String::new(),
        Json::Value(Scalar::String(text)) => text.clone(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

/// Lists become numbered keys, objects keys with a dot.
fn form(value: &Json) -> Vec<u8> {
    let mut pairs = Serializer::new(String::new());
    flatten("", value, &mut |key, text| {
        pairs.append_pair(key, text);
    });
    pairs.finish().into_bytes()
}

fn flatten(key: &str, value: &Json, add: &mut dyn FnMut(&str, &str)) {
    let inner = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Json::Object(entries) => entries.iter().for_each(|(name, value)| flatten(&inner(name), value, add)),
        Json::List(items) => {
            items.iter().enumerate().for_each(|(at, item)| flatten(&inner(&(at + 1).to_string()), item, add));
        }
        other => add(key, &as_text(other)),
    }
}
