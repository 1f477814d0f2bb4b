//! Quoted text, both ways, where Prometheus' lexer differs from Go's `strconv`.

use model::quote::quote_with;

/// Text in double quotes with the escapes Go's `strconv.Quote` uses: whatever is not printable is escaped.
pub fn quote(text: &str) -> String {
    lexed_again(model::quote::quote(text))
}

/// As [`quote`]; bytes that are not UTF-8 become `\xff`.
pub(crate) fn quote_bytes(bytes: &[u8]) -> String {
    lexed_again(model::quote::quote_bytes(bytes))
}

/// Go leaves the replacement character as it is, but no lexer of Prometheus accepts it so.
fn lexed_again(quoted: String) -> String {
    if quoted.contains(char::REPLACEMENT_CHARACTER) { quoted.replace('\u{fffd}', "\\ufffd") } else { quoted }
}

/// A character in single quotes, as Go's `%q` shows it.
pub(crate) fn quote_char(c: char) -> String {
    quote_with(c.encode_utf8(&mut [0; 4]), '\'', false)
}

/// The bytes a string token stands for. `None` if it is not one; the lexer has checked its escapes.
pub(crate) fn unquote(token: &str) -> Option<Vec<u8>> {
    match token.strip_prefix('`') {
        Some(raw) => raw.strip_suffix('`').map(|raw| raw.as_bytes().to_vec()),
        None => model::quote::unquote(token).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_what_they_stand_for() {
        for (token, bytes) in
            [(r#""a\n\xff""#, &b"a\n\xff"[..]), (r"'\''", b"'"), (r"`a\n`", b"a\\n"), ("`a\r`", b"a\r")]
        {
            assert_eq!(unquote(token).as_deref(), Some(bytes), "{token}");
        }
    }

    #[test]
    fn what_is_quoted_can_be_lexed() {
        assert_eq!(quote("\u{fffd}\u{200b}é\""), r#""\ufffd\u200bé\"""#);
        assert_eq!(quote_bytes(b"a\xc5z\xef\xbf\xbd"), r#""a\xc5z\ufffd""#);
        assert_eq!(quote_char('\''), r"'\''");
        assert_eq!(quote_char('"'), "'\"'");
    }
}
