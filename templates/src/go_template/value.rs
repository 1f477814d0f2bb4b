//! Values a template works with: Go's dynamic values, cheap to clone.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use jiff::Zoned;
use smol_str::SmolStr;

use super::error::FunctionFailure;
use super::function::Signature;

/// A value in a template.
///
/// Every variant clones in constant time. `Nil` stands for both of Go's kinds of nothing: an absent value, printed as
/// `<no value>` by an action, and a nil argument, printed as `<nil>` by `printf`.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Nothing: `nil`, a missing entry of a map of any values, an unset variable.
    #[default]
    Nil,
    /// `true` or `false`.
    Bool(bool),
    /// Go's `int`.
    Int(i64),
    /// Go's `float64`.
    Float(f64),
    /// Go's `string`; always UTF-8 here, a cut through a character leaves U+FFFD.
    String(SmolStr),
    /// Text that needs no escaping in its own place in HTML mode.
    Safe(Safe, SmolStr),
    /// A slice.
    List(Arc<List>),
    /// A map with string keys.
    Map(Arc<Map>),
    /// Go's `time.Time`, with its zone.
    Time(Arc<Zoned>),
    /// Go's `time.Duration` in nanoseconds.
    Duration(i64),
    /// Something with fields and methods of its own.
    Object(Arc<dyn Object>),
}

/// Where a text may stand in HTML mode without being escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safe {
    /// Markup, as from `safeHtml`.
    Html,
    /// A URL, as from `safeUrl`.
    Url,
}

/// What a list holds; seen in `%T`, `%#v` and in what `join` accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// Go's `interface {}`.
    Any,
    /// Go's `string`.
    String,
    /// Another type, by its Go name.
    Named(&'static str),
}

/// A slice and the type of its elements.
#[derive(Clone, Debug)]
pub struct List {
    /// The type of the elements.
    pub element: Element,
    /// The elements.
    pub items: Vec<Value>,
}

/// A map from text to values, in key order.
#[derive(Clone, Debug)]
pub struct Map {
    strings: bool,
    entries: Vec<(SmolStr, Value)>,
}

/// A value with fields and methods, such as an alert or a label set.
///
/// A named type over a plain value (Go's `type KV map[string]string`) gives that value as its [`base`](Object::base)
/// and is then indexed, ranged over, compared and printed like it. Everything else is a struct.
pub trait Object: fmt::Debug + Send + Sync {
    /// The Go name of the type, for `%T` and errors: `template.KV`.
    fn type_name(&self) -> &str;

    /// The plain value beneath a named type.
    fn base(&self) -> Option<Value> {
        None
    }

    /// Every field of a struct in the order of its declaration.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// One field of a struct.
    fn field(&self, name: &str) -> Option<Value> {
        self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// The name of a field in JSON.
    fn json_key(&self, field: &'static str) -> Cow<'static, str> {
        Cow::Borrowed(field)
    }

    /// What a method takes, or `None` where there is no such method.
    fn method(&self, _name: &str) -> Option<Signature> {
        None
    }

    /// Calls a method with arguments that fit its signature.
    fn call(&self, name: &str, _args: &[Value]) -> Result<Value, FunctionFailure> {
        Err(FunctionFailure::Message(format!("{} has no method {name}", self.type_name())))
    }

    /// The text `%v` and `%s` print instead of the fields: Go's `String()`.
    fn text(&self) -> Option<String> {
        None
    }
}

impl Map {
    /// A `map[string]string`: a missing key reads as the empty text.
    pub fn strings<K: Into<SmolStr>, V: Into<SmolStr>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), Value::String(value.into())));
        Self::sorted(true, entries.collect())
    }

    /// A `map[string]interface{}`: a missing key reads as `Nil`.
    pub fn any<K: Into<SmolStr>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::sorted(false, entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// Of entries with the same key the last one stays.
    fn sorted(strings: bool, mut entries: Vec<(SmolStr, Value)>) -> Self {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        Self { strings, entries }
    }

    /// The value of a key that is there.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let at = self.entries.binary_search_by(|(name, _)| name.as_str().cmp(key)).ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    /// The value of a key, or the zero value of the element type.
    pub fn get_or_zero(&self, key: &str) -> Value {
        match self.get(key) {
            Some(value) => value.clone(),
            None if self.strings => Value::String(SmolStr::default()),
            None => Value::Nil,
        }
    }

    /// The entries in key order.
    pub fn entries(&self) -> &[(SmolStr, Value)] {
        &self.entries
    }
}

impl List {
    /// A `[]interface {}`.
    pub fn any(items: Vec<Value>) -> Self {
        Self { element: Element::Any, items }
    }

    /// A `[]string`.
    pub fn strings<S: Into<SmolStr>>(items: impl IntoIterator<Item = S>) -> Self {
        Self { element: Element::String, items: items.into_iter().map(|text| Value::String(text.into())).collect() }
    }
}

impl Value {
    /// An object.
    pub fn object(object: impl Object + 'static) -> Self {
        Self::Object(Arc::new(object))
    }

    /// The plain value beneath a named type; the value itself for everything else.
    pub fn base(&self) -> Cow<'_, Value> {
        match self {
            Self::Object(object) => object.base().map_or(Cow::Borrowed(self), Cow::Owned),
            _ => Cow::Borrowed(self),
        }
    }

    /// The text of a string or safe string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Safe(_, text) => Some(text),
            _ => None,
        }
    }

    /// Whether `if` takes its first branch: not zero, not empty, not nil.
    pub fn is_true(&self) -> bool {
        match &*self.base() {
            Self::Nil => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) | Self::Duration(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::String(text) | Self::Safe(_, text) => !text.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => !map.entries.is_empty(),
            Self::Time(_) | Self::Object(_) => true,
        }
    }

    /// The Go name of the value's type, as `%T` prints it.
    pub fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::String(_) => "string",
            Self::Safe(Safe::Html, _) => "template.HTML",
            Self::Safe(Safe::Url, _) => "template.URL",
            Self::List(list) => match list.element {
                Element::Any => "[]interface {}",
                Element::String => "[]string",
                Element::Named(name) => return Cow::Owned(format!("[]{name}")),
            },
            Self::Map(map) if map.strings => "map[string]string",
            Self::Map(_) => "map[string]interface {}",
            Self::Time(_) => "time.Time",
            Self::Duration(_) => "time.Duration",
            Self::Object(object) => object.type_name(),
        })
    }

    /// A rough size in bytes, to charge work against the limits.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::String(text) | Self::Safe(_, text) => text.len(),
            Self::List(list) => list.items.len() * size_of::<Value>(),
            Self::Map(map) => map.entries.len() * size_of::<(SmolStr, Value)>(),
            _ => size_of::<Value>(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<SmolStr> for Value {
    fn from(text: SmolStr) -> Self {
        Self::String(text)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(Arc::new(map))
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Self::List(Arc::new(list))
    }
}

impl From<Zoned> for Value {
    fn from(time: Zoned) -> Self {
        Self::Time(Arc::new(time))
    }
}
