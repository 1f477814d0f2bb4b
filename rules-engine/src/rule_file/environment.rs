//! `%{NAME}` in a rule file of vmalert's: the value of a variable of the environment, put in before the file is read.
//!
//! What is told about such a file shows it as it is written: values may be secret.

use std::ops::Range;

use model::source::{Diagnostic, Diagnostics, SourceFile, Span};

/// Shorter values are not searched in messages: they would be found where they are not meant.
const HIDDEN_CHARS_MIN: usize = 4;

/// A file and what it is with the values of its variables.
#[derive(Clone, Debug)]
pub(super) struct Expanded {
    written: SourceFile,
    expanded: SourceFile,
    pieces: Vec<Piece>,
}

/// A placeholder and what stands in for it.
#[derive(Clone, Debug)]
struct Piece {
    written: Range<usize>,
    expanded: Range<usize>,
    name: String,
    value: String,
}

impl Expanded {
    /// A file that stays as it is.
    pub(super) fn unchanged(file: &SourceFile) -> Expanded {
        Expanded { written: file.clone(), expanded: file.clone(), pieces: Vec::new() }
    }

    /// A file with the values of its variables, and every variable that is not set.
    pub(super) fn of(file: &SourceFile, value_of: &dyn Fn(&str) -> Option<String>) -> (Expanded, Diagnostics) {
        let (text, mut found) = (file.text(), Diagnostics::new());
        let (mut expanded, mut pieces, mut at) = (String::with_capacity(text.len()), Vec::new(), 0);
        for (written, name) in placeholders(text) {
            expanded.push_str(text.get(at..written.start).unwrap_or_default());
            at = written.end;
            let Some(value) = value_of(name) else {
                let span = Span::new(written.start, written.end);
                let message = format!("environment variable {name} is not set");
                found.push(Diagnostic::error(file, span, message).hint("set it, or write the value here"));
                continue;
            };
            let start = expanded.len();
            expanded.push_str(&value);
            pieces.push(Piece { written, expanded: start..expanded.len(), name: name.to_owned(), value });
        }
        expanded.push_str(text.get(at..).unwrap_or_default());
        let expanded = SourceFile::new(file.name(), expanded);
        (Expanded { written: file.clone(), expanded, pieces }, found)
    }

    /// The file to be read.
    pub(super) fn file(&self) -> &SourceFile {
        &self.expanded
    }

    /// What was found in the file that is read, told of the file that is written.
    pub(super) fn retold(&self, found: Diagnostics) -> Diagnostics {
        if self.pieces.is_empty() {
            return found;
        }
        let mut retold = Diagnostics::new();
        retold.extend(found.iter().cloned().map(|one| self.retold_one(one)));
        retold
    }

    /// The same of one finding.
    pub(super) fn retold_one(&self, mut one: Diagnostic) -> Diagnostic {
        if self.pieces.is_empty() || one.file != self.expanded {
            return one;
        }
        one.file = self.written.clone();
        one.span = one.span.map(|span| Span::new(self.place(span.start, false), self.place(span.end, true)));
        let mut long: Vec<&Piece> = self.pieces.iter().filter(|piece| piece.value.len() >= HIDDEN_CHARS_MIN).collect();
        long.sort_by_key(|piece| std::cmp::Reverse(piece.value.len()));
        for piece in long {
            let placeholder = format!("%{{{}}}", piece.name);
            let quoted = format!("{:?}", piece.value);
            for shown in [piece.value.as_str(), quoted.trim_matches('"')] {
                one.message = one.message.replace(shown, &placeholder);
                one.hint = one.hint.map(|hint| hint.replace(shown, &placeholder));
            }
        }
        one
    }

    /// Where a byte of the file that is read is written; inside a value, the begin or end of its placeholder.
    fn place(&self, offset: u32, is_end: bool) -> usize {
        let offset = offset as usize;
        let before = self.pieces.iter().rev().find(|piece| piece.expanded.start <= offset);
        match before {
            None => offset,
            Some(piece) if offset >= piece.expanded.end => piece.written.end + (offset - piece.expanded.end),
            Some(piece) if is_end && offset > piece.expanded.start => piece.written.end,
            Some(piece) => piece.written.start,
        }
    }
}

/// The file with a letter repeated in place of each placeholder: YAML with the same places.
pub(super) fn without_placeholders(file: &SourceFile) -> SourceFile {
    let text = file.text();
    let (mut plain, mut at) = (String::with_capacity(text.len()), 0);
    for (written, _) in placeholders(text) {
        plain.push_str(text.get(at..written.start).unwrap_or_default());
        plain.push_str(&"x".repeat(written.len()));
        at = written.end;
    }
    plain.push_str(text.get(at..).unwrap_or_default());
    SourceFile::new(file.name(), plain)
}

/// Every `%{NAME}`. What is no name, as in `a %{b="c"}`, is none.
fn placeholders(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let opened = text.match_indices("%{");
    opened.filter_map(|(start, open)| {
        let inside = text.get(start + open.len()..)?;
        let name = inside.get(..inside.find('}')?)?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_name.then(|| (start..start + open.len() + name.len() + 1, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(name: &str) -> Option<String> {
        match name {
            "TOKEN" => Some("s3cr3t-token".to_owned()),
            "N" => Some("7".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn placeholders_become_values() {
        let file = SourceFile::new("f", "a: %{N}\nb: x %{TOKEN}%{EMPTY}! %{b=\"c\"} %{} %{é} %N {N}\n");
        let (expanded, found) = Expanded::of(&file, &value_of);
        assert!(found.is_empty());
        assert_eq!(expanded.file().text(), "a: 7\nb: x s3cr3t-token! %{b=\"c\"} %{} %{é} %N {N}\n");
        let (_, found) = Expanded::of(&SourceFile::new("f", "a: %{NOPE}"), &value_of);
        assert!(found.to_string().starts_with("f:1:4: error: environment variable NOPE is not set"));
    }

    #[test]
    fn nothing_told_shows_a_value() {
        let file = SourceFile::new("f", "b: x %{TOKEN} y\nc: z\n");
        let (expanded, _) = Expanded::of(&file, &value_of);
        let inside = |text: &str| {
            let start = expanded.file().text().find(text).unwrap();
            let message = format!("{text} of s3cr3t-token is wrong");
            let one = Diagnostic::error(expanded.file(), Span::new(start, start + text.len()), message);
            expanded.retold(Diagnostics::from(one)).to_string()
        };
        for (text, place, marked) in [("cr3t", "1:6", "%{TOKEN}"), (" y", "1:14", " y"), ("z", "2:4", "z")] {
            let told = inside(text);
            assert!(told.starts_with(&format!("f:{place}: error: {text} of %{{TOKEN}} is wrong")), "{told}");
            assert!(!told.contains("s3cr3t"), "{told}");
            assert!(told.contains(&"^".repeat(marked.trim().len())), "{told}");
        }
    }
}
