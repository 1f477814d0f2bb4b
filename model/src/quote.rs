//! Text in quotes with the escapes of Go's `strconv`, both ways.

use std::fmt::{self, Write};

/// A text as Go's `strconv.Quote` writes it: printable characters kept, quotes and all others escaped.
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        write_escaped(f, self.0, '"', false)?;
        f.write_char('"')
    }
}

/// A text in double quotes, as [`Quoted`] shows it.
pub fn quote(text: &str) -> String {
    quote_with(text, '"', false)
}

/// A text between `delimiter`s, which are escaped inside; `ascii` escapes everything beyond ASCII too.
pub fn quote_with(text: &str, delimiter: char, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(delimiter);
    // Writing to a String cannot fail.
    let _ = write_escaped(&mut out, text, delimiter, ascii);
    out.push(delimiter);
    out
}

/// As [`quote`]; bytes that are not UTF-8 become `\xff`.
pub fn quote_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        // Writing to a String cannot fail.
        let _ = write_escaped(&mut out, chunk.valid(), '"', false);
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

fn write_escaped(out: &mut impl Write, text: &str, delimiter: char, ascii: bool) -> fmt::Result {
    let mut plain_from = 0;
    for (at, c) in text.char_indices() {
        let kept = c != delimiter && c != '\\' && is_printable(c) && (c.is_ascii() || !ascii);
        if !kept {
            out.write_str(text.get(plain_from..at).unwrap_or_default())?;
            write_escape(out, c, delimiter)?;
            plain_from = at + c.len_utf8();
        }
    }
    out.write_str(text.get(plain_from..).unwrap_or_default())
}

fn write_escape(out: &mut impl Write, c: char, delimiter: char) -> fmt::Result {
    match c {
        '\\' => out.write_str("\\\\"),
        '\x07' => out.write_str("\\a"),
        '\x08' => out.write_str("\\b"),
        '\x0c' => out.write_str("\\f"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\x0b' => out.write_str("\\v"),
        c if c == delimiter => write!(out, "\\{c}"),
        c if c.is_ascii() => write!(out, "\\x{:02x}", u32::from(c)),
        c if u32::from(c) < 0x1_0000 => write!(out, "\\u{:04x}", u32::from(c)),
        c => write!(out, "\\U{:08x}", u32::from(c)),
    }
}

/// Whether Go prints a character as it is: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // Rust's debug text escapes just the others, but for marks at the start of a text.
    let mut buffer = [b'x'; 5];
    let (_, behind) = buffer.split_at_mut(1);
    let length = 1 + c.encode_utf8(behind).len();
    let text = buffer.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    text.escape_debug().nth(1) == Some(c)
}

/// Why a literal cannot be read, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidLiteral {
    /// Byte offset in the literal.
    pub offset: usize,
    /// What is wrong.
    pub message: &'static str,
}

/// The bytes that a literal in double or single quotes stands for; escapes such as `\xff` can make them other than UTF-8.
///
/// # Errors
/// The quotes are missing, an escape is unknown, or a line break or the quote stands inside as it is.
pub fn unquote(literal: &str) -> Result<Vec<u8>, InvalidLiteral> {
    let delimiter = literal.chars().next().filter(|c| matches!(c, '"' | '\''));
    let inner = delimiter.and_then(|delimiter| literal.strip_prefix(delimiter)?.strip_suffix(delimiter));
    let (Some(delimiter), Some(inner)) = (delimiter, inner) else {
        return Err(InvalidLiteral { offset: 0, message: "expected a text in quotes" });
    };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find(['\\', '\n', delimiter]) {
        let (plain, special) = rest.split_at(at);
        bytes.extend_from_slice(plain.as_bytes());
        let offset = 1 + inner.len() - special.len();
        let (unit, behind) = first_unit(special, delimiter).map_err(|message| InvalidLiteral { offset, message })?;
        match unit {
            Unit::Byte(byte) => bytes.push(byte),
            Unit::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = behind;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// What one character or escape of a literal stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Of `\xff` and `\377`.
    Byte(u8),
    /// Of everything else.
    Char(char),
}

/// The first character or escape of what stands between `delimiter`s, and what follows it.
///
/// # Errors
/// What is wrong with it.
pub fn first_unit(text: &str, delimiter: char) -> Result<(Unit, &str), &'static str> {
    let mut chars = text.chars();
    match chars.next() {
        None => Err("the text ends"),
        Some('\n') => Err("a line break inside quotes is written \\n"),
        Some(c) if c == delimiter => Err("a quote inside quotes is written with a backslash before it"),
        Some('\\') => {
            escape(chars.as_str(), delimiter).ok_or("unknown escape; a backslash inside quotes is written \\\\")
        }
        Some(c) => Ok((Unit::Char(c), chars.as_str())),
    }
}

/// Reads what stands behind a backslash.
fn escape(text: &str, delimiter: char) -> Option<(Unit, &str)> {
    let mut chars = text.chars();
    let kind = chars.next()?;
    let rest = chars.as_str();
    let simple = |c| Some((Unit::Char(c), rest));
    match kind {
        'a' => simple('\x07'),
        'b' => simple('\x08'),
        'f' => simple('\x0c'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\x0b'),
        '\\' => simple('\\'),
        '\'' | '"' if kind == delimiter => simple(kind),
        'x' => number(rest, 2, 16).and_then(|(number, rest)| Some((Unit::Byte(u8::try_from(number).ok()?), rest))),
        '0'..='7' => number(text, 3, 8).and_then(|(number, rest)| Some((Unit::Byte(u8::try_from(number).ok()?), rest))),
        'u' => number(rest, 4, 16).and_then(|(number, rest)| Some((Unit::Char(char::from_u32(number)?), rest))),
        'U' => number(rest, 8, 16).and_then(|(number, rest)| Some((Unit::Char(char::from_u32(number)?), rest))),
        _ => None,
    }
}

/// Digits only: `from_str_radix` alone would take a sign.
fn number(text: &str, length: usize, radix: u32) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(length)?;
    digits.chars().all(|c| c.is_digit(radix)).then_some(())?;
    Some((u32::from_str_radix(digits, radix).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn literals_and_what_they_stand_for() {
        let table: &[(&str, &[u8])] = &[
            (r#""""#, b""),
            (r#""a'b""#, b"a'b"),
            (r#"'a"b\''"#, b"a\"b'"),
            (r#""\a\b\f\n\r\t\v\\\"""#, b"\x07\x08\x0c\n\r\t\x0b\\\""),
            (r#""\x41\102\u00e9\U0001F600""#, "AB\u{e9}\u{1f600}".as_bytes()),
            (r#""\xff\377""#, b"\xff\xff"),
        ];
        for (literal, bytes) in table {
            assert_eq!(unquote(literal).as_deref(), Ok(*bytes), "{literal}");
        }
    }

    #[test]
    fn what_is_no_literal() {
        for (literal, offset) in [
            ("", 0),
            ("\"", 0),
            ("a", 0),
            ("`a`", 0),
            ("\"a'", 0),
            ("\"é\n\"", 3),
            ("\"a\"b\"", 2),
            (r#""\'""#, 1),
            (r#""\q""#, 1),
            (r#""ab\x+1""#, 3),
            (r#""\400""#, 1),
            (r#""\ud800""#, 1),
            (r#""\U00110000""#, 1),
            (r#""\""#, 1),
        ] {
            assert_eq!(unquote(literal).map_err(|error| error.offset), Err(offset), "{literal}");
        }
    }

    #[test]
    fn quoting_escapes_what_go_escapes() {
        let table: &[(&[u8], &str)] = &[
            (b"a\"b\\'", r#""a\"b\\'""#),
            (b"\x00\x07\n\x1b\x7f", r#""\x00\a\n\x1b\x7f""#),
            ("é日本 e\u{301} 😀".as_bytes(), "\"é日本 e\u{301} 😀\""),
            ("\u{a0}\u{200b}\u{feff}\u{e000}\u{80}".as_bytes(), r#""\u00a0\u200b\ufeff\ue000\u0080""#),
            ("\u{e0001}\u{fffd}".as_bytes(), "\"\\U000e0001\u{fffd}\""),
            (b"a\xc5z", r#""a\xc5z""#),
        ];
        for (bytes, quoted) in table {
            assert_eq!(quote_bytes(bytes), *quoted);
            if let Ok(text) = std::str::from_utf8(bytes) {
                assert_eq!(quote(text), *quoted);
                assert_eq!(Quoted(text).to_string(), *quoted);
            }
        }
        assert_eq!(quote_with("'\"é", '\'', true), r#"'\'"\u00e9'"#);
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(bytes in proptest::collection::vec(any::<u8>(), 0..20), text in any::<String>()) {
            prop_assert_eq!(unquote(&quote_bytes(&bytes)), Ok(bytes));
            for (delimiter, ascii) in [('"', false), ('\'', true)] {
                let quoted = quote_with(&text, delimiter, ascii);
                prop_assert_eq!(unquote(&quoted), Ok(text.clone().into_bytes()));
            }
        }
    }
}
