//! Requests made of a notification: pure.

use outbound::Request;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value as Scalar;
use url::form_urlencoded::byte_serialize;

use super::body::{Body, Entry, How, Part, Text};
use super::definition::{Content, Kind, Limit, Plan, Setting};
use super::form::{as_text, form, is_empty};
use super::lookup::{Reach, Scene};
use super::settings::Value;
use super::{Inputs, PresetSettings, Step, limit};
use crate::notification::Notification;
use crate::receiver::{go_lines, opsgenie, webhook};
use crate::rendering::tree::{Json, object};
use crate::rendering::{RenderError, Rendered, Renderer};

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
        Ok(Step { request, remember })
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
            Body::Cut { text: body, characters } => {
                text(limit::cut(as_text(&self.json(body, reach)?), Limit::Characters(*characters)))
            }
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
}
