//! Escaping of texts for HTML, JavaScript and URLs, byte for byte as Go does it, for templates of both kinds.

use std::fmt::Write;

use model::quote::is_printable;

/// Go's `html`.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(character),
        }
    }
    out
}

/// Go's `js`: the inside of a JavaScript string.
pub(crate) fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        // writing to a String cannot fail
        let _ = match character {
            '\\' => out.write_str("\\\\"),
            '\'' => out.write_str("\\'"),
            '"' => out.write_str("\\\""),
            '<' => out.write_str("\\u003C"),
            '>' => out.write_str("\\u003E"),
            '&' => out.write_str("\\u0026"),
            '=' => out.write_str("\\u003D"),
            ..' ' => write!(out, "\\u00{:02X}", u32::from(character)),
            '\x7f'.. if !is_printable(character) => write!(out, "\\u{:04X}", u32::from(character)),
            _ => out.write_char(character),
        };
    }
    out
}

/// Go's `urlquery`: a value in a query string, with `+` for a space.
pub(crate) fn url_query(text: &str) -> String {
    percent(text, is_unreserved, true)
}

/// For any part of a URL: everything but letters, digits and `-_.~` is encoded.
pub(crate) fn url_part(text: &str) -> String {
    percent(text, is_unreserved, false)
}

/// What stands for itself in every part of a URL.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)
}

/// Percent-encodes every byte that is not `kept`.
fn percent(text: &str, kept: impl Fn(u8) -> bool, plus_for_space: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b' ' if plus_for_space => out.push('+'),
            _ if kept(byte) => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// Undoes percent-encoding; `Err` holds the wrong escape.
pub(crate) fn percent_decoded(text: &str, plus_is_space: bool) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' if plus_is_space => bytes.push(b' '),
            b'%' => {
                let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let byte = digits
                    .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let Some(byte) = byte else {
                    let shown = after.get(..2).unwrap_or(after);
                    return Err(format!("%{}", String::from_utf8_lossy(shown)));
                };
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => bytes.push(*first),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
