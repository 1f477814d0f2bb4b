//! `query`, and what can be done with its rows.

use std::sync::Arc;

use smol_str::SmolStr;

use super::super::error::FunctionFailure;
use super::super::function::{Functions, Param, Signature};
use super::super::value::{Element, List, Map, Object, Value};
use super::text;

const SAMPLE: &str = "*template.sample";
const RESULT: &str = "template.queryResult";

/// One row of a query's result: `.Labels` and `.Value`.
#[derive(Clone, Debug)]
pub struct Sample {
    labels: Arc<Map>,
    value: Value,
}

impl Sample {
    /// A row; the value is a number, or an object for a histogram.
    pub fn new<K: Into<SmolStr>, V: Into<SmolStr>>(
        labels: impl IntoIterator<Item = (K, V)>,
        value: impl Into<Value>,
    ) -> Self {
        Self { labels: Arc::new(Map::strings(labels)), value: value.into() }
    }
}

impl Object for Sample {
    fn type_name(&self) -> &str {
        SAMPLE
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("Labels", Value::Map(self.labels.clone())), ("Value", self.value.clone())]
    }
}

/// The rows of an answer.
#[derive(Debug)]
struct Rows(Arc<List>);

impl Object for Rows {
    fn type_name(&self) -> &str {
        RESULT
    }

    fn base(&self) -> Option<Value> {
        Some(Value::List(self.0.clone()))
    }
}

/// The rows as templates see them.
pub(super) fn result(rows: Vec<Sample>) -> Value {
    rows_value(rows.into_iter().map(Value::object).collect())
}

fn rows_value(items: Vec<Value>) -> Value {
    Value::object(Rows(Arc::new(List { element: Element::Named(SAMPLE), items })))
}

pub(super) fn install(functions: &mut Functions) {
    functions.add("query", Signature::of(&[Param::String]), |call, args| {
        let expression = text(args, 0);
        match call.context.query(expression) {
            Some(Ok(rows)) => Ok(rows),
            Some(Err(message)) => Err(FunctionFailure::Message(message)),
            None => Err(FunctionFailure::NeedsQuery(expression.to_owned())),
        }
    });
    functions.add("first", Signature::of(&[Param::Named(RESULT)]), |_, args| {
        rows(args, 0).into_iter().next().ok_or_else(|| "first() called on vector with no elements".into())
    });
    functions.add("label", Signature::of(&[Param::String, Param::Named(SAMPLE)]), |_, args| {
        Ok(label(row(args, 1)?, text(args, 0)))
    });
    functions.add("value", Signature::of(&[Param::Named(SAMPLE)]), |_, args| Ok(field(row(args, 0)?, "Value")));
    functions.add("strvalue", Signature::of(&[Param::Named(SAMPLE)]), |_, args| Ok(label(row(args, 0)?, "__value__")));
    functions.add("sortByLabel", Signature::of(&[Param::String, Param::Named(RESULT)]), |_, args| {
        let name = text(args, 0);
        let mut rows = rows(args, 1);
        rows.sort_by_cached_key(|row| label(row, name).as_str().map(SmolStr::new));
        Ok(rows_value(rows))
    });
}

fn rows(args: &[Value], index: usize) -> Vec<Value> {
    match args.get(index).map(Value::base).as_deref() {
        Some(Value::List(list)) => list.items.clone(),
        _ => Vec::new(),
    }
}

fn row(args: &[Value], index: usize) -> Result<&Value, FunctionFailure> {
    match args.get(index) {
        None | Some(Value::Nil) => Err("runtime error: invalid memory address or nil pointer dereference".into()),
        Some(row) => Ok(row),
    }
}

fn field(row: &Value, name: &str) -> Value {
    match row {
        Value::Object(object) => object.field(name).unwrap_or_default(),
        _ => Value::Nil,
    }
}

fn label(row: &Value, name: &str) -> Value {
    match field(row, "Labels") {
        Value::Map(labels) => labels.get_or_zero(name),
        _ => Value::from(""),
    }
}
