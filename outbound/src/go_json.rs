//! JSON as Go's `encoding/json` writes it: `<`, `>` and `&` inside strings are escaped, so that bodies are byte for byte
//! what users of the Go programs of the field compare with.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

/// Writes a value.
///
/// # Errors
/// The value has a map with keys that are no strings.
pub fn to_vec(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(256);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, GoFormatter))?;
    Ok(bytes)
}

/// Writes a text as a JSON string, as [`to_vec`] does, many times faster: for answers of many texts.
pub fn push_string(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if !IS_SPECIAL[usize::from(*byte)] {
            continue;
        }
        let rest = &bytes[at..];
        let (escape, length): (&[u8], usize) = match byte {
            b'"' => (b"\\\"", 1),
            b'\\' => (b"\\\\", 1),
            b'\n' => (b"\\n", 1),
            b'\r' => (b"\\r", 1),
            b'\t' => (b"\\t", 1),
            0x08 => (b"\\b", 1),
            0x0c => (b"\\f", 1),
            b'<' => (b"\\u003c", 1),
            b'>' => (b"\\u003e", 1),
            b'&' => (b"\\u0026", 1),
            _ if rest.starts_with("\u{2028}".as_bytes()) => (b"\\u2028", 3),
            _ if rest.starts_with("\u{2029}".as_bytes()) => (b"\\u2029", 3),
            0..b' ' => {
                json.extend_from_slice(&bytes[plain_from..at]);
                json.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                plain_from = at + 1;
                continue;
            }
            _ => continue,
        };
        json.extend_from_slice(&bytes[plain_from..at]);
        json.extend_from_slice(escape);
        plain_from = at + length;
    }
    json.extend_from_slice(&bytes[plain_from..]);
    json.push(b'"');
}

/// Bytes at which a text may have to be escaped: U+2028 and U+2029 begin with 0xE2.
const IS_SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut at = 0;
    while at < 256 {
        special[at] = at < 0x20 || matches!(at as u8, b'"' | b'\\' | b'<' | b'>' | b'&' | 0xE2);
        at += 1;
    }
    special
};

struct GoFormatter;

impl Formatter for GoFormatter {
    /// Shortest digits that read back equal; an exponent below 1e-6 and from 1e21 on.
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        match size {
            _ if size != 0.0 && size < 1e-6 => write!(writer, "{value:e}"),
            _ if size >= 1e21 => writer.write_all(format!("{value:e}").replace('e', "e+").as_bytes()),
            _ => write!(writer, "{value}"),
        }
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain_from = 0;
        for (at, found) in fragment.match_indices(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let escaped: &[u8] = match found {
                "<" => b"\\u003c",
                ">" => b"\\u003e",
                "&" => b"\\u0026",
                "\u{2028}" => b"\\u2028",
                _ => b"\\u2029",
            };
            CompactFormatter.write_string_fragment(writer, &fragment[plain_from..at])?;
            writer.write_all(escaped)?;
            plain_from = at + found.len();
        }
        CompactFormatter.write_string_fragment(writer, &fragment[plain_from..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_gos() {
        let shown = |value: f64| String::from_utf8(to_vec(&value).unwrap()).unwrap();
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.000_123, "0.000123"),
            (1.5e-7, "1.5e-7"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-2.5, "-2.5"),
        ] {
            assert_eq!(shown(value), text);
        }
    }

    #[test]
    fn the_fast_way_writes_the_same() {
        let every: String = (0..0x3000).filter_map(char::from_u32).collect();
        for text in ["", "plain", "<", "a\u{2029}b", "ends with &", every.as_str()] {
            let mut json = Vec::new();
            push_string(&mut json, text);
            assert_eq!(String::from_utf8(json), String::from_utf8(to_vec(&text).unwrap()));
        }
    }

    #[test]
    fn escapes_what_go_escapes() {
        let text = "a<b>&c \"d\" \u{2028} é\n";
        assert_eq!(to_vec(&text).unwrap(), "\"a\\u003cb\\u003e\\u0026c \\\"d\\\" \\u2028 é\\n\"".as_bytes());
    }
}
