//! Files, positions in them, and every mistake found in a file at once.
//!
//! A reader of configuration keeps the [`Span`] of each value it decodes ([`Spanned`]), so a check
//! made much later still points at the right place. Mistakes are collected in [`Diagnostics`];
//! the message says what is wrong, the hint says how to mend it:
//!
//! ```text
//! rules.yml:7:15: error: unknown field "annotation" in a rule
//!   7 |       annotation: {a: b}
//!     |       ^^^^^^^^^^ did you mean "annotations"?
//! ```

mod excerpt;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use excerpt::Excerpt;
pub use excerpt::shortened;

/// How many diagnostics are printed before "and N more".
const SHOWN_DIAGNOSTICS: usize = 100;

/// How many diagnostics are kept; later ones are only counted.
const KEPT_DIAGNOSTICS: usize = 1_000;

/// A range of a file: byte offsets, the end excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes from `start` to before `end`; an end before the start gives an empty span.
    pub fn new(start: usize, end: usize) -> Span {
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        let end = u32::try_from(end).unwrap_or(u32::MAX);
        Span { start, end: end.max(start) }
    }

    /// The empty span at an offset.
    pub fn at(offset: usize) -> Span {
        Span::new(offset, offset)
    }

    /// The bytes as a range, for slicing.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether the span covers no byte.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// A value and where it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands in its file.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value found at `span`.
    pub fn new(value: T, span: Span) -> Spanned<T> {
        Spanned { value, span }
    }

    /// Another value made of this one, at the same place.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: f(self.value), span: self.span }
    }

    /// The same place with a borrowed value.
    pub fn as_ref(&self) -> Spanned<&T> {
        Spanned { value: &self.value, span: self.span }
    }
}

/// A line and a column, both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1. A byte-order mark does not count.
    pub column: u32,
}

/// A named text. Clones share it.
#[derive(Clone)]
pub struct SourceFile(Arc<FileText>);

struct FileText {
    name: String,
    text: String,
    line_starts: Vec<u32>,
}

impl SourceFile {
    /// A file under the name that messages show, usually its path.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> SourceFile {
        let text = text.into();
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(at, _)| Span::at(at + 1).start)).collect();
        SourceFile(Arc::new(FileText { name: name.into(), text, line_starts }))
    }

    /// A file of raw bytes, which must be UTF-8; the diagnostic names the first byte that is not.
    ///
    /// # Errors
    /// Bytes that are not UTF-8.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<SourceFile, Diagnostics> {
        let name = name.into();
        String::from_utf8(bytes).map(|text| SourceFile::new(name.clone(), text)).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let file = SourceFile::new(name, String::from_utf8_lossy(error.as_bytes()));
            let message = "the file is not valid UTF-8";
            Diagnostics::from(Diagnostic::error(&file, Span::at(valid), message).hint("save it as UTF-8"))
        })
    }

    /// The name that messages show.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The text a span covers; empty if the span does not fit the text.
    pub fn slice(&self, span: Span) -> &str {
        self.0.text.get(span.range()).unwrap_or_default()
    }

    /// Line and column of a byte offset; an offset behind the end is at the end.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.0.line_starts.partition_point(|start| *start <= offset).max(1);
        let before = self.text_before(self.line_start(line), offset);
        let column = before.trim_start_matches('\u{feff}').chars().count() + 1;
        Position { line: count(line), column: count(column) }
    }

    /// The text of a line counted from 1, without its line break; empty if there is no such line.
    pub fn line(&self, line: u32) -> &str {
        let start = self.line_start(line as usize) as usize;
        let rest = self.0.text.get(start..).unwrap_or_default();
        rest.split('\n').next().unwrap_or_default().trim_end_matches('\r')
    }

    fn line_start(&self, line: usize) -> u32 {
        self.0.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(u32::MAX)
    }

    /// The text from a line's start to an offset; an offset inside a character counts as before it.
    fn text_before(&self, start: u32, offset: u32) -> &str {
        let text = self.text();
        let end = text.floor_char_boundary(offset as usize).max(start as usize);
        text.get(start as usize..end).unwrap_or_default()
    }
}

/// Files are the same when they share their text or have the same name and text.
impl PartialEq for SourceFile {
    fn eq(&self, other: &SourceFile) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.name() == other.name() && self.text() == other.text())
    }
}

impl Eq for SourceFile {}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({:?}, {} bytes)", self.name(), self.text().len())
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Whether a file can be used in spite of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but probably does not do what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// One mistake in a file: what is wrong, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file it is in.
    pub file: SourceFile,
    /// The place; `None` if it concerns the file as a whole.
    pub span: Option<Span>,
    /// Whether the file can be used all the same.
    pub severity: Severity,
    /// What is wrong: lower case, one line, no full stop.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    excerpt: bool,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(file: &SourceFile, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(file, Some(span), Severity::Error, message.into())
    }

    /// A warning at a place.
    pub fn warning(file: &SourceFile, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(file, Some(span), Severity::Warning, message.into())
    }

    /// An error of the whole file.
    pub fn whole_file(file: &SourceFile, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(file, None, Severity::Error, message.into())
    }

    fn new(file: &SourceFile, span: Option<Span>, severity: Severity, message: String) -> Diagnostic {
        Diagnostic { file: file.clone(), span, severity, message, hint: None, excerpt: true }
    }

    /// Says how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// Never prints the file's text: for places that hold a secret.
    #[must_use]
    pub fn without_excerpt(mut self) -> Diagnostic {
        self.excerpt = false;
        self
    }

    /// The line, from 1; `None` if it concerns the file as a whole.
    pub fn line(&self) -> Option<u32> {
        self.position().map(|position| position.line)
    }

    /// The column in characters, from 1; `None` if it concerns the file as a whole.
    pub fn column(&self) -> Option<u32> {
        self.position().map(|position| position.column)
    }

    fn position(&self) -> Option<Position> {
        self.span.map(|span| self.file.position(span.start))
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { file, severity, .. } = self;
        let (message, hint) = (shortened(&self.message), self.hint.as_deref().map(shortened));
        let Some((span, position)) = self.span.zip(self.position()) else {
            write!(f, "{}: {severity}: {message}", file.name())?;
            return hint.iter().try_for_each(|hint| write!(f, "\n  {hint}"));
        };
        let Position { line, column } = position;
        write!(f, "{}:{line}:{column}: {severity}: {message}", file.name())?;
        if !self.excerpt {
            return hint.iter().try_for_each(|hint| write!(f, "\n  {hint}"));
        }
        let excerpt = Excerpt::of(file.line(line), column, file.slice(span));
        let gutter = " ".repeat(line.to_string().len());
        let (before, carets) = (" ".repeat(excerpt.before), "^".repeat(excerpt.marked));
        write!(f, "\n  {line} | {}\n  {gutter} | {before}{carets}", excerpt.text)?;
        hint.iter().try_for_each(|hint| write!(f, " {hint}"))
    }
}

/// Every mistake found so far: files in the order they came up, each file from top to bottom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    omitted: usize,
    omitted_errors: usize,
}

impl Diagnostics {
    /// No mistakes yet.
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// Adds one at its place. One that is there already (an alias decoded twice) is not repeated.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let of_file = self.kept.iter().rposition(|kept| kept.file == diagnostic.file);
        let mut at = of_file.map_or(self.kept.len(), |last| last + 1);
        while let Some(kept) = at.checked_sub(1).and_then(|before| self.kept.get(before)) {
            if *kept == diagnostic {
                return;
            }
            if kept.file != diagnostic.file || kept.span <= diagnostic.span {
                break;
            }
            at -= 1;
        }
        if self.kept.len() < KEPT_DIAGNOSTICS {
            self.kept.insert(at, diagnostic);
        } else {
            self.omitted += 1;
            self.omitted_errors += usize::from(diagnostic.severity == Severity::Error);
        }
    }

    /// Takes over another collection.
    pub fn append(&mut self, other: Diagnostics) {
        other.kept.into_iter().for_each(|diagnostic| self.push(diagnostic));
        self.omitted += other.omitted;
        self.omitted_errors += other.omitted_errors;
    }

    /// Those kept, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.kept.iter()
    }

    /// How many there are, with those only counted.
    pub fn len(&self) -> usize {
        self.kept.len() + self.omitted
    }

    /// Whether there is none, not even a warning.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.omitted_errors > 0 || self.kept.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The value together with the warnings, if there was no error.
    ///
    /// # Errors
    /// All of them, warnings too, if one is an error.
    pub fn into_result<T>(self, value: T) -> Result<(T, Diagnostics), Diagnostics> {
        if self.has_errors() { Err(self) } else { Ok((value, self)) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Diagnostics {
        Diagnostics { kept: vec![diagnostic], ..Diagnostics::default() }
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, iter: I) {
        iter.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.kept.iter().take(SHOWN_DIAGNOSTICS).enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{diagnostic}")?;
        }
        match self.len().saturating_sub(SHOWN_DIAGNOSTICS) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Diagnostics {}
