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

/// English title case: the first letter of each word raised, all others lowered. Apostrophes, dots and colons between
/// letters do not end a word, hyphens do.
pub(crate) fn title_words(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut raised = false;
    for (index, &character) in characters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| characters.get(before));
        let letters_around = [before, characters.get(index + 1)].iter().all(|c| c.is_some_and(|c| c.is_alphabetic()));
        let joins = matches!(character, '\'' | '\u{2019}' | '.' | ':' | '\u{b7}') && letters_around;
        if character.is_alphabetic() {
            out.push(if raised { single(character, character.to_lowercase()) } else { upper_character(character) });
            raised = true;
            continue;
        }
        raised &= character.is_numeric() || character == '_' || joins;
        out.push(character);
    }
    out
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
