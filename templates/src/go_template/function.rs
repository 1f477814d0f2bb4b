//! Functions a template may call, and what they take.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use smol_str::SmolStr;

use super::builtins;
use super::error::FunctionFailure;
use super::limits::Limits;
use super::value::{Element, Value};

/// What a parameter accepts; Go checks this before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// Any value, nil too.
    Any,
    /// `string`.
    String,
    /// `int`.
    Int,
    /// `float64`.
    Float,
    /// `time.Time`.
    Time,
    /// `time.Duration`.
    Duration,
    /// `[]string`.
    Strings,
    /// `[]interface {}`.
    List,
    /// A slice or pointer type of the program, by its Go name.
    Named(&'static str),
}

/// The parameters of a function or method.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Parameters that must be given.
    pub fixed: &'static [Param],
    /// The parameter any number of further arguments go to.
    pub variadic: Option<Param>,
}

/// Of most functions on texts.
pub(crate) const TEXT: Signature = Signature::of(&[Param::String]);
/// Of functions on two texts.
pub(crate) const TWO_TEXTS: Signature = Signature::of(&[Param::String, Param::String]);
/// Of functions on three texts.
pub(crate) const THREE_TEXTS: Signature = Signature::of(&[Param::String, Param::String, Param::String]);

/// The text of an argument whose signature says it is one.
pub(crate) fn text(args: &[Value], index: usize) -> &str {
    args.get(index).and_then(Value::as_str).unwrap_or_default()
}

/// What a function knows about the execution that calls it.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// What the caller of the template supplied.
    pub context: &'a dyn Context,
    /// The bounds of the execution.
    pub limits: &'a Limits,
}

/// An answer to a query of a template, one value per row.
pub type QueryAnswer = Result<Value, String>;

/// What functions need from outside; everything but the time has a default.
pub trait Context {
    /// The time of the execution, in seconds since 1970.
    fn now_seconds(&self) -> f64;

    /// The time of the execution.
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond((self.now_seconds() * 1000.0).round() as i64).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The address users reach this program under.
    fn external_url(&self) -> &str {
        ""
    }

    /// A label of the route that sends the notification.
    fn route_label(&self, _name: &str) -> Option<&str> {
        None
    }

    /// The answer to a query, or `None` where it is not known yet.
    fn query(&self, _expression: &str) -> Option<QueryAnswer> {
        None
    }
}

/// A context that knows nothing but a time.
#[derive(Clone, Copy, Debug)]
pub struct At(pub f64);

impl Context for At {
    fn now_seconds(&self) -> f64 {
        self.0
    }
}

type Body = dyn Fn(Call<'_>, &[Value]) -> Result<Value, FunctionFailure> + Send + Sync;

/// How a function is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ordinary,
    /// `and`: stops at the first false argument.
    And,
    /// `or`: stops at the first true argument.
    Or,
}

/// A function by name.
pub struct Function {
    pub(crate) name: SmolStr,
    pub(crate) signature: Signature,
    pub(crate) kind: Kind,
    pub(crate) body: Box<Body>,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({})", self.name)
    }
}

/// The functions and predeclared variables of one kind of template.
///
/// Cloning is cheap enough for start-up, not meant for each execution: a parsed template keeps what it calls.
#[derive(Clone, Debug)]
pub struct Functions {
    table: HashMap<SmolStr, Arc<Function>>,
    variables: Vec<SmolStr>,
}

impl Default for Functions {
    fn default() -> Self {
        Self::builtins()
    }
}

impl Functions {
    /// Go's own functions: `and`, `eq`, `index`, `len`, `printf`, …
    pub fn builtins() -> Self {
        let mut functions = Self { table: HashMap::new(), variables: Vec::new() };
        builtins::install(&mut functions);
        functions
    }

    /// Adds a function; a later one of the same name wins.
    pub fn add(
        &mut self,
        name: &'static str,
        signature: Signature,
        body: impl Fn(Call<'_>, &[Value]) -> Result<Value, FunctionFailure> + Send + Sync + 'static,
    ) {
        self.insert(name, signature, Kind::Ordinary, body);
    }

    pub(crate) fn insert(
        &mut self,
        name: &'static str,
        signature: Signature,
        kind: Kind,
        body: impl Fn(Call<'_>, &[Value]) -> Result<Value, FunctionFailure> + Send + Sync + 'static,
    ) {
        let name = SmolStr::new_static(name);
        let function = Function { name: name.clone(), signature, kind, body: Box::new(body) };
        self.table.insert(name, Arc::new(function));
    }

    /// Declares a variable that every execution supplies, such as `$labels`. It is not visible inside `define`.
    pub fn declare(&mut self, variable: &'static str) {
        self.variables.push(SmolStr::new_static(variable));
    }

    /// The predeclared variables.
    pub fn variables(&self) -> &[SmolStr] {
        &self.variables
    }

    /// The names of all functions, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.table.keys().map(SmolStr::as_str).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Function>> {
        self.table.get(name)
    }
}

impl Signature {
    /// Exactly these parameters.
    pub const fn of(fixed: &'static [Param]) -> Self {
        Self { fixed, variadic: None }
    }

    /// These parameters and any number of further ones.
    pub const fn variadic(fixed: &'static [Param], more: Param) -> Self {
        Self { fixed, variadic: Some(more) }
    }

    /// The parameter the argument at `index` goes to.
    pub(crate) fn param(&self, index: usize) -> Param {
        self.fixed.get(index).copied().or(self.variadic).unwrap_or(Param::Any)
    }
}

impl Param {
    /// The Go name of the type.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::String => "string",
            Self::Int => "int",
            Self::Float => "float64",
            Self::Time => "time.Time",
            Self::Duration => "time.Duration",
            Self::Strings => "[]string",
            Self::List => "[]interface {}",
            Self::Named(name) => name,
        }
    }

    /// Whether nil can stand for a value of the type.
    pub(crate) fn takes_nil(self) -> bool {
        matches!(self, Self::Any | Self::Strings | Self::List | Self::Named(_))
    }

    /// Whether a value may be passed as it is. Go's assignability: no conversion of numbers or named texts.
    pub(crate) fn accepts(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, _) | (Self::String, Value::String(_)) | (Self::Int, Value::Int(_)) => true,
            (Self::Float, Value::Float(_)) | (Self::Time, Value::Time(_)) | (Self::Duration, Value::Duration(_)) => {
                true
            }
            (Self::Strings | Self::List | Self::Named(_), Value::Nil) => true,
            (Self::Strings, Value::List(list)) => list.element == Element::String,
            (Self::List, Value::List(list)) => list.element == Element::Any,
            // a named slice type is assignable to the plain slice type it is made of
            (Self::Strings | Self::List, Value::Object(object)) => {
                object.base().is_some_and(|base| self.accepts(&base))
            }
            (Self::Named(name), value) => value.type_name() == name,
            _ => false,
        }
    }
}
