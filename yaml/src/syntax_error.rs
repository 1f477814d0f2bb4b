//! Syntax errors in words that help: what the parser met, and how it is usually mended.

use model::source::{Diagnostic, SourceFile, Span};
use serde_yaml::granit_parser::{ErrorKind, ScanError};

use crate::reindent::Reindented;

/// The diagnostic for a syntax error of the parser.
pub(crate) fn describe(error: &ScanError, file: &SourceFile, text: &Reindented<'_>) -> Diagnostic {
    let offset = text.original(error.marker().byte_offset().unwrap_or_default());
    let next = file.text().get(offset..).and_then(|rest| rest.chars().next());
    let span = Span::new(offset, offset + next.filter(|c| !c.is_whitespace()).map_or(0, char::len_utf8));
    let line = file.line(file.position(span.start).line);
    let (message, usual_hint) = in_words(error.kind(), line);
    let hint = unclosed_quote(error.kind(), file, text)
        .or_else(|| unquoted_template(line))
        .or_else(|| usual_hint.map(str::to_owned));
    let diagnostic = Diagnostic::error(file, span, message);
    match hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}

const SPACES: &str = "indent with spaces";
const ALIGN: &str = "align this line with the ones it belongs to";
const QUOTE: &str = "quote the value";

fn in_words(kind: &ErrorKind, line: &str) -> (String, Option<&'static str>) {
    let (message, hint) = match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::InvalidBlockEntryWhitespace
        | ErrorKind::InvalidMappingValueWhitespace => ("a tab cannot be used for indentation", Some(SPACES)),
        ErrorKind::TabInPlainScalar => ("a tab cannot be used here", Some("use spaces, or quote the value")),
        ErrorKind::UnclosedQuotedScalar => ("this quote is never closed", Some("add the closing quote")),
        ErrorKind::DocumentIndicatorInQuotedScalar => {
            ("the document ends inside a quoted text", Some("close the quote"))
        }
        ErrorKind::InvalidQuotedScalarIndent => {
            ("a quoted text continues on this line", Some("close the quote before, or indent the line"))
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar => {
            ("unexpected text after the closing quote", Some("write '' for a ' inside single quotes"))
        }
        ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            ("unexpected text after the closing quote", Some("write \\\" for a \" inside double quotes"))
        }
        ErrorKind::UnknownQuotedScalarEscape => {
            ("unknown escape in a double-quoted text", Some("double the backslash, or use single quotes"))
        }
        ErrorKind::MappingValueNotAllowed => ("a key and value cannot stand here", Some(mapping_value_hint(line))),
        ErrorKind::ExpectedBlockMappingKey => ("expected a key of the mapping here", Some(ALIGN)),
        ErrorKind::ExpectedBlockSequenceEntry => ("expected another item of the list here", Some(ALIGN)),
        ErrorKind::BlockSequenceEntryNotAllowed => ("a list item cannot stand here", Some(ALIGN)),
        ErrorKind::ExpectedDocumentStart => ("this line does not belong to the document above it", Some(ALIGN)),
        ErrorKind::InvalidIndentation | ErrorKind::InvalidFlowScalarIndent => ("wrong indentation", Some(ALIGN)),
        ErrorKind::InvalidBlockScalarIndent => {
            ("this line of the block text is indented less than its first", Some(ALIGN))
        }
        ErrorKind::InvalidBlockScalarHeader => {
            ("a block text starts on the line after its | or >", Some("move the text to the next line, or quote it"))
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            ("expected a colon after the key", Some("write the key and its colon on one line"))
        }
        ErrorKind::ExpectedFlowMappingSeparator => ("expected , or } here", None),
        ErrorKind::ExpectedFlowSequenceSeparator => ("expected , or ] here", None),
        ErrorKind::InvalidColonPlacement => ("unexpected colon", Some("close the bracket before, or quote the value")),
        ErrorKind::MissingAnchorOrAliasName => ("a value cannot start with this character", Some(QUOTE)),
        ErrorKind::RecursionLimitExceeded => ("values nest too deep here", None),
        ErrorKind::BomInsideDocument => ("a byte-order mark can only start a file", Some("remove it")),
        _ => return in_words_with_characters(kind),
    };
    (message.to_owned(), hint)
}

/// Errors that name the character they met.
fn in_words_with_characters(kind: &ErrorKind) -> (String, Option<&'static str>) {
    match kind {
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => {
            (format!("the control character U+{:04X} cannot stand here", u32::from(*character)), Some("remove it"))
        }
        ErrorKind::UnexpectedCharacter { character } => (format!("a value cannot start with {character}"), Some(QUOTE)),
        ErrorKind::UnclosedFlowCollection { open } => (
            format!("this {open} is never closed"),
            Some("add the closing bracket, or quote the value if it is a text"),
        ),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            (format!("{open} cannot be closed with {close}"), None)
        }
        ErrorKind::MisplacedFlowCollectionEnd => ("unexpected closing bracket".to_owned(), Some(QUOTE)),
        other => (other.to_string(), None),
    }
}

/// `summary: disk: full` on one line wants quotes, a lone key wants its indentation checked.
fn mapping_value_hint(line: &str) -> &'static str {
    let pairs = line.matches(": ").count() + usize::from(line.trim_end().ends_with(':'));
    if pairs > 1 { "quote the value: it contains a colon" } else { ALIGN }
}

/// A template outside quotes at the start of a value, which YAML takes for a mapping.
fn unquoted_template(line: &str) -> Option<String> {
    let before = line.get(..line.find("{{")?)?.trim_end();
    let starts_value = before.ends_with(':') || before.ends_with('-');
    starts_value.then(|| "quote the value: YAML reads {{ }} outside quotes as a mapping".to_owned())
}

/// After lines had to be taken for parts of a quoted text, the quote is the likelier mistake.
fn unclosed_quote(kind: &ErrorKind, file: &SourceFile, text: &Reindented<'_>) -> Option<String> {
    let about_quotes = matches!(
        kind,
        ErrorKind::UnclosedQuotedScalar
            | ErrorKind::DocumentIndicatorInQuotedScalar
            | ErrorKind::InvalidQuotedScalarIndent
            | ErrorKind::InvalidTrailingSingleQuotedScalar
            | ErrorKind::InvalidTrailingDoubleQuotedScalar
            | ErrorKind::UnknownQuotedScalarEscape
    );
    let line = file.position(Span::at(text.first_line()?).start).line;
    about_quotes.then(|| format!("is a quote not closed before line {line}?"))
}
