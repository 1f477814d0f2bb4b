//! Texts of an input, and what texts about it must be.

use model::source::{Diagnostics, SourceFile};

/// Longest line of a message. Messages quote what is wrong, and leave out the rest of it.
const LINE_CHARS_MAX: usize = 2_000;

/// The input as a text.
pub(crate) fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// The first byte, by which one of several ways is chosen, and the rest as a text.
pub(crate) fn choice(data: &[u8]) -> Option<(u8, &str)> {
    let (choice, rest) = data.split_first()?;
    Some((*choice, text(rest)?))
}

/// Two texts, with a NUL between them.
pub(crate) fn pair(text: &str) -> (&str, &str) {
    text.split_once('\0').unwrap_or((text, ""))
}

/// The input as a file.
pub(crate) fn file(name: &str, data: &[u8]) -> Option<SourceFile> {
    match SourceFile::from_bytes(name, data.to_vec()) {
        Ok(file) => Some(file),
        Err(mistakes) => {
            tells(&mistakes);
            None
        }
    }
}

/// Mistakes can be shown, and what they say is not long.
pub(crate) fn tells(mistakes: &Diagnostics) {
    says(&mistakes.to_string());
    for mistake in mistakes {
        if let Some(span) = mistake.span {
            assert!(mistake.file.text().get(span.range()).is_some(), "a place that is none: {mistake:?}");
        }
    }
}

/// What is said is not long.
pub(crate) fn says(message: &str) {
    let longest = message.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    assert!(longest <= LINE_CHARS_MAX, "a line of {longest} characters: {message:.500}");
}
