//! Texts cut to what the far side takes.

use super::definition::Limit;

/// The end of a text that was cut.
const MARK: &str = "…";

/// Cuts a text that is too long, between characters, and marks the end.
pub(crate) fn cut(text: String, limit: Limit) -> String {
    match limit {
        Limit::Characters(max) if text.chars().count() > max => {
            text.chars().take(max.saturating_sub(1)).chain(MARK.chars()).collect()
        }
        Limit::Bytes(max) if text.len() > max => {
            let end = text.floor_char_boundary(max.saturating_sub(MARK.len()));
            format!("{}{MARK}", text.get(..end).unwrap_or_default())
        }
        _ => text,
    }
}

/// Whether what HTML shows is too long: tags do not count, an entity is one character.
pub(crate) fn html_is_too_long(html: &str, limit: Limit) -> bool {
    match limit {
        Limit::Characters(max) => shown_characters(html) > max,
        Limit::Bytes(max) => html.len() > max,
    }
}

fn shown_characters(html: &str) -> usize {
    let mut shown = 0;
    let mut rest = html;
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '<' => rest.find('>'),
            '&' => rest.find(';').filter(|end| *end < 10),
            _ => None,
        };
        shown += usize::from(c != '<' || end.is_none());
        rest = rest.get(end.map_or(c.len_utf8(), |end| end + 1)..).unwrap_or_default();
    }
    shown
}

/// A text as HTML shows it.
pub(crate) fn as_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        let faces = "🔥🔥🔥🔥🔥";
        for (text, limit, wanted) in [
            ("abc", Limit::Characters(3), "abc"),
            ("abcd", Limit::Characters(3), "ab…"),
            (faces, Limit::Characters(5), faces),
            (faces, Limit::Characters(4), "🔥🔥🔥…"),
            (faces, Limit::Bytes(20), faces),
            (faces, Limit::Bytes(19), "🔥🔥🔥🔥…"),
            (faces, Limit::Bytes(18), "🔥🔥🔥…"),
            ("äöüß", Limit::Bytes(7), "äö…"),
        ] {
            assert_eq!(cut(text.to_owned(), limit), wanted, "{text} {limit:?}");
        }
    }

    #[test]
    fn html_counts_what_it_shows() {
        for (html, shown) in
            [("a", 1), ("<b>ab</b>", 2), ("&lt;&amp;", 2), ("a < b", 5), ("R&D; x", 4), ("🔥<i>ä</i>", 2)]
        {
            assert_eq!(shown_characters(html), shown, "{html}");
        }
    }
}
