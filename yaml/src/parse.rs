//! From a file to trees: which documents it holds, and what is wrong with its syntax.

use model::source::{Diagnostic, Diagnostics, SourceFile, Span};
use serde_yaml::granit_parser::{self as events, ErrorKind, Event, Parser, ScanError, StrInput};

use crate::builder::Builder;
use crate::node::Node;
use crate::reindent::Reindented;
use crate::syntax_error;

/// The longest file that is read.
const MAX_BYTES: usize = 32 << 20;

/// The documents of a file that could be read, and every mistake found on the way.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The documents, without empty ones. One with a syntax error is missing, one with a mistake that
    /// leaves its structure clear, such as a duplicate key, is here.
    pub documents: Vec<Node>,
    /// What is wrong.
    pub diagnostics: Diagnostics,
}

/// Reads the first document of a file, as Prometheus and Alertmanager do; a further one is warned
/// about and not read. An empty file is one null.
///
/// # Errors
/// Every mistake found; among them a syntax error, or else duplicate keys and the like.
pub fn parse_first(file: &SourceFile) -> Result<(Node, Diagnostics), Diagnostics> {
    let (root, diagnostics) = first_document(file);
    diagnostics.into_result(root.unwrap_or_else(|| Node::null(Span::default())))
}

/// The first document, even if it has mistakes that leave its structure clear.
pub(crate) fn first_document(file: &SourceFile) -> (Option<Node>, Diagnostics) {
    let Parsed { documents, diagnostics } = parse(file, Wanted::First);
    (documents.into_iter().next(), diagnostics)
}

/// Reads all documents of a file. A syntax error costs one document, not those after it.
pub fn parse_all(file: &SourceFile) -> Parsed {
    parse(file, Wanted::All)
}

#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    First,
    All,
}

fn parse(file: &SourceFile, wanted: Wanted) -> Parsed {
    if file.text().len() > MAX_BYTES {
        let message = format!("the file is longer than {} MiB", MAX_BYTES >> 20);
        return Parsed { documents: Vec::new(), diagnostics: Diagnostic::whole_file(file, message).into() };
    }
    let mut text = Reindented::new(file.text());
    let mut indent = true;
    loop {
        match Reader::new(file, &text, indent).read(wanted) {
            Ok(parsed) => return parsed,
            Err(TooLittleIndented { at }) => indent = text.indent_line_at(at),
        }
    }
}

/// A quoted scalar continues on a line that is indented too little.
struct TooLittleIndented {
    at: usize,
}

/// One pass over the text.
struct Reader<'a> {
    file: &'a SourceFile,
    text: &'a Reindented<'a>,
    indent: bool,
    parser: Parser<'a, StrInput<'a>>,
    builder: Builder<'a>,
    parsed: Parsed,
}

impl<'a> Reader<'a> {
    /// With `indent`, a line that is indented too little ends the pass rather than being a mistake.
    fn new(file: &'a SourceFile, text: &'a Reindented<'a>, indent: bool) -> Reader<'a> {
        let options = events::options! { emit_comments: false, emit_unresolved_aliases: true };
        let parser = Parser::new_from_str_with_options(text.text(), options);
        Reader { file, text, indent, parser, builder: Builder::new(file, text), parsed: Parsed::default() }
    }

    fn read(mut self, wanted: Wanted) -> Result<Parsed, TooLittleIndented> {
        while let Some(next) = self.parser.next_event() {
            match next {
                Ok((Event::DocumentEnd, _)) => {
                    let root = self.builder.finish_document();
                    let empty = root.as_ref().is_none_or(|root| root.is_null());
                    if wanted == Wanted::First {
                        self.parsed.documents.extend(root);
                        self.look_further()?;
                        break;
                    }
                    self.parsed.documents.extend(root.filter(|_| !empty));
                }
                Ok((event, at)) => {
                    if let Err(refusal) = self.builder.event(event, &at) {
                        self.parsed.diagnostics.push(refusal);
                        break;
                    }
                }
                Err(error) => {
                    self.syntax_error(&error)?;
                    self.builder.abandon_document();
                    if wanted == Wanted::First || !self.parser.proceed_next_document().unwrap_or(false) {
                        break;
                    }
                }
            }
        }
        if wanted == Wanted::First && self.parsed.documents.is_empty() && self.parsed.diagnostics.is_empty() {
            self.parsed.documents.push(Node::null(Span::default()));
        }
        self.parsed.diagnostics.append(self.builder.into_mistakes());
        Ok(self.parsed)
    }

    /// Warns if a document with content follows the first one.
    fn look_further(&mut self) -> Result<(), TooLittleIndented> {
        let mut start = Span::default();
        while let Some(next) = self.parser.next_event() {
            match next {
                Ok((Event::DocumentStart(..), at)) => start = self.span(&at),
                Ok((Event::DocumentEnd | Event::StreamEnd, _)) => {}
                Ok((Event::Scalar(..), at)) if at.byte_range().is_none_or(|range| range.is_empty()) => {}
                Ok(_) => {
                    let further = Diagnostic::warning(self.file, start, "only the first document of this file is read");
                    self.parsed.diagnostics.push(further.hint("put the others into files of their own"));
                    return Ok(());
                }
                Err(error) => return self.syntax_error(&error),
            }
        }
        Ok(())
    }

    fn syntax_error(&mut self, error: &ScanError) -> Result<(), TooLittleIndented> {
        if self.indent && *error.kind() == ErrorKind::InvalidQuotedScalarIndent {
            return Err(TooLittleIndented { at: error.marker().byte_offset().unwrap_or_default() });
        }
        self.parsed.diagnostics.push(syntax_error::describe(error, self.file, self.text));
        Ok(())
    }

    fn span(&self, at: &events::Span) -> Span {
        let range = at.byte_range().unwrap_or_default();
        Span::new(self.text.original(range.start), self.text.original(range.end))
    }
}
