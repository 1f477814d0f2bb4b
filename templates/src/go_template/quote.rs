//! Go's quoted texts: `strconv.Quote` and back.

use std::fmt::Write;

/// A text in double quotes with Go's escapes.
pub(crate) fn quoted(text: &str) -> String {
    quoted_with(text, '"', false)
}

/// A text in the given quotes; `ascii` escapes everything beyond ASCII.
pub(crate) fn quoted_with(text: &str, quote: char, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for character in text.chars() {
        push_escaped(&mut out, character, quote, ascii);
    }
    out.push(quote);
    out
}

fn push_escaped(out: &mut String, character: char, quote: char, ascii: bool) {
    match character {
        '\\' => out.push_str("\\\\"),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        _ if character == quote => out.extend(['\\', quote]),
        _ if (character.is_ascii() || !ascii) && is_print(character) => out.push(character),
        _ => {
            let number = u32::from(character);
            // writing to a String cannot fail
            let _ = match number {
                0..0x20 | 0x7f => write!(out, "\\x{number:02x}"),
                ..0x1_0000 => write!(out, "\\u{number:04x}"),
                _ => write!(out, "\\U{number:08x}"),
            };
        }
    }
}

/// Whether Go prints the character as it is inside quotes: letters, marks, numbers, punctuation, symbols, ASCII space.
pub(crate) fn is_print(character: char) -> bool {
    if character.is_ascii() {
        return (' '..='~').contains(&character);
    }
    // behind another character, Rust's own debug text escapes only what is not printable, and keeps marks
    let mut pair = ['a'; 2];
    pair[1] = character;
    let pair: String = pair.iter().collect();
    pair.escape_debug().count() == 2
}

/// A character as Go's `%#U` shows it: `U+0040 '@'`.
pub(crate) fn unicode(character: char) -> String {
    let number = u32::from(character);
    if is_print(character) { format!("U+{number:04X} '{character}'") } else { format!("U+{number:04X}") }
}

/// Reads a text in double or back quotes, as the lexer found it. Invalid UTF-8 from `\xff` becomes U+FFFD.
pub(crate) fn unquoted(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        return Some(raw.replace('\r', ""));
    }
    let body = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        let (unit, after) = unescaped(rest, '"')?;
        match unit {
            Unit::Byte(byte) => bytes.push(byte),
            Unit::Character(character) => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
        rest = after;
    }
    Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Reads a character constant, `'a'` or `'\n'`.
pub(crate) fn character(literal: &str) -> Option<i64> {
    let body = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    let (unit, after) = unescaped(body, '\'')?;
    after.is_empty().then_some(match unit {
        Unit::Byte(byte) => i64::from(byte),
        Unit::Character(character) => i64::from(u32::from(character)),
    })
}

enum Unit {
    Byte(u8),
    Character(char),
}

/// The first character or escape of a text and what follows it.
fn unescaped(text: &str, quote: char) -> Option<(Unit, &str)> {
    let mut characters = text.chars();
    let first = characters.next()?;
    if first == quote || first == '\n' {
        return None;
    }
    if first != '\\' {
        return Some((Unit::Character(first), characters.as_str()));
    }
    let escape = characters.next()?;
    let rest = characters.as_str();
    let simple = |character| Some((Unit::Character(character), rest));
    match escape {
        'a' => simple('\x07'),
        'b' => simple('\x08'),
        'f' => simple('\x0c'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\x0b'),
        '\\' => simple('\\'),
        '\'' | '"' if escape == quote => simple(escape),
        'x' => digits(rest, 2, 16).and_then(|(number, rest)| Some((Unit::Byte(u8::try_from(number).ok()?), rest))),
        'u' => digits(rest, 4, 16).and_then(|(number, rest)| Some((Unit::Character(char::from_u32(number)?), rest))),
        'U' => digits(rest, 8, 16).and_then(|(number, rest)| Some((Unit::Character(char::from_u32(number)?), rest))),
        '0'..='7' => digits(text.get(1..)?, 3, 8).and_then(|(n, rest)| Some((Unit::Byte(u8::try_from(n).ok()?), rest))),
        _ => None,
    }
}

fn digits(text: &str, count: usize, radix: u32) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    number.chars().all(|digit| digit.is_digit(radix)).then_some(())?;
    Some((u32::from_str_radix(number, radix).ok()?, rest))
}
