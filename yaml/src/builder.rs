//! The tree of one document, built from the parser's events.
//!
//! Nothing here recurses: nesting and the number of values, copies through aliases included, are
//! bounded, so hostile input is refused before it costs time or memory.

use std::collections::HashMap;

use model::source::{Diagnostic, Diagnostics, SourceFile, Span};
use serde_yaml::granit_parser::{self as events, Event, ScalarStyle, Tag};
use smol_str::SmolStr;

use crate::entries::Entries;
use crate::node::{Kind, Node, Scalar};
use crate::reindent::Reindented;
use crate::scalar;

/// How deep lists and mappings may nest, seen through aliases.
pub(crate) const MAX_DEPTH: usize = 255;

/// How many values a file may hold, counting what aliases repeat; a long text counts as several.
pub(crate) const MAX_VALUES: usize = 1_000_000;

/// A text counts as one value more for each so many bytes.
const BYTES_PER_VALUE: usize = 64;

/// Builds one document after the other.
pub(crate) struct Builder<'a> {
    file: &'a SourceFile,
    text: &'a Reindented<'a>,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchored>,
    values: usize,
    last_end: u32,
    mistakes: Diagnostics,
}

/// A list or mapping whose end has not come yet.
struct Open {
    start: Span,
    collection: Collection,
    anchor: usize,
    values_before: usize,
    height: usize,
}

enum Collection {
    Sequence(Vec<Node>),
    Mapping(Entries),
}

/// A finished node that aliases may name.
struct Anchored {
    node: Node,
    values: usize,
    height: usize,
}

impl<'a> Builder<'a> {
    /// A builder for the events of `text`, whose diagnostics point into `file`.
    pub(crate) fn new(file: &'a SourceFile, text: &'a Reindented<'a>) -> Builder<'a> {
        let (open, root, anchors, mistakes) = Default::default();
        Builder { file, text, open, root, anchors, values: 0, last_end: 0, mistakes }
    }

    /// Takes one event of a document.
    ///
    /// # Errors
    /// A reason to give up the file: it nests too deep or holds too many values.
    pub(crate) fn event(&mut self, event: Event<'_>, at: &events::Span) -> Result<(), Diagnostic> {
        let span = self.original(at);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let values_before = self.values;
                self.values += 1 + text.len() / BYTES_PER_VALUE;
                let node = self.scalar(&text, style, tag.as_deref(), span);
                self.last_end = self.last_end.max(node.span.end);
                self.complete(node, anchor, values_before, 0)
            }
            Event::SequenceStart(_, anchor, _) => self.open(Collection::Sequence(Vec::new()), anchor, span),
            Event::MappingStart(_, anchor, _) => self.open(Collection::Mapping(Entries::default()), anchor, span),
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::UnresolvedAlias(name) => {
                self.last_end = span.end;
                let unknown = Diagnostic::error(self.file, span, format!("nothing is named {:?} before this", name));
                self.mistakes.push(unknown.hint(format!("name it with &{name}, or quote the value if it is a text")));
                self.place(Node::null(span), 0);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The finished document, and room for the next one. Null if it had no content.
    pub(crate) fn finish_document(&mut self) -> Option<Node> {
        self.abandon_document();
        self.root.take()
    }

    /// Forgets what a syntax error left unfinished.
    pub(crate) fn abandon_document(&mut self) {
        self.open.clear();
        self.anchors.clear();
    }

    /// The mistakes that did not keep the tree from being built.
    pub(crate) fn into_mistakes(self) -> Diagnostics {
        self.mistakes
    }

    fn original(&self, at: &events::Span) -> Span {
        let offset = |marker: &events::Marker| self.text.original(marker.byte_offset().unwrap_or_default());
        Span::new(offset(&at.start), offset(&at.end))
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
        let span = match style {
            ScalarStyle::Literal | ScalarStyle::Folded => self.block_scalar_span(span),
            _ => span,
        };
        // the parser writes `~` where nothing is written
        let text = if style == ScalarStyle::Plain && span.is_empty() { "" } else { text };
        let plain = match tag.and_then(Tag::core_suffix) {
            Some("null") => return Node::null(span),
            Some("bool" | "int" | "float" | "merge") => true,
            _ => style == ScalarStyle::Plain && tag.is_none(),
        };
        if plain && scalar::is_null(text) {
            return Node::null(span);
        }
        Node { span, kind: Kind::Scalar(Scalar { text: SmolStr::new(text), plain }) }
    }

    /// The parser gives a block scalar's content; this gives it from its `|` or `>` to its last text.
    fn block_scalar_span(&self, content: Span) -> Span {
        let before = Span { start: self.last_end.min(content.start), end: content.start };
        let gap = self.file.slice(before);
        let lines = gap.split_inclusive('\n').scan(0, |start, line| {
            let from = *start;
            *start += line.len();
            Some((from, line))
        });
        let header = lines.filter_map(|(from, line)| Some(from + header_in(line)?)).last();
        let start = header.map_or(content.start as usize, |at| before.start as usize + at);
        let end = content.start as usize + self.file.slice(content).trim_end().len();
        Span::new(start, end.max(start + usize::from(header.is_some())))
    }

    fn open(&mut self, collection: Collection, anchor: usize, start: Span) -> Result<(), Diagnostic> {
        self.check_depth(1, start)?;
        let values_before = self.values;
        self.values += 1;
        self.last_end = self.last_end.max(start.end);
        self.open.push(Open { start, collection, anchor, values_before, height: 0 });
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Diagnostic> {
        if !end.is_empty() {
            self.last_end = self.last_end.max(end.end);
        }
        let Some(open) = self.open.pop() else { return Ok(()) };
        let span = Span { start: open.start.start, end: self.last_end.max(open.start.end) };
        let kind = match open.collection {
            Collection::Sequence(items) => Kind::Sequence(items.into()),
            Collection::Mapping(entries) => {
                let (pairs, mistakes) = entries.finish(self.file);
                self.mistakes.extend(mistakes);
                Kind::Mapping(pairs.into())
            }
        };
        self.complete(Node { span, kind }, open.anchor, open.values_before, open.height + 1)
    }

    fn complete(&mut self, node: Node, anchor: usize, before: usize, height: usize) -> Result<(), Diagnostic> {
        self.check_values(node.span)?;
        if anchor != 0 {
            let values = self.values - before;
            self.anchors.insert(anchor, Anchored { node: node.clone(), values, height });
        }
        self.place(node, height);
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Diagnostic> {
        self.last_end = span.end;
        let Some(Anchored { node, values, height }) = self.anchors.get(&anchor) else {
            self.mistakes.push(Diagnostic::error(self.file, span, "a value cannot contain itself"));
            self.place(Node::null(span), 0);
            return Ok(());
        };
        let (node, values, height) = (node.clone(), *values, *height);
        self.check_depth(height, span)?;
        self.values = self.values.saturating_add(values);
        self.check_values(span)?;
        self.place(node, height);
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, node: Node, height: usize) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        open.height = open.height.max(height);
        match &mut open.collection {
            Collection::Sequence(items) => items.push(node),
            Collection::Mapping(entries) => self.mistakes.extend(entries.place(node, self.file)),
        }
    }

    fn check_depth(&self, more: usize, span: Span) -> Result<(), Diagnostic> {
        if self.open.len() + more <= MAX_DEPTH {
            return Ok(());
        }
        Err(Diagnostic::error(self.file, span, format!("values nest deeper than {MAX_DEPTH} levels here")))
    }

    fn check_values(&self, span: Span) -> Result<(), Diagnostic> {
        if self.values <= MAX_VALUES {
            return Ok(());
        }
        let message = format!("the file holds more than {MAX_VALUES} values, counting what aliases repeat");
        Err(Diagnostic::error(self.file, span, message).hint("split the file"))
    }
}

/// Where the `|` or `>` of a block scalar stands in the line that introduces it.
fn header_in(line: &str) -> Option<usize> {
    line.match_indices(['|', '>']).map(|(at, _)| at).find(|at| {
        let rest = line.get(at + 1..).unwrap_or_default();
        let rest = rest.trim_start_matches(|c: char| matches!(c, '+' | '-') || c.is_ascii_digit());
        rest.trim().is_empty() || rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#')
    })
}
