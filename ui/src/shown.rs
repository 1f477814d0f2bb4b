//! Texts from outside (labels, annotations, comments, addresses) as they are shown: of bounded length, and with nothing in them that
//! cannot be seen. Templates escape them.

/// A value among others is shown with so many characters.
pub const SHORT: usize = 200;
/// A value that has the page to itself.
pub const LONG: usize = 10_000;

/// At most `most` characters, control characters as their pictures (`␛`), and a mark in place of what turns the direction of writing.
pub fn shown(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most * 2));
    for (at, character) in text.chars().enumerate() {
        if at == most {
            out.push('…');
            break;
        }
        out.push(visible(character));
    }
    out
}

fn visible(character: char) -> char {
    match character {
        '\n' | '\t' => character,
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        character => character,
    }
}

/// An address that may stand in a link, `http` or `https`: any other is shown as text.
pub fn link(address: &str) -> Option<&str> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let start = address.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| address.get(scheme.len()..)).flatten()
    })?;
    let is_plain = !address.chars().any(|character| character.is_whitespace() || character.is_control());
    (is_plain && !rest.is_empty() && address.len() <= LONG).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unseen_stays() {
        assert_eq!(shown("a\u{1b}[31m\0b\u{202e}c\n", SHORT), "a␛[31m␀b\u{fffd}c\n");
        assert_eq!(shown("äöü", 2), "äö…");
        assert_eq!(shown("äö", 2), "äö");
        assert_eq!(shown(&"x".repeat(100_000), SHORT).chars().count(), SHORT + 1);
    }

    #[test]
    fn only_web_addresses_are_links() {
        for good in ["http://a", "HTTPS://a/b?c=d#e"] {
            assert_eq!(link(good), Some(good));
        }
        for bad in [
            "",
            "javascript:alert(1)",
            " http://a",
            "http://",
            "http://a b",
            "data:text/html,x",
            "//a",
            "http://a\u{1}",
        ] {
            assert_eq!(link(bad), None, "{bad}");
        }
    }
}
