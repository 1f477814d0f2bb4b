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
    fn escapes_what_go_escapes() {
        let text = "a<b>&c \"d\" \u{2028} é\n";
        assert_eq!(to_vec(&text).unwrap(), "\"a\\u003cb\\u003e\\u0026c \\\"d\\\" \\u2028 é\\n\"".as_bytes());
    }
}
