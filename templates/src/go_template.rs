//! Go's `text/template`, as rule annotations and `alertmanager.yml` are written in it.
//!
//! A [`Template`] is parsed once and executed any number of times with a [`Render`]: data, variables, a [`Context`]
//! for functions that need the outside, and [`Limits`]. Output and error texts are Go's, byte for byte, with
//! `missingkey=zero` as Prometheus and Alertmanager set it. Nothing here does I/O: a function that needs the answer to
//! a query fails with [`FunctionFailure::NeedsQuery`], and the caller renders again once it has it.
//!
//! Differences from Go: texts are UTF-8 throughout, there are no complex numbers, and all integers are `int`.

mod error;
mod lexer;
mod limits;
mod node;
mod number;
mod parser;
mod quote;
mod token;

mod builtins;
mod compare;
mod duration;
mod exec;
mod format;
mod function;
mod html;
mod json;
mod pattern;
mod text_case;
mod time_format;
mod time_methods;
mod time_parse;
mod value;

pub mod notifier_data;
pub mod notifier_functions;
pub mod rule_functions;

mod template;

pub use error::{FunctionFailure, Position, TemplateError};
pub use function::{At, Call, Context, Function, Functions, Param, QueryAnswer, Signature};
pub use limits::Limits;
pub use template::{Escape, Render, Template, TemplateSet};
pub use time_methods::{at, zero_time};
pub use value::{Element, List, Map, Object, Safe, Value};

pub(crate) use template::Lookup;

#[cfg(test)]
mod tests;
