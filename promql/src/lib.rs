//! PromQL: text to a typed tree with positions, and back to canonical text.
//!
//! The language is that of Prometheus 3.14; messages are worded as its parser words them.
//!
//! | module | what |
//! |---|---|
//! | [`ast`] | the tree: one type per kind of expression |
//! | [`operator`] | binary and aggregation operators |
//! | [`functions`] | the table of functions: arguments, result, whether experimental |
//! | [`matcher`] | label matchers, those of `model`, as selectors write them |
//! | [`selector`] | every selector of a tree, for dependency analysis and lints |
//! | [`result_labels`], [`matching`] | which labels a result can have, sides of an operator that never meet: for lints |
//! | [`eval`] | expressions over series in memory |
//! | [`series_file`], [`test_language`] | such series, and scripts, as text |
//! | `lexer`, `token` | text to tokens |
//! | `parser` | tokens to a tree, a family of productions per file |
//! | `check` | types, argument counts, vector matching |
//! | `print` | the tree as `Expr::to_string()` |
//! | `number`, `duration`, `quote` | literals to values and back |
//! | [`error`], [`span`] | what is wrong, and where |

pub mod ast;
mod check;
mod duration;
pub mod error;
pub mod eval;
pub mod functions;
pub mod histogram;
mod lexer;
pub mod matcher;
pub mod matching;
mod number;
pub mod operator;
mod parser;
mod print;
mod quote;
pub mod result_labels;
pub mod selector;
pub mod series_file;
pub mod span;
pub mod test_language;
mod token;

pub use ast::{Expr, ValueType};
pub use error::ParseError;
pub use number::format_number;
pub use quote::quote;
pub use span::{Position, Span};

/// Longest accepted expression text.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// Deepest accepted nesting of parentheses, calls, signs and `^`. Bounds the stack while parsing.
pub const MAX_NESTING: usize = 128;

/// Highest accepted tree; a chain of n left-associative operators is a tree n high. Bounds the stack of everything
/// that walks a tree.
pub const MAX_TREE_HEIGHT: usize = 512;

/// Which experimental parts of the language are accepted. The default is Prometheus 3.14's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Functions marked experimental, and the aggregations `limitk` and `limit_ratio`.
    pub experimental_functions: bool,
    /// Arithmetic where a duration is expected: `foo[5m * 2]`, `offset step()`. On by default since 3.14.
    pub duration_expressions: bool,
    /// `anchored` and `smoothed` selectors.
    pub extended_range_selectors: bool,
    /// `fill`, `fill_left` and `fill_right` behind a binary operator.
    pub fill_modifiers: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            experimental_functions: false,
            duration_expressions: true,
            extended_range_selectors: false,
            fill_modifiers: false,
        }
    }
}

impl Options {
    /// Everything the language has.
    pub fn all() -> Options {
        Options {
            experimental_functions: true,
            duration_expressions: true,
            extended_range_selectors: true,
            fill_modifiers: true,
        }
    }
}

/// Parses and checks one expression with the default [`Options`].
///
/// # Errors
/// Never empty. Either what is wrong with the syntax, up to the point where reading on makes no sense, or, when the
/// syntax is right, every type error. The first one is the one Prometheus shows.
pub fn parse(text: &str) -> Result<Expr, Vec<ParseError>> {
    parse_with(text, Options::default())
}

/// Parses and checks one expression.
///
/// # Errors
/// As [`parse`].
pub fn parse_with(text: &str, options: Options) -> Result<Expr, Vec<ParseError>> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("expression is {} bytes long, at most {MAX_TEXT_BYTES} are allowed", text.len());
        return Err(vec![ParseError { span: Span { start: 0, end: 0 }, message }]);
    }
    let mut expr = parser::parse(text, options)?;
    let errors = check::check(&mut expr);
    if errors.is_empty() { Ok(expr) } else { Err(errors) }
}
