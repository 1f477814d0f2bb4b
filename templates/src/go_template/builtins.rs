//! The functions every Go template has.

use std::borrow::Cow;

use smol_str::SmolStr;

use super::error::FunctionFailure;
use super::function::{Call, Functions, Kind, Param, Signature};
use super::value::{List, Map, Value};
use super::{compare, format};
use crate::escape;

type Outcome = Result<Value, FunctionFailure>;

const ANY: Param = Param::Any;
const MANY: Signature = Signature::variadic(&[], ANY);
const ONE: Signature = Signature::of(&[ANY]);
const TWO: Signature = Signature::of(&[ANY, ANY]);
const ONE_AND_MORE: Signature = Signature::variadic(&[ANY], ANY);

/// Adds Go's own functions to a table.
pub(crate) fn install(functions: &mut Functions) {
    // the executor evaluates these two itself, argument by argument
    functions.insert("and", ONE_AND_MORE, Kind::And, |_, args| Ok(args.last().cloned().unwrap_or_default()));
    functions.insert("or", ONE_AND_MORE, Kind::Or, |_, args| Ok(args.last().cloned().unwrap_or_default()));
    functions.add("not", ONE, |_, args| Ok(Value::Bool(!first(args).is_true())));
    functions.add("len", ONE, |_, args| length(first(args)));
    functions.add("index", ONE_AND_MORE, |_, args| index(first(args), args.get(1..).unwrap_or_default()));
    functions.add("slice", ONE_AND_MORE, |_, args| slice(first(args), args.get(1..).unwrap_or_default()));
    functions.add("print", MANY, |call, args| Ok(format::print(args, call.limits.output_bytes)?.into()));
    functions.add("println", MANY, |call, args| Ok(format::println(args, call.limits.output_bytes)?.into()));
    functions.add("printf", Signature::variadic(&[Param::String], ANY), |call, args| {
        let values = args.get(1..).unwrap_or_default();
        Ok(format::printf(first(args).as_str().unwrap_or_default(), values, call.limits.output_bytes)?.into())
    });
    functions.add("html", MANY, |call, args| Ok(escape::html(&joined(call, args)?).into()));
    functions.add("js", MANY, |call, args| Ok(escape::js(&joined(call, args)?).into()));
    functions.add("urlquery", MANY, |call, args| Ok(escape::url_query(&joined(call, args)?).into()));
    functions.add("call", ONE_AND_MORE, |_, args| match first(args) {
        Value::Nil => Err("call of nil".into()),
        other => Err(format!("non-function of type {}", other.type_name()).into()),
    });
    functions.add("eq", ONE_AND_MORE, |_, args| {
        Ok(Value::Bool(compare::equal(first(args), args.get(1..).unwrap_or_default())?))
    });
    functions.add("ne", TWO, |_, args| pair(args, |a, b| Ok(!compare::equal(a, std::slice::from_ref(b))?)));
    functions.add("lt", TWO, |_, args| pair(args, compare::less));
    functions.add("le", TWO, |_, args| pair(args, compare::less_or_equal));
    functions.add("gt", TWO, |_, args| pair(args, |a, b| Ok(!compare::less_or_equal(a, b)?)));
    functions.add("ge", TWO, |_, args| pair(args, |a, b| Ok(!compare::less(a, b)?)));
}

fn first(args: &[Value]) -> &Value {
    args.first().unwrap_or(&Value::Nil)
}

fn pair(args: &[Value], test: impl Fn(&Value, &Value) -> Result<bool, FunctionFailure>) -> Outcome {
    match args {
        [a, b] => Ok(Value::Bool(test(a, b)?)),
        _ => Err("missing argument for comparison".into()),
    }
}

/// The arguments as one text: a single text as it is, everything else printed.
fn joined<'v>(call: Call<'_>, args: &'v [Value]) -> Result<Cow<'v, str>, FunctionFailure> {
    if let [Value::String(text) | Value::Safe(_, text)] = args {
        return Ok(Cow::Borrowed(text));
    }
    let shown = |value: &Value| match value {
        Value::Nil => Value::from("<no value>"),
        other => other.clone(),
    };
    let values: Vec<Value> = args.iter().map(shown).collect();
    Ok(Cow::Owned(format::print_followed(&values, call.limits.output_bytes)?))
}

fn length(value: &Value) -> Outcome {
    let length = match &*value.base() {
        Value::String(text) | Value::Safe(_, text) => text.len(),
        Value::List(list) => list.items.len(),
        Value::Map(map) => map.entries().len(),
        Value::Nil => return Err("reflect: call of reflect.Value.Type on zero Value".into()),
        _ => return Err(format!("len of type {}", value.type_name()).into()),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index(value: &Value, indexes: &[Value]) -> Outcome {
    let mut value = value.clone();
    if matches!(value, Value::Nil) {
        return Err("index of untyped nil".into());
    }
    for index in indexes {
        let next = match &*value.base() {
            Value::Nil => return Err("index of nil pointer".into()),
            Value::List(list) => element(list, index)?,
            Value::Map(map) => entry(map, index)?,
            Value::String(text) | Value::Safe(_, text) => {
                let at = offset(index, text.len())?;
                let byte = text.as_bytes().get(at).ok_or("reflect: string index out of range")?;
                Value::Int(i64::from(*byte))
            }
            _ => return Err(format!("can't index item of type {}", value.type_name()).into()),
        };
        value = next;
    }
    Ok(value)
}

fn element(list: &List, index: &Value) -> Outcome {
    let at = offset(index, list.items.len())?;
    list.items.get(at).cloned().ok_or_else(|| "reflect: slice index out of range".into())
}

fn entry(map: &Map, key: &Value) -> Outcome {
    match key {
        Value::String(key) => Ok(map.get_or_zero(key)),
        Value::Nil => Err("value is nil; should be of type string".into()),
        other => Err(format!("value has type {}; should be string", other.type_name()).into()),
    }
}

/// An index into something of this length; the length itself is still accepted here, as in Go.
fn offset(index: &Value, length: usize) -> Result<usize, FunctionFailure> {
    match &*index.base() {
        Value::Int(number) | Value::Duration(number) => usize::try_from(*number)
            .ok()
            .filter(|at| *at <= length)
            .ok_or_else(|| format!("index out of range: {number}").into()),
        Value::Nil => Err("cannot index slice/array with nil".into()),
        _ => Err(format!("cannot index slice/array with type {}", index.type_name()).into()),
    }
}

fn slice(value: &Value, indexes: &[Value]) -> Outcome {
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()).into());
    }
    let base = value.base();
    let length = match &*base {
        Value::Nil => return Err("slice of untyped nil".into()),
        Value::String(_) | Value::Safe(..) if indexes.len() == 3 => return Err("cannot 3-index slice a string".into()),
        Value::String(text) | Value::Safe(_, text) => text.len(),
        Value::List(list) => list.items.len(),
        _ => return Err(format!("can't slice item of type {}", value.type_name()).into()),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = offset(index, length)?;
    }
    let [start, end, capacity] = bounds;
    if start > end {
        return Err(format!("invalid slice index: {start} > {end}").into());
    }
    if end > capacity {
        return Err(format!("invalid slice index: {end} > {capacity}").into());
    }
    Ok(match &*base {
        Value::List(list) => {
            let items = list.items.get(start..end).unwrap_or_default().to_vec();
            Value::from(List { element: list.element.clone(), items })
        }
        other => {
            let bytes = other.as_str().unwrap_or_default().as_bytes().get(start..end).unwrap_or_default();
            Value::String(SmolStr::new(String::from_utf8_lossy(bytes)))
        }
    })
}
