//! Tables of what each syntax reads. `~` in an expected text means "refused".

use super::*;

fn shown(result: Result<Parsed<Vec<Matcher>>, InvalidMatcher>) -> String {
    result.map_or_else(|_| "~".to_owned(), |parsed| print_matchers(&parsed.value))
}

/// Text, classic reading, UTF-8 reading.
const LISTS: &[(&str, &str, &str)] = &[
    ("", "{}", "{}"),
    ("{}", "{}", "{}"),
    ("{", "{}", "~"),
    ("}", "{}", "~"),
    ("{}}", "~", "~"),
    (",", "~", "~"),
    ("{,}", "~", "~"),
    ("a=b", r#"{a="b"}"#, r#"{a="b"}"#),
    ("a=b,", r#"{a="b"}"#, r#"{a="b"}"#),
    ("a=b, ", r#"{a="b"}"#, r#"{a="b"}"#),
    ("a=b,,c=d", "~", "~"),
    ("{a=b", r#"{a="b"}"#, "~"),
    ("a=b}", r#"{a="b"}"#, "~"),
    (r#"{a="b",c=~"d|e",f!="",g!~"h"}"#, r#"{a="b",c=~"d|e",f!="",g!~"h"}"#, r#"{a="b",c=~"d|e",f!="",g!~"h"}"#),
    (" { a = \"b\" , c != d } ", "~", r#"{a="b",c!="d"}"#),
    (" a = \"b\" , c != d ", r#"{a="b",c!="d"}"#, r#"{a="b",c!="d"}"#),
    ("a=", r#"{a=""}"#, "~"),
    (r#"a="""#, r#"{a=""}"#, r#"{a=""}"#),
    ("a=b c", r#"{a="b c"}"#, "~"),
    ("a= b c ", r#"{a="b c"}"#, "~"),
    ("a==b", r#"{a="=b"}"#, "~"),
    ("a=~=b", r#"{a=~"=b"}"#, "~"),
    ("a!b", "~", "~"),
    ("a=!b", r#"{a="!b"}"#, "~"),
    ("a=~[b", "~", "~"),
    (r#"a=~"b)(c""#, "~", "~"),
    ("a", "~", "~"),
    ("=b", "~", "~"),
    ("1a=b", "~", r#"{1a="b"}"#),
    ("a:b=c", r#"{a:b="c"}"#, r#"{a:b="c"}"#),
    ("a.b=c", "~", r#"{a.b="c"}"#),
    ("é=c", "~", r#"{é="c"}"#),
    (r#""a b"="c""#, "~", r#"{"a b"="c"}"#),
    (r#"a="b,c",d=e"#, r#"{a="b,c",d="e"}"#, r#"{a="b,c",d="e"}"#),
    (r#"a="b\",c",d=e"#, r#"{a="b\",c",d="e"}"#, r#"{a="b\",c",d="e"}"#),
    (r#"a="b\\",d=e"#, r#"{a="b\\",d="e"}"#, r#"{a="b\\",d="e"}"#),
    (r#"a="b"c"#, "~", "~"),
    (r#"a=b"c"#, "~", "~"),
    (r#"a=b"c""#, "~", "~"),
    (r#"a="b"#, "~", "~"),
    (r#"a="b\""#, "~", "~"),
    (r#"a='b'"#, r#"{a="'b'"}"#, "~"),
    ("a=`b`", r#"{a="`b`"}"#, "~"),
    (r#"a=~"\d+""#, r#"{a=~"\\d+"}"#, "~"),
    (r#"a=~"\\d+""#, r#"{a=~"\\d+"}"#, r#"{a=~"\\d+"}"#),
    (r#"a=~\d+"#, r#"{a=~"\\d+"}"#, "~"),
    (r#"a="\t""#, r#"{a="\\t"}"#, "{a=\"\t\"}"),
    (r#"a="\n""#, r#"{a="\n"}"#, r#"{a="\n"}"#),
    (r#"a="\x41\101\u00e9\U0001F600""#, r#"{a="\\x41\\101\\u00e9\\U0001F600"}"#, r#"{a="AAé😀"}"#),
    (r#"a="\xff""#, r#"{a="\\xff"}"#, "~"),
    (r#"a="\ud800""#, r#"{a="\\ud800"}"#, "~"),
    (r#"a="\'""#, r#"{a="\\'"}"#, "~"),
    (r#"a="\x+1""#, r#"{a="\\x+1"}"#, "~"),
    ("a=\"b\nc\"", r#"{a="b\nc"}"#, "~"),
    (r"a=b\", r#"{a="b\\"}"#, "~"),
    ("a=🙂", r#"{a="🙂"}"#, r#"{a="🙂"}"#),
    ("a=b c=d", r#"{a="b c=d"}"#, "~"),
    ("a=b{", r#"{a="b{"}"#, "~"),
    ("{{a=b}}", "~", "~"),
    ("a\u{a0}=b", "~", r#"{a="b"}"#),
];

#[test]
fn lists_in_both_syntaxes() {
    for (text, classic, utf8) in LISTS {
        assert_eq!(shown(parse_matchers(text, ParseMode::Classic)), *classic, "classic: {text}");
        assert_eq!(shown(parse_matchers(text, ParseMode::Utf8Strict)), *utf8, "UTF-8: {text}");
    }
}

#[test]
fn fallback_takes_the_classic_reading_with_a_warning_where_the_two_differ() {
    for (text, classic, utf8) in LISTS {
        let parsed = parse_matchers(text, ParseMode::Fallback);
        let warned = parsed.as_ref().is_ok_and(|parsed| parsed.warning.is_some());
        let expected = if *classic == "~" { utf8 } else { classic };
        assert_eq!(shown(parsed), *expected, "{text}");
        assert_eq!(warned, *classic != "~" && classic != utf8, "{text}");
    }
}

#[test]
fn a_single_matcher_has_no_braces_and_stands_alone() {
    for mode in [ParseMode::Fallback, ParseMode::Utf8Strict] {
        for text in ["{a=b}", "{a=b", "a=b}", ""] {
            assert!(parse_matcher(text, mode).is_err(), "{text}");
        }
        assert_eq!(parse_matcher(" a = \"b\" ", mode).map(|parsed| parsed.value.to_string()), Ok("a=\"b\"".to_owned()));
    }
    assert!(parse_matcher("a=b,c=d", ParseMode::Utf8Strict).is_err());
    // The classic syntax takes the rest of the text as value.
    let classic = |text| parse_matcher(text, ParseMode::Classic).unwrap().value.to_string();
    assert_eq!(classic("a=b,c=d"), r#"a="b,c=d""#);
    assert_eq!(classic("a=b}"), r#"a="b}""#);
}

#[test]
fn errors_say_what_and_where() {
    let cases = [
        ("severity", 8, "expected =, !=, =~ or !~, but the text ends"),
        ("a=b c=\"", 4, "expected a comma or the end, found c"),
        ("a=\"b", 2, "the quoted text does not end"),
        ("a=~\"(\"", 3, "invalid regular expression \"(\": missing closing )"),
        ("é=\"\\q\"", 4, "unknown escape; a backslash inside quotes is written \\\\"),
        ("a=b,{", 4, "expected a label name, found {"),
        ("!a", 0, "expected = or ~ after !"),
    ];
    for (text, offset, message) in cases {
        assert_eq!(parse_matchers(text, ParseMode::Utf8Strict), Err(InvalidMatcher::new(offset, message)), "{text}");
    }
    let cases = [
        (" 1=x", 1, "expected a label name, such as severity=\"critical\""),
        ("a=b, c~d", 6, "expected =, !=, =~ or !~ after c"),
        ("a=b,c=\"d\"e\"", 8, "a double quote inside a value is written \\\""),
        ("a=b,c= \"d", 7, "the quoted value does not end"),
        ("a=~*", 3, "invalid regular expression \"*\": missing argument to repetition operator"),
    ];
    for (text, offset, message) in cases {
        assert_eq!(parse_matchers(text, ParseMode::Classic), Err(InvalidMatcher::new(offset, message)), "{text}");
    }
}

#[test]
fn warnings_give_the_text_to_write() {
    let warning = |text| parse_matchers(text, ParseMode::Fallback).unwrap().warning.unwrap();
    assert_eq!(
        warning("a=b c"),
        r#"is not valid in UTF-8 strict mode (expected a comma or the end, found c); write {a="b c"}"#
    );
    assert_eq!(
        warning(r#"a="\x78""#),
        r#"reads as {a="\\x78"} here, but as {a="x"} in UTF-8 strict mode; write {a="\\x78"}"#
    );
}

mod laws {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_with_an_offset_inside_it(text in "[a-z{}!=~,\\\\\"'`\\s\\d.|(\\[é]{0,24}") {
            for mode in [ParseMode::Fallback, ParseMode::Classic, ParseMode::Utf8Strict] {
                for result in [parse_matchers(&text, mode).map(|_| ()), parse_matcher(&text, mode).map(|_| ())] {
                    if let Err(error) = result {
                        prop_assert!(text.is_char_boundary(error.offset), "{text:?} {error:?}");
                    }
                }
            }
        }

        #[test]
        fn what_is_printed_reads_back(name in "[a-z ={é.]{1,4}", value in "[ -~é\n\t]{0,12}", op in 0..2_usize) {
            let op = [MatchOp::Equal, MatchOp::NotEqual][op];
            let matcher = Matcher::new(name, op, value).unwrap();
            let parsed = parse_matchers(&matcher.to_string(), ParseMode::Utf8Strict);
            prop_assert_eq!(parsed.map(|parsed| parsed.value), Ok(vec![matcher]));
        }
    }

    use crate::matcher::MatchOp;
}
