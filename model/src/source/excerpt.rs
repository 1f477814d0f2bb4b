//! The line a diagnostic points at, made fit to print.

use std::borrow::Cow;

/// Widest excerpt printed, in characters; longer lines are cut around the mistake.
const WIDTH: usize = 100;

/// How many characters stay visible before a mistake when a long line is cut.
const LEAD: usize = 40;

/// Longest message printed, in bytes: one may quote what is wrong, which may be a whole file.
const MESSAGE_BYTES: usize = 1_500;

/// How the keys end whose values are not printed, in lower case. A mistake beside a secret, or a
/// syntax error before anybody knows the field, must not put it into a log.
const SECRET_KEYS: [&str; 10] = [
    "password",
    "passwd",
    "secret",
    "token",
    "credentials",
    "_key",
    "apikey",
    "webhook_url",
    "api_url",
    "authorization",
];

/// A line made fit to print, and the columns to mark in it.
pub(super) struct Excerpt {
    /// The line, or the part of it around the mistake.
    pub(super) text: String,
    /// Columns before the mark.
    pub(super) before: usize,
    /// Columns to mark, at least one.
    pub(super) marked: usize,
}

/// A message made fit to print: of one that quotes more than anybody reads the beginning.
pub fn shortened(message: &str) -> Cow<'_, str> {
    match message.get(..message.floor_char_boundary(MESSAGE_BYTES)) {
        Some(beginning) if beginning.len() < message.len() => format!("{beginning}…").into(),
        _ => message.into(),
    }
}

impl Excerpt {
    /// `column` counts characters from 1; only the part of `marked` on this line is marked.
    pub(super) fn of(line: &str, column: u32, marked: &str) -> Excerpt {
        let line = without_secret(line.trim_start_matches('\u{feff}'));
        let line = &without_password(&line);
        let start = (column as usize - 1).min(line.chars().count());
        let marked_chars = marked.lines().next().unwrap_or_default().trim_end().chars().count();
        let cells = |skip: usize, take: usize| -> usize { line.chars().skip(skip).take(take).map(width).sum() };
        let (before, marked) = (cells(0, start), cells(start, marked_chars).max(1));
        let shown: Vec<char> = line.trim_end().chars().flat_map(printable).collect();
        Excerpt::cut(&shown, before, marked)
    }

    /// Cuts a long line around the mark, with `…` where something is missing.
    fn cut(line: &[char], before: usize, marked: usize) -> Excerpt {
        if line.len() <= WIDTH {
            return Excerpt { text: line.iter().collect(), before, marked };
        }
        let from = before.saturating_sub(LEAD).min(line.len().saturating_sub(WIDTH));
        let window = line.iter().skip(from).take(WIDTH);
        let head = if from > 0 { "…" } else { "" };
        let tail = if from + WIDTH < line.len() { "…" } else { "" };
        let text = format!("{head}{}{tail}", window.collect::<String>());
        let marked = marked.min((from + WIDTH).saturating_sub(before)).max(1);
        Excerpt { text, before: before - from + usize::from(from > 0), marked }
    }
}

/// How many columns [`printable`] makes of a character.
fn width(c: char) -> usize {
    if c == '\t' { 4 } else { 1 }
}

/// A tab as four blanks, other control characters as a replacement mark.
fn printable(c: char) -> impl Iterator<Item = char> {
    let shown = if c == '\t' {
        ' '
    } else if c.is_control() {
        '\u{fffd}'
    } else {
        c
    };
    std::iter::repeat_n(shown, width(c))
}

/// The line with `<secret>` for all that follows the first key that looks like a secret's.
fn without_secret(line: &str) -> Cow<'_, str> {
    let secret_key = |(colon, _): &(usize, &str)| {
        // Looked at from the end: a line may be long, and have a colon everywhere.
        let before = line.get(..*colon).unwrap_or_default().trim_end_matches([' ', '"', '\'']).as_bytes();
        let is_end = |key: &&str| {
            let end = before.len().checked_sub(key.len()).and_then(|start| before.get(start..));
            end.is_some_and(|end| end.eq_ignore_ascii_case(key.as_bytes()))
        };
        SECRET_KEYS.iter().any(is_end)
    };
    let Some((colon, _)) = line.match_indices(':').find(secret_key) else { return Cow::Borrowed(line) };
    let (key, value) = line.split_at(colon + 1);
    if value.trim().is_empty() { Cow::Borrowed(line) } else { Cow::Owned(format!("{key} <secret>")) }
}

/// The line with a star for each character of a password in a URL: `https://user:****@host`.
fn without_password(line: &str) -> Cow<'_, str> {
    let password = |(scheme_end, scheme): (usize, &str)| {
        let start = scheme_end + scheme.len();
        let authority = line.get(start..).unwrap_or_default();
        let end =
            authority.find(|c: char| matches!(c, '/' | '"' | '\'') || c.is_whitespace()).unwrap_or(authority.len());
        let (login, _) = authority.get(..end)?.rsplit_once('@')?;
        let (user, password) = login.split_once(':')?;
        Some((start + user.len() + 1, password))
    };
    let mut passwords = line.match_indices("://").filter_map(password).peekable();
    if passwords.peek().is_none() {
        return Cow::Borrowed(line);
    }
    let (mut shown, mut copied) = (String::with_capacity(line.len()), 0);
    for (start, password) in passwords {
        shown.push_str(line.get(copied..start).unwrap_or_default());
        shown.extend(password.chars().map(|_| '*'));
        copied = start + password.len();
    }
    shown.push_str(line.get(copied..).unwrap_or_default());
    Cow::Owned(shown)
}
