//! What templates of rules have: Prometheus' functions, `$labels`, `$value` and the rest.
//!
//! After Prometheus' `template` package and its template reference. `{{ $value }}` of a labelled alert:
//!
//! ```
//! use templates::go_template::{Escape, Limits, Map, Render, Template, Value};
//! use templates::go_template::rule_functions::{self, RuleContext, RuleData};
//!
//! let functions = rule_functions::functions();
//! let template = Template::parse("summary", "{{ $labels.job }} at {{ $value | humanize }}", &functions)?;
//! let data = RuleData { labels: Map::strings([("job", "api")]).into(), value: 1234.5.into(), ..RuleData::default() };
//! let context = RuleContext { now_seconds: 0.0, external_url: "", answers: &|_| None };
//! let (dot, variables, limits) = (data.dot(), data.variables(), Limits::default());
//! let render = Render { data: &dot, variables: &variables, context: &context, limits: &limits, escape: Escape::None };
//! assert_eq!(template.execute(&render)?, "api at 1.234k");
//! # Ok::<(), templates::go_template::TemplateError>(())
//! ```

mod address;
pub(crate) mod humanize;
mod query;

use smol_str::SmolStr;

use super::error::FunctionFailure;
use super::function::{Context, Functions, Param, QueryAnswer, Signature, TEXT, text};
use super::value::{Map, Object, Safe, Value};
use super::{pattern, text_case};
use crate::escape;

pub use query::Sample;

const NOTHING: Signature = Signature::of(&[]);
const NUMBER: Signature = Signature::of(&[Param::Any]);

/// What a rule's template knows of the world.
#[derive(Clone, Copy)]
pub struct RuleContext<'a> {
    /// The time of the evaluation, in seconds since 1970.
    pub now_seconds: f64,
    /// The address users reach this program under.
    pub external_url: &'a str,
    /// Answers to queries, by expression; `None` fails the rendering with `NeedsQuery`.
    pub answers: &'a dyn Fn(&str) -> Option<Rows>,
}

/// The rows a query gave, or why it failed.
pub type Rows = Result<Vec<Sample>, String>;

impl Context for RuleContext<'_> {
    fn now_seconds(&self) -> f64 {
        self.now_seconds
    }

    fn external_url(&self) -> &str {
        self.external_url
    }

    fn query(&self, expression: &str) -> Option<QueryAnswer> {
        (self.answers)(expression).map(|answer| answer.map(query::result))
    }
}

/// The dot and the variables of a rule's template.
#[derive(Clone, Debug)]
pub struct RuleData {
    /// The labels of the query's row: a [`Map::strings`].
    pub labels: Value,
    /// The labels added to everything this program sends: a [`Map::strings`].
    pub external_labels: Value,
    /// The address users reach this program under.
    pub external_url: SmolStr,
    /// The value of the row.
    pub value: Value,
}

impl Default for RuleData {
    fn default() -> Self {
        let none = || Value::from(Map::strings::<SmolStr, SmolStr>([]));
        Self { labels: none(), external_labels: none(), external_url: SmolStr::default(), value: Value::Nil }
    }
}

impl RuleData {
    /// The dot: `.Labels`, `.ExternalLabels`, `.ExternalURL`, `.Value`.
    pub fn dot(&self) -> Value {
        Value::object(Dot(self.clone()))
    }

    /// The variables that [`functions`] declares.
    pub fn variables(&self) -> [(&'static str, Value); 4] {
        [
            ("$labels", self.labels.clone()),
            ("$externalLabels", self.external_labels.clone()),
            ("$externalURL", Value::String(self.external_url.clone())),
            ("$value", self.value.clone()),
        ]
    }
}

#[derive(Debug)]
struct Dot(RuleData);

impl Object for Dot {
    fn type_name(&self) -> &str {
        "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }"
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Labels", self.0.labels.clone()),
            ("ExternalLabels", self.0.external_labels.clone()),
            ("ExternalURL", Value::String(self.0.external_url.clone())),
            ("Value", self.0.value.clone()),
        ]
    }
}

/// Go's functions and those of rules, with the variables of rules declared.
pub fn functions() -> Functions {
    let mut functions = Functions::builtins();
    for variable in ["$labels", "$externalLabels", "$externalURL", "$value"] {
        functions.declare(variable);
    }
    query::install(&mut functions);
    humanize::install(&mut functions);
    address::install(&mut functions);
    install_texts(&mut functions);
    pattern::install(&mut functions);
    functions.add("args", Signature::variadic(&[], Param::Any), |_, args| {
        let named = args.iter().enumerate().map(|(index, arg)| (format!("arg{index}"), arg.clone()));
        Ok(Value::from(Map::any(named)))
    });
    functions
}

fn install_texts(functions: &mut Functions) {
    functions.add("title", TEXT, |_, args| Ok(text_case::title(text(args, 0)).into()));
    functions.add("toUpper", TEXT, |_, args| Ok(text_case::upper(text(args, 0)).into()));
    functions.add("toLower", TEXT, |_, args| Ok(text_case::lower(text(args, 0)).into()));
    functions.add("safeHtml", TEXT, |_, args| Ok(Value::Safe(Safe::Html, text(args, 0).into())));
    functions.add("urlQueryEscape", TEXT, |_, args| Ok(escape::url_query(text(args, 0)).into()));
}

/// The number an argument stands for: a number, a numeric text or a duration.
pub(crate) fn number(args: &[Value]) -> Result<f64, FunctionFailure> {
    match args.first() {
        Some(Value::Float(number)) => Ok(*number),
        Some(Value::Int(number)) => Ok(*number as f64),
        Some(Value::Duration(nanoseconds)) => Ok(*nanoseconds as f64 / 1e9),
        Some(Value::String(text)) => parse_float(text),
        other => {
            let name = other.map_or("<nil>".into(), Value::type_name);
            Err(format!("can't convert {name} to float").into())
        }
    }
}

/// Go's `strconv.ParseFloat`.
fn parse_float(text: &str) -> Result<f64, FunctionFailure> {
    let wrong = |what: &str| format!("strconv.ParseFloat: parsing {}: {what}", super::quote::quote(text)).into();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.starts_with("0x") || unsigned.starts_with("0X") {
        return super::number::float(text).ok_or_else(|| wrong("invalid syntax"));
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_infinite() && unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            Err(wrong("value out of range"))
        }
        Ok(number) if number.is_nan() && unsigned.len() != text.len() => Err(wrong("invalid syntax")),
        Ok(number) => Ok(number),
        Err(_) => Err(wrong("invalid syntax")),
    }
}
