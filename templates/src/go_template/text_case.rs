//! Go's upper, lower and title case, character by character.

/// Go's `strings.ToUpper`.
pub(crate) fn upper(text: &str) -> String {
    text.chars().map(upper_character).collect()
}

/// Go's `strings.ToLower`.
pub(crate) fn lower(text: &str) -> String {
    text.chars().map(|character| single(character, character.to_lowercase())).collect()
}

/// Go's `strings.Title`: raises the first letter of each word and keeps the rest.
pub(crate) fn title(text: &str) -> String {
    let mut before = ' ';
    text.chars()
        .map(|character| {
            let raised = if is_separator(before) { upper_character(character) } else { character };
            before = character;
            raised
        })
        .collect()
}

fn upper_character(character: char) -> char {
    single(character, character.to_uppercase())
}

/// Go maps one character to one; those that would become several stay.
fn single(character: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => character,
    }
}

fn is_separator(character: char) -> bool {
    if character.is_ascii() {
        return !(character.is_ascii_alphanumeric() || character == '_');
    }
    !character.is_alphanumeric() && character.is_whitespace()
}
