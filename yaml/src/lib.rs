//! YAML as a tree with positions, and a decoder that reports every mistake of a file at once.
//!
//! A [`SourceFile`] is parsed into [`Node`]s ([`parse_first`], [`parse_all`]), or straight from a
//! [`Decoder`], which then reads them field by field:
//!
//! ```
//! use yaml::{Decoder, Node, SourceFile};
//!
//! struct Rule { alert: String, severity: String }
//!
//! fn decode_rule(node: &Node, decoder: &Decoder) -> Option<Rule> {
//!     let mut fields = decoder.mapping(node, "a rule")?;
//!     let alert = fields.required("alert").string();
//!     let severity = fields.optional("severity").string();
//!     fields.finish();
//!     Some(Rule { alert: alert?.value, severity: severity.map_or("page".into(), |severity| severity.value) })
//! }
//!
//! let file = SourceFile::new("rule.yml", "alert: Down\nseverity: 1\n");
//! let decoder = Decoder::new(&file);
//! let rule = decoder.first_document().and_then(|root| decode_rule(&root, &decoder));
//! let (rule, warnings) = decoder.finish(rule).expect("the file is right");
//! assert_eq!((rule.alert.as_str(), rule.severity.as_str()), ("Down", "1"));
//! assert!(warnings.is_empty());
//! ```
//!
//! Values are read as Go's YAML libraries read them into typed fields, which is what Prometheus and
//! Alertmanager do: `1.10`, `007` and `yes` keep their text in a string, `017` is fifteen in a number,
//! `<<` merges mappings, and a field without a value counts as left out.
//!
//! This is the only crate that names the YAML library. It works on the library's stream of events
//! rather than through serde, because only the events tell plain from quoted scalars, give every key
//! a place, and let a file with one mistake be read to its end.

mod builder;
mod decoder;
mod emit;
mod entries;
mod field;
mod node;
mod parse;
mod reindent;
mod scalar;
mod scalar_position;
mod suggestion;
mod syntax_error;

pub use decoder::{Decoder, Report};
pub use emit::emit;
pub use field::{Field, Fields};
pub use model::source::{Diagnostic, Diagnostics, Severity, SourceFile, Span, Spanned};
pub use node::{Key, Kind, Node, Scalar};
pub use parse::{Parsed, parse_all, parse_first};
pub use scalar_position::position_in_scalar;
