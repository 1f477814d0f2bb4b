//! Continuation lines of quoted scalars that are indented too little.
//!
//! Go's libraries accept them and real rule files have them; the YAML library does not. Leading blanks
//! of such a line fold away, so the line can be indented and the text parsed again without changing a
//! value. Offsets into the indented text are translated back.

use std::borrow::Cow;

/// Deeper than a file may nest, and cheap.
const INDENTATION: usize = 256;

/// How many lines of a file are indented before giving up.
const MAX_LINES: usize = 1_000;

/// How many bytes are parsed again in total before giving up.
const MAX_BYTES: usize = 64 << 20;

/// A text with some of its lines indented.
pub(crate) struct Reindented<'a> {
    text: Cow<'a, str>,
    /// Where blanks were inserted, as offsets of the indented text, rising.
    insertions: Vec<usize>,
    parsed_again: usize,
}

impl<'a> Reindented<'a> {
    /// The text as it is.
    pub(crate) fn new(text: &'a str) -> Reindented<'a> {
        Reindented { text: Cow::Borrowed(text), insertions: Vec::new(), parsed_again: 0 }
    }

    /// The text to parse.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where a byte of the text to parse stands in the original.
    pub(crate) fn original(&self, offset: usize) -> usize {
        let before = self.insertions.partition_point(|insertion| insertion + INDENTATION <= offset);
        let inside = self.insertions.get(before).map_or(0, |insertion| offset.saturating_sub(*insertion));
        offset - before * INDENTATION - inside
    }

    /// The first line that was indented, as an offset of the original.
    pub(crate) fn first_line(&self) -> Option<usize> {
        self.insertions.first().copied()
    }

    /// Indents the line around an offset of the text to parse; `false` if that is not worth trying.
    pub(crate) fn indent_line_at(&mut self, offset: usize) -> bool {
        let start = self.text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        self.parsed_again += self.text.len();
        let at = self.insertions.partition_point(|insertion| *insertion < start);
        let indented_already = self.insertions.get(at) == Some(&start);
        if indented_already || self.insertions.len() >= MAX_LINES || self.parsed_again > MAX_BYTES {
            return false;
        }
        self.text.to_mut().insert_str(start, &" ".repeat(INDENTATION));
        self.insertions.insert(at, start);
        self.insertions.iter_mut().skip(at + 1).for_each(|later| *later += INDENTATION);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_translated_back() {
        let original = "a\nbc\nde\nfg\n";
        let mut text = Reindented::new(original);
        assert!(text.indent_line_at(8));
        assert!(text.indent_line_at(3));
        assert!(!text.indent_line_at(2 + INDENTATION), "a line is indented once");
        assert_eq!(text.first_line(), Some(2));
        for (offset, c) in text.text().char_indices().filter(|(_, c)| c.is_alphabetic()) {
            assert_eq!(original.find(c), Some(text.original(offset)), "{c}");
        }
        assert_eq!(text.original(2 + 10), 2, "inside the inserted blanks");
    }
}
