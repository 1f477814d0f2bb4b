//! Reading trees into types, collecting mistakes rather than stopping at the first.

use std::cell::RefCell;

use model::source::{Diagnostic, Diagnostics, SourceFile, Span, Spanned};

use crate::field::{Field, Fields};
use crate::node::Node;
use crate::parse;
use crate::scalar_position::position_in_scalar;

/// Reads one file and collects what is wrong with it.
///
/// Every reader gives `None` after it has reported a mistake, so a decoding function asks for all
/// fields first, calls [`Fields::finish`], and only then uses `?`: all mistakes are found, and no check
/// runs on a value that is not there. Methods take `&self`, so a decoder can be used while the fields of
/// a mapping are being read.
#[derive(Debug)]
pub struct Decoder {
    file: SourceFile,
    diagnostics: RefCell<Diagnostics>,
}

impl Decoder {
    /// A decoder for a file, with nothing read yet.
    pub fn new(file: &SourceFile) -> Decoder {
        Decoder { file: file.clone(), diagnostics: RefCell::default() }
    }

    /// The file.
    pub fn file(&self) -> &SourceFile {
        &self.file
    }

    /// Parses the file and gives its first document, null if the file is empty; `None` after a syntax
    /// error. A further document is warned about.
    pub fn first_document(&self) -> Option<Node> {
        let (root, diagnostics) = parse::first_document(&self.file);
        self.diagnostics.borrow_mut().append(diagnostics);
        root
    }

    /// Parses the file and gives its documents but for empty ones and those with a syntax error.
    pub fn documents(&self) -> Vec<Node> {
        let parsed = parse::parse_all(&self.file);
        self.diagnostics.borrow_mut().append(parsed.diagnostics);
        parsed.documents
    }

    /// The fields of a mapping; reports anything else. `what` names the thing with its article, as in
    /// `unknown field "x" in a rule group`.
    pub fn mapping<'a>(&'a self, node: &'a Node, what: &'static str) -> Option<Fields<'a>> {
        if let Some(entries) = node.as_mapping() {
            return Some(Fields::new(self, node.span, entries, what));
        }
        self.error(node.span, format!("expected {what}, which is a mapping, found {}", node.describe()));
        None
    }

    /// A value that is not a field, such as an item of a list, to be read like one.
    pub fn value<'a>(&'a self, node: &'a Node) -> Field<'a> {
        Field::unnamed(self, node)
    }

    /// Reports an error; a hint can be added to what this gives.
    pub fn error(&self, span: Span, message: impl Into<String>) -> Report<'_> {
        self.report(Diagnostic::error(&self.file, span, message))
    }

    /// Reports an error at a byte of a scalar's text, such as a mistake in an expression.
    pub fn error_in<S: AsRef<str>>(
        &self,
        scalar: &Spanned<S>,
        offset: usize,
        message: impl Into<String>,
    ) -> Report<'_> {
        self.error(position_in_scalar(&self.file, scalar, offset), message)
    }

    /// Reports something that is probably not meant but can be used.
    pub fn warning(&self, span: Span, message: impl Into<String>) -> Report<'_> {
        self.report(Diagnostic::warning(&self.file, span, message))
    }

    /// Reports a finished diagnostic, perhaps of another file.
    pub fn report(&self, diagnostic: Diagnostic) -> Report<'_> {
        Report { decoder: self, diagnostic: Some(diagnostic) }
    }

    /// Takes over what was found elsewhere, such as in a file this one names.
    pub fn append(&self, diagnostics: Diagnostics) {
        self.diagnostics.borrow_mut().append(diagnostics);
    }

    /// Whether an error was reported.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.borrow().has_errors()
    }

    /// What was reported, without a value.
    pub fn into_diagnostics(self) -> Diagnostics {
        self.diagnostics.into_inner()
    }

    /// The value and the warnings.
    ///
    /// # Errors
    /// Everything that was reported, if an error is among it or there is no value.
    pub fn finish<T>(self, value: Option<T>) -> Result<(T, Diagnostics), Diagnostics> {
        if value.is_none() && !self.has_errors() {
            let _pushed = self.report(Diagnostic::whole_file(&self.file, "the file has no usable content"));
        }
        let diagnostics = self.diagnostics.into_inner();
        match value {
            Some(value) => diagnostics.into_result(value),
            None => Err(diagnostics),
        }
    }
}

/// A diagnostic on its way to the decoder, which gets it when this is dropped.
#[derive(Debug)]
pub struct Report<'a> {
    decoder: &'a Decoder,
    diagnostic: Option<Diagnostic>,
}

impl Report<'_> {
    /// Says how to mend it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.take().map(|diagnostic| diagnostic.hint(hint));
        self
    }

    /// Does not show the file's text: for places that hold a secret.
    pub fn without_excerpt(mut self) -> Self {
        self.diagnostic = self.diagnostic.take().map(Diagnostic::without_excerpt);
        self
    }
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        self.decoder.diagnostics.borrow_mut().extend(self.diagnostic.take());
    }
}
