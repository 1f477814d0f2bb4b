//! The functions templates can call, beside those every Handlebars has.

use std::ops::RangeInclusive;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonRender, JsonTruthy, Output, RenderContext, RenderError,
    RenderErrorReason, Renderable, ScopedJson,
};
use serde_json::{Map, Value};

use super::budget::{self, TEXT_BYTES_MAX};
use super::moment;
use crate::escape;

/// Every name a template may call: ours and Handlebars' own.
pub(super) const NAMES: &[&str] = &[
    "if",
    "unless",
    "each",
    "with",
    "lookup",
    "raw",
    "eq",
    "ne",
    "gt",
    "gte",
    "lt",
    "lte",
    "and",
    "or",
    "not",
    "len",
    "upper",
    "lower",
    "title",
    "trim",
    "truncate",
    "join",
    "default",
    "names",
    "values",
    "first",
    "beyond",
    "pairs",
    "without",
    "json",
    "urlencode",
    "isURL",
    "date",
    "since",
    "duration",
];

/// A function of values alone, and how many it takes.
struct Function {
    name: &'static str,
    takes: RangeInclusive<usize>,
    body: fn(&Call<'_, '_>) -> Result<Value, String>,
}

/// Arguments of a call, and the data it happens in.
pub(super) struct Call<'c, 'rc> {
    helper: &'c Helper<'rc>,
    context: &'c Context,
}

impl Call<'_, '_> {
    /// An argument; nothing if it is not there.
    pub(super) fn argument(&self, index: usize) -> &Value {
        self.helper.param(index).map_or(&Value::Null, |argument| argument.value())
    }

    /// An argument as text: numbers as they print, nothing as an empty text.
    pub(super) fn text(&self, index: usize) -> String {
        self.argument(index).render()
    }

    /// A named argument, `tz="Europe/Berlin"`, as text.
    pub(super) fn option(&self, name: &str) -> Option<String> {
        self.helper.hash_get(name).map(|option| option.value().render())
    }

    /// A value of the root, whatever the block.
    pub(super) fn root(&self, name: &str) -> &Value {
        self.context.data().get(name).unwrap_or(&Value::Null)
    }
}

/// Makes every function known, and `log` unknown: a template does not write logs.
pub(super) fn register(handlebars: &mut Handlebars<'static>) {
    handlebars.unregister_helper("log");
    for function in [
        Function { name: "upper", takes: 1..=1, body: |call| Ok(call.text(0).to_uppercase().into()) },
        Function { name: "lower", takes: 1..=1, body: |call| Ok(call.text(0).to_lowercase().into()) },
        Function { name: "title", takes: 1..=1, body: |call| Ok(title(&call.text(0)).into()) },
        Function { name: "trim", takes: 1..=1, body: |call| Ok(call.text(0).trim().into()) },
        Function { name: "truncate", takes: 2..=2, body: truncate },
        Function { name: "join", takes: 1..=2, body: join },
        Function { name: "default", takes: 1..=9, body: default },
        Function { name: "names", takes: 1..=1, body: |call| Ok(sorted(call.argument(0), |name, _| name.into())) },
        Function { name: "values", takes: 1..=1, body: |call| Ok(sorted(call.argument(0), |_, value| value.clone())) },
        Function { name: "first", takes: 2..=2, body: first },
        Function { name: "beyond", takes: 2..=2, body: beyond },
        Function { name: "pairs", takes: 1..=1, body: pairs },
        Function { name: "without", takes: 2..=9, body: without },
        Function { name: "json", takes: 1..=1, body: json },
        Function { name: "urlencode", takes: 1..=1, body: |call| Ok(escape::url_part(&call.text(0)).into()) },
        Function { name: "isURL", takes: 1..=1, body: |call| Ok(is_url(&call.text(0)).into()) },
        Function { name: "date", takes: 1..=1, body: moment::date },
        Function { name: "since", takes: 1..=1, body: moment::since },
        Function { name: "duration", takes: 2..=2, body: moment::duration },
    ] {
        handlebars.register_helper(function.name, Box::new(function));
    }
}

impl HelperDef for Function {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        render: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let given = helper.params().len();
        if given == 0 && !helper.is_block() {
            // `{{title}}` alone is a value of that name, such as an annotation's
            let value = render.evaluate(context, self.name)?.as_json().clone();
            return Ok(ScopedJson::Derived(value));
        }
        if !self.takes.contains(&given) {
            let (least, most) = (self.takes.start(), self.takes.end());
            return Err(failed(self.name, format!("takes {least} to {most} arguments, has {given}")));
        }
        let value = (self.body)(&Call { helper, context }).map_err(|message| failed(self.name, message))?;
        // what it is given it may double, and be given what it made
        if value.as_str().is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(failed(self.name, format!("makes a text of more than {TEXT_BYTES_MAX} bytes")));
        }
        budget::spend_on(&value, helper, registry, context, render)?;
        Ok(ScopedJson::Derived(value))
    }

    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        render: &mut RenderContext<'reg, 'rc>,
        output: &mut dyn Output,
    ) -> HelperResult {
        let value = self.call_inner(helper, registry, context, render)?;
        if helper.is_block() {
            let chosen = if value.as_json().is_truthy(false) { helper.template() } else { helper.inverse() };
            return chosen.map_or(Ok(()), |template| template.render(registry, context, render, output));
        }
        let text = value.render();
        let text = if render.is_disable_escape() { text } else { registry.get_escape_fn()(&text) };
        handlebars::RenderContext::set_content_produced(render, true);
        Ok(output.write(&text)?)
    }
}

fn failed(name: &str, message: String) -> RenderError {
    RenderErrorReason::Other(format!("{name}: {message}")).into()
}

/// The first letter of each word in upper case.
fn title(text: &str) -> String {
    let mut starts = true;
    let cased = |character: char| {
        let upper = std::mem::replace(&mut starts, !(character.is_alphanumeric() || "_'".contains(character)));
        if upper { character.to_uppercase().collect::<String>() } else { character.to_string() }
    };
    text.chars().map(cased).collect()
}

fn truncate(call: &Call<'_, '_>) -> Result<Value, String> {
    let most = call.argument(1).as_u64().ok_or("takes a text and the most characters it may have")?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let text = call.text(0);
    if text.chars().count() <= most {
        return Ok(text.into());
    }
    Ok(text.chars().take(most.saturating_sub(1)).chain(['…']).collect::<String>().into())
}

/// A list, or the pairs of an object as `a=b`.
fn join(call: &Call<'_, '_>) -> Result<Value, String> {
    let separator = if call.argument(1).is_null() { ", ".to_owned() } else { call.text(1) };
    let texts: Vec<String> = match call.argument(0) {
        Value::Array(items) => items.iter().map(JsonRender::render).collect(),
        Value::Object(entries) => {
            ordered(entries).into_iter().map(|(name, value)| format!("{name}={}", value.render())).collect()
        }
        other => vec![other.render()],
    };
    let length = texts.iter().map(String::len).sum::<usize>() + separator.len() * texts.len().saturating_sub(1);
    if length > TEXT_BYTES_MAX {
        return Err(format!("makes a text of more than {TEXT_BYTES_MAX} bytes"));
    }
    Ok(texts.join(&separator).into())
}

/// The first argument that is something.
fn default(call: &Call<'_, '_>) -> Result<Value, String> {
    let is_something = |value: &&Value| !value.is_null() && value.as_str() != Some("");
    Ok(call.helper.params().iter().map(|argument| argument.value()).find(is_something).cloned().unwrap_or_default())
}

/// The beginning of a list: `first firing 100`.
fn first(call: &Call<'_, '_>) -> Result<Value, String> {
    let (items, most) = list_and_count(call)?;
    Ok(items.iter().take(most).cloned().collect())
}

/// How many items of a list `first` leaves out; 0 if none.
fn beyond(call: &Call<'_, '_>) -> Result<Value, String> {
    let (items, most) = list_and_count(call)?;
    Ok(items.len().saturating_sub(most).into())
}

fn list_and_count<'c>(call: &'c Call<'_, '_>) -> Result<(&'c [Value], usize), String> {
    let most = call.argument(1).as_u64().ok_or("takes a list and how many of its items to show")?;
    let items = call.argument(0).as_array().map(Vec::as_slice).unwrap_or_default();
    Ok((items, usize::try_from(most).unwrap_or(usize::MAX)))
}

fn pairs(call: &Call<'_, '_>) -> Result<Value, String> {
    let pair = |name: &str, value: &Value| {
        Value::Object(Map::from_iter([("name".to_owned(), name.into()), ("value".to_owned(), value.clone())]))
    };
    Ok(sorted(call.argument(0), pair))
}

/// An object without the keys of other objects, or without keys by name.
fn without(call: &Call<'_, '_>) -> Result<Value, String> {
    let mut kept = call.argument(0).as_object().cloned().unwrap_or_default();
    for unwanted in call.helper.params().iter().skip(1) {
        match unwanted.value() {
            Value::Object(entries) => kept.retain(|name, _| !entries.contains_key(name)),
            Value::Array(names) => kept.retain(|name, _| !names.iter().any(|unwanted| unwanted == name)),
            unwanted => kept.retain(|name, _| unwanted != name),
        }
    }
    Ok(Value::Object(kept))
}

fn sorted(object: &Value, item: impl Fn(&str, &Value) -> Value) -> Value {
    let entries = object.as_object().map(ordered).unwrap_or_default();
    entries.into_iter().map(|(name, value)| item(name, value)).collect()
}

/// `alertname` first, then by name: the order people know.
fn ordered(entries: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut entries: Vec<_> = entries.iter().map(|(name, value)| (name.as_str(), value)).collect();
    entries.sort_by_key(|(name, _)| (*name != "alertname", *name));
    entries
}

fn json(call: &Call<'_, '_>) -> Result<Value, String> {
    let value = call.argument(0);
    let is_pretty = call.option("pretty").is_some_and(|flag| flag == "true");
    let text = if is_pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    text.map(Value::from).map_err(|error| error.to_string())
}

/// Whether a text may stand in a link: `javascript:` and its like must not.
fn is_url(text: &str) -> bool {
    let start = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    (start.starts_with("http://") || start.starts_with("https://")) && !text.contains(char::is_whitespace)
}
