//! A text told as what differs from an example: how thousands of texts that are alike lie in memory.
//!
//! A difference is a number of edits, each the number of bytes to copy from the example, to leave out of it, and to put in
//! instead, followed by these; what is left of the example follows after the last. Numbers are written as in label sets. No edit
//! cuts a character, so each text is put together from texts.

use std::ops::Range;

use crate::labels::number;

/// Texts that differ in more places are told less finely, so that finding out takes little memory.
const EDITS_MAX: usize = 256;

/// Two edits with fewer bytes between them cost more than one.
const GAP_MIN: usize = 4;

/// Finds what differs between texts.
#[derive(Debug, Default)]
pub struct Differ {
    edits: Vec<Edit>,
}

/// What of the example is replaced by what of the text.
#[derive(Debug)]
struct Edit {
    old: Range<usize>,
    new: Range<usize>,
}

impl Differ {
    /// Writes what differs between an example and a text.
    pub fn write(&mut self, example: &str, text: &str, difference: &mut String) {
        self.clear();
        self.compare(example, text, 0..example.len(), 0..text.len());
        self.write_edits(text, difference);
    }

    /// Forgets what was compared before.
    pub(crate) fn clear(&mut self) {
        self.edits.clear();
    }

    /// Writes what [`Differ::compare`] has found since it was told to forget.
    pub(crate) fn write_edits(&self, text: &str, difference: &mut String) {
        number::put(difference, self.edits.len());
        let mut copied = 0;
        for Edit { old, new } in &self.edits {
            number::put(difference, old.start - copied);
            number::put(difference, old.len());
            number::put(difference, new.len());
            difference.push_str(&text[new.clone()]);
            copied = old.end;
        }
    }

    /// Narrows stretches of both that correspond to each other down to what differs: word by word where there are as many. They follow
    /// those that were compared before.
    ///
    /// # Panics
    /// One is no stretch of its text.
    pub(crate) fn compare(&mut self, example: &str, text: &str, old: Range<usize>, new: Range<usize>) {
        let (before, after) = (example.as_bytes(), text.as_bytes());
        if before[old.clone()] == after[new.clone()] {
            return;
        }
        let start = alike_at_start(&before[old.clone()], &after[new.clone()]);
        let (old, new) = (old.start + start..old.end, new.start + start..new.end);
        let end = alike_at_end(&before[old.clone()], &after[new.clone()]);
        let (old_end, new_end) = (old.end - end, new.end - end);
        let spaces = |text: &[u8]| text.iter().filter(|byte| **byte == b' ').count();
        let count = spaces(&before[old.start..old_end]);
        if count == 0 || count != spaces(&after[new.start..new_end]) {
            self.add_whole_characters(example, text, old.start..old_end, new.start..new_end);
            return;
        }
        // Both have as many spaces: where one word ends, so does the other.
        let (mut old, mut new) = (old.start, new.start);
        while old < old_end || new < new_end {
            let word = |text: &[u8], at: usize, end: usize| {
                at..text[at..end].iter().position(|byte| *byte == b' ').map_or(end, |space| at + space)
            };
            let (word_before, word_after) = (word(before, old, old_end), word(after, new, new_end));
            (old, new) = (word_before.end, word_after.end);
            let end = alike_at_end(&before[word_before.clone()], &after[word_after.clone()]);
            let (differs, instead) = (word_before.start..old - end, word_after.start..new - end);
            if !(differs.is_empty() && instead.is_empty()) {
                self.add_whole_characters(example, text, differs, instead);
            }
            let alike = alike_at_start(&before[old..old_end], &after[new..new_end]);
            (old, new) = (old + alike, new + alike);
        }
    }

    /// Adds an edit, made longer where its ends cut characters.
    fn add_whole_characters(&mut self, example: &str, text: &str, mut old: Range<usize>, mut new: Range<usize>) {
        while !(example.is_char_boundary(old.start) && text.is_char_boundary(new.start)) {
            old.start -= 1;
            new.start -= 1;
        }
        while !(example.is_char_boundary(old.end) && text.is_char_boundary(new.end)) {
            old.end += 1;
            new.end += 1;
        }
        self.add(old, new);
    }

    fn add(&mut self, old: Range<usize>, new: Range<usize>) {
        let is_full = self.edits.len() >= EDITS_MAX;
        match self.edits.last_mut() {
            Some(last) if old.start - last.old.end < GAP_MIN || is_full => {
                last.old.end = old.end;
                last.new.end = new.end;
            }
            _ => self.edits.push(Edit { old, new }),
        }
    }
}

/// With how many bytes two texts begin alike; cuts no character.
pub fn common_start(a: &str, b: &str) -> usize {
    let mut bytes = alike_at_start(a.as_bytes(), b.as_bytes());
    while !a.is_char_boundary(bytes) {
        bytes -= 1;
    }
    bytes
}

/// With how many bytes two texts end alike; cuts no character.
pub fn common_end(a: &str, b: &str) -> usize {
    let mut bytes = alike_at_end(a.as_bytes(), b.as_bytes());
    while !a.is_char_boundary(a.len() - bytes) {
        bytes -= 1;
    }
    bytes
}

/// Eight bytes at a time: this is most of what telling texts by an example costs.
fn alike_at_start(a: &[u8], b: &[u8]) -> usize {
    let ((chunks_a, _), (chunks_b, _)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut bytes = 0;
    for (a, b) in chunks_a.iter().zip(chunks_b) {
        let differing = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differing != 0 {
            return bytes + differing.trailing_zeros() as usize / 8;
        }
        bytes += 8;
    }
    bytes + a[bytes..].iter().zip(&b[bytes..]).take_while(|(a, b)| a == b).count()
}

fn alike_at_end(a: &[u8], b: &[u8]) -> usize {
    let ((_, chunks_a), (_, chunks_b)) = (a.as_rchunks::<8>(), b.as_rchunks::<8>());
    let mut bytes = 0;
    for (a, b) in chunks_a.iter().rev().zip(chunks_b.iter().rev()) {
        let differing = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differing != 0 {
            return bytes + differing.leading_zeros() as usize / 8;
        }
        bytes += 8;
    }
    let (rest_a, rest_b) = (&a[..a.len() - bytes], &b[..b.len() - bytes]);
    bytes + rest_a.iter().rev().zip(rest_b.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// Reads the difference that `differences` begins with, and the text that it makes of the example: `None` if that is the example
/// itself. What is no difference makes an empty text.
pub fn read(example: &str, differences: &mut &str) -> Option<String> {
    let count = number::take(differences);
    if count == 0 {
        return None;
    }
    let mut text = String::with_capacity(example.len() + differences.len());
    let mut pieces = Pieces { example, differences, left: count };
    for (kept, put_in) in pieces.by_ref() {
        text.push_str(kept);
        text.push_str(put_in);
    }
    text.push_str(pieces.example);
    Some(text)
}

/// Whether the difference that `differences` begins with makes `text` of the example. If not, it may not have been read to its end.
pub fn is_read_as(example: &str, differences: &mut &str, text: &str) -> bool {
    let count = number::take(differences);
    let mut rest = text.as_bytes();
    let mut pieces = Pieces { example, differences, left: count };
    for (kept, put_in) in pieces.by_ref() {
        let after = rest.strip_prefix(kept.as_bytes()).and_then(|rest| rest.strip_prefix(put_in.as_bytes()));
        let Some(after) = after else { return false };
        rest = after;
    }
    rest == pieces.example.as_bytes()
}

/// Skips the difference that `differences` begins with.
pub fn skip(differences: &mut &str) {
    let count = number::take(differences);
    for _ in 0..count {
        if differences.is_empty() {
            return;
        }
        number::take(differences);
        number::take(differences);
        let bytes = number::take(differences);
        *differences = differences.get(bytes..).unwrap_or_default();
    }
}

/// What is copied and what is put in, edit by edit; after the last, `example` is what is left to copy.
struct Pieces<'e, 'd, 'r> {
    example: &'e str,
    differences: &'r mut &'d str,
    left: usize,
}

impl<'e, 'd> Iterator for Pieces<'e, 'd, '_> {
    type Item = (&'e str, &'d str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1).filter(|_| !self.differences.is_empty())?;
        let (copied, left_out, put_in) =
            (number::take(self.differences), number::take(self.differences), number::take(self.differences));
        let (kept, rest) = self.example.split_at_checked(copied).unwrap_or_default();
        self.example = rest.get(left_out..).unwrap_or_default();
        let (put_in, rest) = self.differences.split_at_checked(put_in).unwrap_or_default();
        *self.differences = rest;
        Some((kept, put_in))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn difference(example: &str, text: &str) -> String {
        let mut written = String::new();
        Differ::default().write(example, text, &mut written);
        written
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(example in "[ab éèĩ€₭]{0,80}", text in "[ab éèĩ€₭]{0,80}", other in "[ab é€]{0,3}") {
            let written = difference(&example, &text) + "rest";
            let mut differences = written.as_str();
            prop_assert_eq!(read(&example, &mut differences).unwrap_or_else(|| example.clone()), text.clone());
            prop_assert_eq!(differences, "rest");
            let (mut skipped, mut compared, mut other_compared) = (written.as_str(), written.as_str(), written.as_str());
            skip(&mut skipped);
            prop_assert_eq!(skipped, "rest");
            prop_assert!(is_read_as(&example, &mut compared, &text));
            prop_assert_eq!(compared, "rest");
            prop_assert_eq!(is_read_as(&example, &mut other_compared, &other), other == text);
        }

        #[test]
        fn what_is_no_difference_does_no_harm(example in "[ab é€]{0,9}", damaged in "\\PC{0,20}") {
            read(&example, &mut damaged.as_str());
            is_read_as(&example, &mut damaged.as_str(), &example);
            skip(&mut damaged.as_str());
        }
    }

    proptest! {
        #[test]
        fn what_is_alike_is_found_to_the_byte(a in "[aé]{0,12}", x in "[b€]{0,9}", y in "[c€]{0,9}", b in "[aé]{0,12}") {
            let (left, right) = (format!("{a}{x}{b}"), format!("{a}{y}{b}"));
            let plain = |a: &mut dyn Iterator<Item = char>, b: &mut dyn Iterator<Item = char>| {
                a.zip(b).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>()
            };
            prop_assert_eq!(common_start(&left, &right), plain(&mut left.chars(), &mut right.chars()));
            prop_assert_eq!(common_end(&left, &right), plain(&mut left.chars().rev(), &mut right.chars().rev()));
        }
    }

    #[test]
    fn only_the_words_that_differ_are_kept() {
        let written = difference("Pod a-1 of tenant-7 is down.", "Pod a-302 of tenant-12 is down.");
        assert_eq!(written.chars().filter(|c| c.is_alphanumeric()).collect::<String>(), "30212");
        assert!(written.len() <= 12, "{written:?}");
        assert_eq!(difference("the same", "the same").len(), 1);
    }
}
