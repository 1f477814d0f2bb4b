use super::*;

/// Kinds and texts of a text's tokens, up to the first error.
fn tokens(text: &str) -> Vec<String> {
    let mut lexer = Lexer::new(text);
    let mut shown = Vec::new();
    loop {
        match lexer.next_token() {
            Ok(Token { kind: TokenKind::End, .. }) => return shown,
            Ok(Token { kind, span }) => shown.push(format!("{kind:?} {}", &text[span.start..span.end])),
            Err(error) => {
                shown.push(error.message);
                return shown;
            }
        }
    }
}

#[test]
fn words_depend_on_the_brackets_around_them() {
    assert_eq!(tokens("by"), ["Keyword(By) by"]);
    assert_eq!(tokens("{by"), ["LeftBrace {", "Identifier by", "unexpected end of input inside braces"]);
    assert_eq!(tokens("a:b"), ["MetricIdentifier a:b"]);
    assert_eq!(
        tokens("a[Step()"),
        [
            "Identifier a",
            "LeftBracket [",
            "Keyword(Step) Step",
            "LeftParen (",
            "RightParen )",
            "unexpected end of input in duration expression",
        ]
    );
    assert_eq!(
        tokens("a[5m:by]"),
        ["Identifier a", "LeftBracket [", "Duration 5m", "Colon :", "unexpected character: 'b', expected ':'",]
    );
}

#[test]
fn operators_of_two_characters_win() {
    assert_eq!(
        tokens("<</<=>>/>= =="),
        [
            "Binary(Less) <",
            "Binary(TrimUpper) </",
            "Binary(LessEqual) <=",
            "Binary(Greater) >",
            "Binary(TrimLower) >/",
            "Binary(GreaterEqual) >=",
            "Binary(Equal) ==",
        ]
    );
}

#[test]
fn numbers_and_durations_end_where_they_end() {
    assert_eq!(
        tokens("1 .5 2. 1e-3 0x1F 1_000 5m 1h30m 1ms INF"),
        [
            "Number 1",
            "Number .5",
            "Number 2.",
            "Number 1e-3",
            "Number 0x1F",
            "Number 1_000",
            "Duration 5m",
            "Duration 1h30m",
            "Duration 1ms",
            "Number INF",
        ]
    );
    for (text, cut) in
        [("1a", "1"), ("5m3x", "5m3"), ("1.2.3", "1.2."), ("1__0", "1__"), ("0xee", "0xee"), ("5mm", "5mm")]
    {
        assert_eq!(tokens(text), [format!("bad number or duration syntax: \"{cut}\"")], "{text}");
    }
}

#[test]
fn comments_and_blanks_separate() {
    assert_eq!(tokens("a#b\r\n#c\n\t+"), ["Identifier a", "Binary(Add) +"]);
    assert_eq!(tokens("{a#}\n}"), ["LeftBrace {", "Identifier a", "RightBrace }"]);
}
