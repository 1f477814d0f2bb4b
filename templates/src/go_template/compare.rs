//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`: Go's comparisons of basic kinds, and its refusals.

use std::cmp::Ordering;
use std::sync::Arc;

use super::error::FunctionFailure;
use super::format;
use super::value::{Object, Value};

const NO_COMPARISON: &str = "missing argument for comparison";
const INCOMPATIBLE: &str = "incompatible types for comparison";
const INVALID: &str = "invalid type for comparison";

/// The kinds that compare with each other.
enum Basic<'v> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'v str),
    Other,
}

fn basic(value: &Value) -> Basic<'_> {
    match value {
        Value::Bool(truth) => Basic::Bool(*truth),
        Value::Int(number) | Value::Duration(number) => Basic::Int(*number),
        Value::Float(number) => Basic::Float(*number),
        Value::String(text) | Value::Safe(_, text) => Basic::Text(text),
        _ => Basic::Other,
    }
}

/// Whether the first value equals any of the others.
pub(crate) fn equal(first: &Value, others: &[Value]) -> Result<bool, FunctionFailure> {
    if others.is_empty() {
        return Err(NO_COMPARISON.into());
    }
    for other in others {
        if equal_pair(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal_pair(a: &Value, b: &Value) -> Result<bool, FunctionFailure> {
    let (base_a, base_b) = (a.base(), b.base());
    match (basic(&base_a), basic(&base_b)) {
        (Basic::Bool(x), Basic::Bool(y)) => Ok(x == y),
        (Basic::Int(x), Basic::Int(y)) => Ok(x == y),
        (Basic::Float(x), Basic::Float(y)) => Ok(x == y),
        (Basic::Text(x), Basic::Text(y)) => Ok(x == y),
        (Basic::Other, Basic::Other) => equal_others(a, b),
        // nothing differs from something, without complaint
        _ if matches!(*base_a, Value::Nil) || matches!(*base_b, Value::Nil) => Ok(false),
        _ => Err(INCOMPATIBLE.into()),
    }
}

/// Values of no basic kind: nil, times, objects; lists and maps only compare with nil.
fn equal_others(a: &Value, b: &Value) -> Result<bool, FunctionFailure> {
    match (a, b) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Time(x), Value::Time(y)) => Ok(x.timestamp() == y.timestamp() && x.time_zone() == y.time_zone()),
        _ if kind(a) != kind(b) => {
            let (name_a, name_b) = (a.type_name(), b.type_name());
            let (a, b) = (format::shown(a), format::plain(b));
            Err(format!("non-comparable types {a}: {name_a}, {name_b}: {b}").into())
        }
        (_, refused) | (refused, _) if incomparable(refused) => {
            let name = refused.type_name();
            Err(format!("non-comparable type {}: {name}", format::shown(refused)).into())
        }
        (Value::Object(x), Value::Object(y)) if x.type_name() != y.type_name() => Ok(false),
        (Value::Object(x), Value::Object(y)) if is_pointer(&**x) => Ok(Arc::ptr_eq(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            let pairs = x.fields().into_iter().zip(y.fields());
            Ok(pairs
                .map(|((_, x), (_, y))| equal_pair(&x, &y))
                .collect::<Result<Vec<_>, _>>()?
                .iter()
                .all(|same| *same))
        }
        _ => Ok(false),
    }
}

/// Whether Go refuses to compare values of this type: lists, maps, and structs with such fields.
fn incomparable(value: &Value) -> bool {
    match &*value.base() {
        Value::List(_) | Value::Map(_) => true,
        Value::Object(object) if is_pointer(&**object) => false,
        Value::Object(object) => object.fields().iter().any(|(_, field)| incomparable(field)),
        _ => false,
    }
}

fn is_pointer(object: &dyn Object) -> bool {
    object.type_name().starts_with('*')
}

/// What Go's reflection tells apart before it compares.
fn kind(value: &Value) -> &'static str {
    match &*value.base() {
        Value::List(_) => "slice",
        Value::Map(_) => "map",
        Value::Object(object) if is_pointer(&**object) => "pointer",
        _ => "struct",
    }
}

/// Whether `a < b`.
pub(crate) fn less(a: &Value, b: &Value) -> Result<bool, FunctionFailure> {
    let (a, b) = (a.base(), b.base());
    let ordering = match (basic(&a), basic(&b)) {
        (Basic::Other, _) | (_, Basic::Other) => return Err(INVALID.into()),
        (Basic::Int(x), Basic::Int(y)) => Some(x.cmp(&y)),
        (Basic::Float(x), Basic::Float(y)) => x.partial_cmp(&y),
        (Basic::Text(x), Basic::Text(y)) => Some(x.cmp(y)),
        (Basic::Bool(_), Basic::Bool(_)) => return Err(INVALID.into()),
        _ => return Err(INCOMPATIBLE.into()),
    };
    Ok(ordering == Some(Ordering::Less))
}

/// Whether `a <= b`.
pub(crate) fn less_or_equal(a: &Value, b: &Value) -> Result<bool, FunctionFailure> {
    Ok(less(a, b)? || equal_pair(a, b)?)
}
