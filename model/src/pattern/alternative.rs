//! Patterns that need no engine: plain texts with or without `.*` and `.+` around them.

use smol_str::{SmolStr, SmolStrBuilder};

/// A text with or without something around it: `api`, `api-.*`, `.*error.+`, `.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alternative {
    text: SmolStr,
    before: Around,
    after: Around,
    /// `.` is also a line break.
    dotall: bool,
}

/// What may stand before or behind a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    /// `.*`
    Anything,
    /// `.+`
    Something,
}

/// The alternatives of a pattern that has only such, anchored once more or not.
pub(super) fn read_all(pattern: &str, dotall: bool) -> Option<Vec<Alternative>> {
    // As `match_re` anchors it; no other parenthesis can stand inside, or it would not be read.
    let inner = pattern.strip_prefix("^(?:").and_then(|inner| inner.strip_suffix(")$"));
    let mut found = Vec::new();
    let mut rest = inner.unwrap_or(pattern);
    loop {
        let (alternative, behind) = Alternative::read(rest, dotall)?;
        found.push(alternative);
        match behind.strip_prefix('|') {
            Some(next) => rest = next,
            None => return behind.is_empty().then_some(found),
        }
    }
}

impl Alternative {
    pub(super) fn matches(&self, text: &str) -> bool {
        if self.is_exact() {
            return text == self.text;
        }
        let mut inner = text.chars();
        let missing = (self.before == Around::Something && inner.next().is_none())
            || (self.after == Around::Something && inner.next_back().is_none());
        let inner = inner.as_str();
        !missing
            && match (self.before, self.after) {
                (Around::Nothing, _) => inner.starts_with(self.text.as_str()),
                (_, Around::Nothing) => inner.ends_with(self.text.as_str()),
                _ => inner.contains(self.text.as_str()),
            }
            // What is not the text itself has no line break, and the text has none either.
            && (self.dotall || !text.contains('\n'))
    }

    pub(super) fn is_exact(&self) -> bool {
        self.before == Around::Nothing && self.after == Around::Nothing
    }

    pub(super) fn into_text(self) -> SmolStr {
        self.text
    }

    /// The alternative at the start of a pattern, and the pattern behind it.
    fn read(pattern: &str, dotall: bool) -> Option<(Alternative, &str)> {
        let (before, mut rest) = around(pattern);
        let mut text = SmolStrBuilder::new();
        while let Some(c) = rest.chars().next().filter(|c| !matches!(c, '.' | '|')) {
            let mut chars = rest.chars();
            chars.next();
            text.push(match c {
                '\\' => chars.next().filter(|c| c.is_ascii() && !c.is_ascii_alphanumeric())?,
                '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
                c => c,
            });
            rest = chars.as_str();
        }
        let (after, rest) = around(rest);
        let read = Alternative { text: text.finish(), before, after, dotall };
        (dotall || read.is_exact() || !read.text.contains('\n')).then_some((read, rest))
    }
}

fn around(pattern: &str) -> (Around, &str) {
    if let Some(rest) = pattern.strip_prefix(".*") {
        (Around::Anything, rest)
    } else if let Some(rest) = pattern.strip_prefix(".+") {
        (Around::Something, rest)
    } else {
        (Around::Nothing, pattern)
    }
}
