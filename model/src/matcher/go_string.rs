//! Double-quoted string literals of Go, as `strconv.Unquote` reads them.

/// Why a literal cannot be read, and where in it.
pub(super) struct InvalidLiteral {
    /// Byte offset in the literal.
    pub(super) offset: usize,
    /// What is wrong.
    pub(super) message: &'static str,
}

/// The text of a literal given with its quotes.
pub(super) fn unquote(literal: &str) -> Result<String, InvalidLiteral> {
    let body = literal.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(literal);
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(c) = rest.chars().next() {
        let wrong = |message| InvalidLiteral { offset: 1 + body.len() - rest.len(), message };
        if c == '\n' {
            return Err(wrong("a line break inside quotes is written \\n"));
        }
        if c != '\\' {
            bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let (escape, used) = read_escape(&rest[1..])
            .ok_or_else(|| wrong("unknown escape; a backslash inside quotes is written \\\\"))?;
        match escape {
            Escape::Byte(byte) => bytes.push(byte),
            Escape::Char(c) => bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = &rest[1 + used..];
    }
    String::from_utf8(bytes).map_err(|_| InvalidLiteral { offset: 0, message: "the text is not valid UTF-8" })
}

enum Escape {
    Byte(u8),
    Char(char),
}

/// Reads what stands behind a backslash; also says how many bytes it took.
fn read_escape(text: &str) -> Option<(Escape, usize)> {
    let byte = |value| Some((Escape::Byte(value), 1));
    match text.bytes().next()? {
        b'a' => byte(7),
        b'b' => byte(8),
        b'f' => byte(0xc),
        b'n' => byte(b'\n'),
        b'r' => byte(b'\r'),
        b't' => byte(b'\t'),
        b'v' => byte(0xb),
        b'\\' => byte(b'\\'),
        b'"' => byte(b'"'),
        b'x' => number(text.get(1..3)?, 16).and_then(|n| Some((Escape::Byte(u8::try_from(n).ok()?), 3))),
        b'u' => number(text.get(1..5)?, 16).and_then(|n| Some((Escape::Char(char::from_u32(n)?), 5))),
        b'U' => number(text.get(1..9)?, 16).and_then(|n| Some((Escape::Char(char::from_u32(n)?), 9))),
        b'0'..=b'7' => number(text.get(..3)?, 8).and_then(|n| Some((Escape::Byte(u8::try_from(n).ok()?), 3))),
        _ => None,
    }
}

/// Digits only: `from_str_radix` alone would take a sign.
fn number(digits: &str, radix: u32) -> Option<u32> {
    digits.chars().all(|c| c.is_digit(radix)).then(|| u32::from_str_radix(digits, radix).ok()).flatten()
}
