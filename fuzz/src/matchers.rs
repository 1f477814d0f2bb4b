//! Matchers, in the classic syntax, in that of UTF-8, and whichever fits: what is read is printed so that it is read as the same.

use model::LabelSet;
use model::matcher::parse::{ParseMode, parse_matcher, parse_matchers, print_matchers};

use super::text;

const MODES: [ParseMode; 3] = [ParseMode::Classic, ParseMode::Utf8Strict, ParseMode::Fallback];

pub fn check(data: &[u8]) {
    let Some(written) = text::text(data) else { return };
    let labels = LabelSet::from_pairs([("alertname", "Down"), ("job", "api"), ("é", "\"\n\\")]);
    for mode in MODES {
        if let Ok(parsed) = parse_matcher(written, mode) {
            parsed.value.matches(&labels);
        }
        match parse_matchers(written, mode) {
            Err(error) => text::says(&error.to_string()),
            Ok(parsed) => {
                let printed = print_matchers(&parsed.value);
                let again = parse_matchers(&printed, ParseMode::Utf8Strict);
                let again = again.unwrap_or_else(|error| panic!("cannot be read again: {error}: {printed:?}"));
                assert_eq!(parsed.value, again.value, "{printed}");
                for (one, other) in parsed.value.iter().zip(&again.value) {
                    assert_eq!(one.matches(&labels), other.matches(&labels), "{printed}");
                }
            }
        }
    }
    ui::matchers::read_all(written, ParseMode::Fallback).ok();
}
