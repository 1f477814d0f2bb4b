//! Values as JSON, the way Go writes it.

use std::fmt::Write;

use super::error::FunctionFailure;
use super::format;
use super::time_format;
use super::value::Value;

/// Depth of lists and maps in each other.
const DEEPEST: usize = 50;

/// A value as compact JSON of at most `limit` bytes. `<`, `>` and `&` are escaped, as Go does for HTML.
pub(crate) fn text(value: &Value, limit: usize) -> Result<String, FunctionFailure> {
    let mut writer = Writer { out: String::new(), limit };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    limit: usize,
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), FunctionFailure> {
        if depth > DEEPEST || self.out.len() > self.limit {
            return Err(FunctionFailure::Limit(format!("text is larger than {} bytes or too deep", self.limit)));
        }
        match &*value.base() {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(truth) => self.out.push_str(if *truth { "true" } else { "false" }),
            Value::Int(number) | Value::Duration(number) => self.out.push_str(&number.to_string()),
            Value::Float(number) => self.float(*number)?,
            Value::String(text) | Value::Safe(_, text) => self.text(text),
            Value::Time(time) => {
                let text = time_format::format(time, "2006-01-02T15:04:05.999999999Z07:00");
                self.text(&text);
            }
            Value::List(list) => {
                self.sequence('[', ']', list.items.iter(), |writer, item| writer.value(item, depth + 1))?
            }
            Value::Map(map) => self.sequence('{', '}', map.entries().iter(), |writer, (key, item)| {
                writer.text(key);
                writer.out.push(':');
                writer.value(item, depth + 1)
            })?,
            Value::Object(object) => {
                self.sequence('{', '}', object.fields().into_iter(), |writer, (field, item)| {
                    writer.text(&object.json_key(field));
                    writer.out.push(':');
                    writer.value(&item, depth + 1)
                })?
            }
        }
        Ok(())
    }

    fn sequence<T>(
        &mut self,
        open: char,
        close: char,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), FunctionFailure>,
    ) -> Result<(), FunctionFailure> {
        self.out.push(open);
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            write(self, item)?;
        }
        self.out.push(close);
        Ok(())
    }

    fn float(&mut self, number: f64) -> Result<(), FunctionFailure> {
        if !number.is_finite() {
            let shown = format::plain(&Value::Float(number));
            return Err(format!("json: unsupported value: {shown}").into());
        }
        let magnitude = number.abs();
        if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
            let text = format!("{number:e}");
            // "1e21" in Rust, "1e+21" in Go
            let sign = if text.contains("e-") { "e" } else { "e+" };
            self.out.push_str(&text.replacen('e', sign, 1));
        } else {
            self.out.push_str(&number.to_string());
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            // writing to a String cannot fail
            let _ = match character {
                '"' => self.out.write_str("\\\""),
                '\\' => self.out.write_str("\\\\"),
                '\n' => self.out.write_str("\\n"),
                '\r' => self.out.write_str("\\r"),
                '\t' => self.out.write_str("\\t"),
                '\x08' => self.out.write_str("\\b"),
                '\x0c' => self.out.write_str("\\f"),
                ..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    write!(self.out, "\\u{:04x}", u32::from(character))
                }
                _ => self.out.write_char(character),
            };
        }
        self.out.push('"');
    }
}
