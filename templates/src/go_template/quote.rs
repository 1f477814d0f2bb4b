//! Quoted texts and characters as Go's templates have them.

use model::quote::{Unit, first_unit, unquote};
pub(crate) use model::quote::{is_printable, quote, quote_with};

/// A character as Go's `%#U` shows it: `U+0040 '@'`.
pub(crate) fn unicode(character: char) -> String {
    let number = u32::from(character);
    if is_printable(character) { format!("U+{number:04X} '{character}'") } else { format!("U+{number:04X}") }
}

/// Reads a text in double or back quotes, as the lexer found it. Invalid UTF-8 from `\xff` becomes U+FFFD.
pub(crate) fn unquoted(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        return Some(raw.replace('\r', ""));
    }
    let bytes = unquote(literal).ok()?;
    Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Reads a character constant, `'a'` or `'\n'`.
pub(crate) fn character(literal: &str) -> Option<i64> {
    let body = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    let (unit, after) = first_unit(body, '\'').ok()?;
    after.is_empty().then_some(match unit {
        Unit::Byte(byte) => i64::from(byte),
        Unit::Char(c) => i64::from(u32::from(c)),
    })
}
