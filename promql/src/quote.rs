//! Quoted text, both ways, with Go's escapes.

use std::fmt::Write as _;

/// Text in double quotes with the escapes Go's `strconv.Quote` uses: whatever is not printable is escaped.
pub fn quote(text: &str) -> String {
    quote_bytes(text.as_bytes())
}

/// As [`quote`]; bytes that are not UTF-8 become `\xff`.
pub(crate) fn quote_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_escaped(&mut out, c, '"');
        }
        for byte in chunk.invalid() {
            push_hex(&mut out, 'x', 2, u32::from(*byte));
        }
    }
    out.push('"');
    out
}

/// A character in single quotes, as Go's `%q` shows it.
pub(crate) fn quote_char(c: char) -> String {
    let mut out = String::from("'");
    push_escaped(&mut out, c, '\'');
    out.push('\'');
    out
}

fn push_escaped(out: &mut String, c: char, delimiter: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c == delimiter => {
            out.push('\\');
            out.push(c);
        }
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        // Go leaves this one as it is, but no lexer of Prometheus accepts it so.
        char::REPLACEMENT_CHARACTER if delimiter == '"' => out.push_str("\\ufffd"),
        c if is_printable(c) => out.push(c),
        c if c.is_ascii() => push_hex(out, 'x', 2, u32::from(c)),
        c if u32::from(c) < 0x1_0000 => push_hex(out, 'u', 4, u32::from(c)),
        c => push_hex(out, 'U', 8, u32::from(c)),
    }
}

fn push_hex(out: &mut String, kind: char, width: usize, value: u32) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\{kind}{value:0width$x}");
}

/// Letters, marks, numbers, punctuation, symbols and the space: the characters Go prints as they are. The standard
/// library escapes just the others, but for marks at the start of a string.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let mut text = String::from("x");
    text.push(c);
    text.escape_debug().nth(1) == Some(c)
}

/// The bytes a string token stands for. `None` if it is not one; the lexer has checked its escapes.
pub(crate) fn unquote(token: &str) -> Option<Vec<u8>> {
    let delimiter = token.chars().next()?;
    let inner = token.strip_prefix(delimiter)?.strip_suffix(delimiter)?;
    if delimiter == '`' || !inner.contains('\\') {
        return Some(inner.as_bytes().to_vec());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        rest = unescape(escaped, &mut bytes)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// Appends what the escape at the start of `text`, behind its backslash, stands for, and returns the text behind it.
fn unescape<'a>(text: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let kind = text.chars().next()?;
    let (from, length, base) = match kind {
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='7' => (0, 3, 8),
        _ => {
            bytes.push(single(kind)?);
            return text.get(1..);
        }
    };
    let value = u32::from_str_radix(text.get(from..from + length)?, base).ok()?;
    if matches!(kind, 'u' | 'U') {
        let mut buffer = [0; 4];
        bytes.extend_from_slice(char::from_u32(value)?.encode_utf8(&mut buffer).as_bytes());
    } else {
        bytes.push(u8::try_from(value).ok()?);
    }
    text.get(from + length..)
}

fn single(kind: char) -> Option<u8> {
    Some(match kind {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        '\'' => b'\'',
        '"' => b'"',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_what_they_stand_for() {
        let table: &[(&str, &[u8])] = &[
            (r#""""#, b""),
            (r#""a'b""#, b"a'b"),
            (r#"'a"b\''"#, b"a\"b'"),
            (r"`a\n`", b"a\\n"),
            (r#""\a\b\f\n\r\t\v\\\"""#, b"\x07\x08\x0c\n\r\t\x0b\\\""),
            (r#""\x41\102\u00e9\U0001F600""#, "AB\u{e9}\u{1f600}".as_bytes()),
            (r#""\xff\377""#, b"\xff\xff"),
        ];
        for (token, bytes) in table {
            assert_eq!(unquote(token).as_deref(), Some(*bytes), "{token}");
        }
    }

    #[test]
    fn quoting_escapes_what_go_escapes() {
        let table: &[(&[u8], &str)] = &[
            (b"a\"b\\'", r#""a\"b\\'""#),
            (b"\x00\x07\n\x1b\x7f", r#""\x00\a\n\x1b\x7f""#),
            ("é日本 e\u{301} 😀".as_bytes(), "\"é日本 e\u{301} 😀\""),
            ("\u{a0}\u{200b}\u{feff}\u{e000}".as_bytes(), r#""\u00a0\u200b\ufeff\ue000""#),
            ("\u{e0001}".as_bytes(), r#""\U000e0001""#),
            (b"a\xc5z", r#""a\xc5z""#),
        ];
        for (bytes, quoted) in table {
            assert_eq!(quote_bytes(bytes), *quoted);
        }
        assert_eq!(quote_char('\''), r"'\''");
        assert_eq!(quote_char('"'), "'\"'");
    }
}
