//! Values as they may stand in text, attributes, URLs, scripts and styles.

use std::fmt::Write;

use super::super::json;
use super::super::value::Value;
use crate::escape;

/// What a value becomes that must not stand where it stands.
const REFUSED: &str = "ZgotmplZ";

/// Text between tags or in a quoted attribute.
pub(super) fn in_text(text: &str) -> String {
    replaced(text, entity)
}

/// Markup whose entities stay as they are and whose other special characters do not.
pub(super) fn normalized(text: &str) -> String {
    replaced(text, |character| entity(character).filter(|_| character != '&'))
}

/// An attribute without quotes. Nothing at all would swallow the next attribute.
pub(super) fn unquoted(text: &str) -> String {
    if text.is_empty() {
        return REFUSED.to_owned();
    }
    replaced(text, |character| match character {
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\x0b' => Some("&#11;"),
        '\x0c' => Some("&#12;"),
        '\r' => Some("&#13;"),
        ' ' => Some("&#32;"),
        '=' => Some("&#61;"),
        '`' => Some("&#96;"),
        _ => entity(character),
    })
}

fn entity(character: char) -> Option<&'static str> {
    Some(match character {
        '\0' => "\u{fffd}",
        '"' => "&#34;",
        '&' => "&amp;",
        '\'' => "&#39;",
        '+' => "&#43;",
        '<' => "&lt;",
        '>' => "&gt;",
        _ => return None,
    })
}

fn replaced(text: &str, replacement: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match replacement(character) {
            Some(entity) => out.push_str(entity),
            None => out.push(character),
        }
    }
    out
}

/// Markup without its tags.
pub(super) fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        match after.split_once('>') {
            Some((_, behind)) => rest = behind,
            None => return out,
        }
    }
    out + rest
}

/// The name of an element or attribute: letters and digits, and nothing a browser acts on.
pub(super) fn name(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let acts = super::attribute::Kind::of(&lower) != super::attribute::Kind::Plain;
    if plain && !acts { text } else { REFUSED }
}

/// A part of a URL: everything but unreserved characters is encoded.
pub(super) fn url_escaped(text: &str) -> String {
    escape::url_part(text).to_percent_lowercase()
}

/// A whole URL: reserved characters and present escapes stay.
pub(super) fn url_normalized(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let bytes = text.as_bytes();
    for (index, &byte) in bytes.iter().enumerate() {
        let escape_follows =
            || bytes.get(index + 1..index + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if escape::is_unreserved(byte) || b"!#$&*+,/:;=?@[]".contains(&byte) || (byte == b'%' && escape_follows()) {
            out.push(char::from(byte));
        } else {
            // writing to a String cannot fail
            let _ = write!(out, "%{byte:02x}");
        }
    }
    out
}

/// Go's HTML mode writes its escapes in small letters.
trait PercentCase {
    fn to_percent_lowercase(self) -> String;
}

impl PercentCase for String {
    fn to_percent_lowercase(self) -> String {
        let mut digits = 0;
        let lower = |character: char| {
            if character == '%' {
                digits = 2;
                return character;
            }
            let is_digit = digits > 0;
            digits -= i32::from(is_digit);
            if is_digit { character.to_ascii_lowercase() } else { character }
        };
        self.chars().map(lower).collect()
    }
}

/// A value in a script: inside quotes a text, elsewhere JSON.
pub(super) fn in_script(value: &Value, text: &str, in_quotes: bool, limit: usize) -> String {
    if in_quotes {
        return in_script_text(text);
    }
    match value {
        // spaces keep a number apart from the words around it
        Value::Int(_) | Value::Float(_) | Value::Duration(_) | Value::Nil | Value::Bool(_) => {
            format!(" {} ", json::text(value, limit).unwrap_or_else(|_| "null".to_owned()))
        }
        _ => json::text(value, limit).unwrap_or_else(|_| "null".to_owned()),
    }
}

fn in_script_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        // writing to a String cannot fail
        let _ = match character {
            '\t' => out.write_str("\\t"),
            '\n' => out.write_str("\\n"),
            '\x0c' => out.write_str("\\f"),
            '\r' => out.write_str("\\r"),
            '\\' => out.write_str("\\\\"),
            '/' => out.write_str("\\/"),
            ..' ' | '"' | '\'' | '`' | '&' | '+' | '<' | '>' | '\u{2028}' | '\u{2029}' => {
                write!(out, "\\u{:04x}", u32::from(character))
            }
            _ => out.write_char(character),
        };
    }
    out
}

/// A value in a style: numbers, words and colours; nothing that could end the property or load anything.
pub(super) fn in_style(text: &str) -> &str {
    let mut word = String::new();
    let mut before = ' ';
    for character in text.chars() {
        let breaks_out = "\0\"'()/;@[\\]`{}<>".contains(character) || (character == '-' && before == '-');
        if breaks_out {
            return REFUSED;
        }
        if character.is_ascii_alphanumeric() || character == '-' || character == '_' {
            word.push(character.to_ascii_lowercase());
        }
        before = character;
    }
    if word.contains("expression") || word.contains("mozbinding") { REFUSED } else { text }
}
