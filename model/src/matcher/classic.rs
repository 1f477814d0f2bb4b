//! The classic matcher syntax: a classic name, an operator, and the rest of the text as value.

use super::MatchOp;
use super::parse::{InvalidMatcher, Written};

/// The operators, longer ones first where one begins another.
const OPERATORS: [MatchOp; 4] = [MatchOp::Regex, MatchOp::Equal, MatchOp::NotEqual, MatchOp::NotRegex];

/// One matcher; blanks around its parts are ignored.
pub(super) fn matcher(text: &str) -> Result<Written, InvalidMatcher> {
    parse(text).map_err(|error| error.at(0))
}

/// A list: optional outer braces, commas outside quotes, a comma at the end allowed.
pub(super) fn matchers(text: &str) -> Result<Vec<Written>, InvalidMatcher> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let lead = text.len() - inner.len();
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let parts = split_at_commas(inner);
    let last = parts.len() - 1;
    let mut matchers = Vec::new();
    for (index, (offset, part)) in parts.into_iter().enumerate() {
        if index == last && part.trim().is_empty() {
            break;
        }
        let written = parse(part).map_err(|error| error.at(lead + offset))?;
        matchers.push(Written { value_at: lead + offset + written.value_at, ..written });
    }
    Ok(matchers)
}

/// The parts between commas that are not inside double quotes, with their offsets. At least one.
fn split_at_commas(text: &str) -> Vec<(usize, &str)> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b',' if !quoted => {
                parts.push((start, &text[start..at]));
                start = at + 1;
                continue;
            }
            b'"' if escaped => escaped = false,
            b'"' => quoted = !quoted,
            b'\\' => escaped = !escaped,
            // Alertmanager keeps the escape over a quoted comma.
            b',' => {}
            _ => escaped = false,
        }
    }
    parts.push((start, &text[start..]));
    parts
}

fn parse(text: &str) -> Result<Written, InvalidMatcher> {
    let trimmed = text.trim_start_matches(is_blank);
    let offset = text.len() - trimmed.len();
    let name_len = trimmed.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':')).count();
    let (name, rest) = trimmed.split_at(name_len);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(InvalidMatcher::new(offset, "expected a label name, such as severity=\"critical\""));
    }
    let rest = rest.trim_start_matches(is_blank);
    let op_at = text.len() - rest.len();
    let op = OPERATORS.into_iter().find(|op| rest.starts_with(op.as_str()));
    let op = op.ok_or_else(|| InvalidMatcher::new(op_at, format!("expected =, !=, =~ or !~ after {name}")))?;
    let rest = rest[op.as_str().len()..].trim_start_matches(is_blank);
    let value_at = text.len() - rest.len();
    let value = unescape(rest.trim_end_matches(is_blank)).map_err(|error| error.at(value_at))?;
    Ok(Written { name: name.to_owned(), op, value, value_at })
}

/// Removes the quotes around a value and its escapes; an unknown escape is kept as it is.
fn unescape(raw: &str) -> Result<String, InvalidMatcher> {
    let body = raw.strip_prefix('"').unwrap_or(raw);
    let lead = raw.len() - body.len();
    let mut open = lead > 0;
    let mut value = String::with_capacity(body.len());
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => value.push('\\'),
            },
            '"' if open && at + 1 == body.len() => open = false,
            '"' => return Err(InvalidMatcher::new(lead + at, "a double quote inside a value is written \\\"")),
            c => value.push(c),
        }
    }
    if open { Err(InvalidMatcher::new(0, "the quoted value does not end")) } else { Ok(value) }
}

/// What `\s` means in RE2.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

impl InvalidMatcher {
    /// The same, its text being at an offset of a larger one.
    fn at(mut self, offset: usize) -> InvalidMatcher {
        self.offset += offset;
        self
    }
}
