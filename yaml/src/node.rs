//! The tree: a null, a scalar, a list or a mapping, each with its place in the file.

use std::sync::Arc;

use model::source::{SourceFile, Span, Spanned};
use smol_str::SmolStr;

use crate::scalar_position::position_in_scalar;

/// A value and its place. Clones share what they contain.
///
/// Aliases are resolved: a node reached through `*name` has the place where `&name` was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// From the first to the last character, quotes and brackets included. A block scalar starts at
    /// its `|` or `>`, a block list or mapping at its first item.
    pub span: Span,
    /// The value itself.
    pub kind: Kind,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, `~` or `null`, without quotes.
    Null,
    /// A text, a number, a truth value: YAML leaves it to the reader.
    Scalar(Scalar),
    /// A list.
    Sequence(Arc<[Node]>),
    /// Pairs in the order of the file, pairs merged by `<<` last. No key occurs twice.
    Mapping(Arc<[(Key, Node)]>),
}

/// A scalar as written, after quotes, escapes and folding are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The text; never reformatted, so `1.10` and `0x1F` are kept as they are.
    pub text: SmolStr,
    /// Whether it may be read as a number or truth value: written without quotes, or tagged so.
    pub plain: bool,
}

/// The key of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it stands.
    pub span: Span,
    /// Its text.
    pub text: SmolStr,
}

impl Node {
    /// A node that holds nothing.
    pub fn null(span: Span) -> Node {
        Node { span, kind: Kind::Null }
    }

    /// Whether it holds nothing.
    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    /// The text of a scalar.
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a mapping.
    pub fn as_mapping(&self) -> Option<&[(Key, Node)]> {
        match &self.kind {
            Kind::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.iter().find(|(candidate, _)| candidate.text == key).map(|(_, value)| value)
    }

    /// Where a byte of a scalar's text stands in the file; see [`position_in_scalar`].
    pub fn position_in_scalar(&self, file: &SourceFile, offset: usize) -> Span {
        position_in_scalar(file, &Spanned::new(self.as_text().unwrap_or_default(), self.span), offset)
    }

    /// What a message calls this value: `nothing`, `a list`, `a mapping`, or the beginning of the text.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Sequence(_) => "a list".to_owned(),
            Kind::Mapping(_) => "a mapping".to_owned(),
            Kind::Scalar(scalar) => shortened(&scalar.text),
        }
    }
}

/// A text in quotes, cut after 40 characters.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
