//! Matchers and labels as words of a command line. A lone first word that is none is the name of an alert.

use anyhow::{anyhow, bail};
use model::labels::ALERT_NAME;
use model::matcher::parse::{ParseMode, parse_matcher};
use model::quote::Quoted;
use model::{MatchOp, Matcher};

use super::wire::Pairs;

/// The words, the first one turned into a matcher on the alert's name if it is no matcher.
pub fn with_alert_name(words: &[String], mode: ParseMode) -> Vec<String> {
    let mut words = words.to_vec();
    if let Some(first) = words.first_mut()
        && parse_matcher(first, mode).is_err()
    {
        *first = format!("{ALERT_NAME}={}", Quoted(first));
    }
    words
}

/// Matchers.
///
/// # Errors
/// A word but the first is no matcher.
pub fn matchers(words: &[String], mode: ParseMode) -> anyhow::Result<Vec<Matcher>> {
    with_alert_name(words, mode).iter().map(|word| matcher(word, mode)).collect()
}

/// Labels, the first one possibly an alert's name alone.
///
/// # Errors
/// A word but the first is not `name=value`.
pub fn labels_with_alert_name(words: &[String], mode: ParseMode) -> anyhow::Result<Pairs> {
    let mut words = words.to_vec();
    if let Some(first) = words.first_mut()
        && pair(first, mode).is_err()
    {
        *first = format!("{ALERT_NAME}={}", Quoted(first));
    }
    labels(&words, mode)
}

/// Labels or annotations.
///
/// # Errors
/// A word is not `name=value`.
pub fn labels(words: &[String], mode: ParseMode) -> anyhow::Result<Pairs> {
    words.iter().map(|word| pair(word, mode)).collect()
}

fn pair(word: &str, mode: ParseMode) -> anyhow::Result<(String, String)> {
    let matcher = matcher(word, mode)?;
    if matcher.op() != MatchOp::Equal {
        bail!("{word:?} is not of the form name=value");
    }
    Ok((matcher.name().to_owned(), matcher.value().to_owned()))
}

fn matcher(word: &str, mode: ParseMode) -> anyhow::Result<Matcher> {
    let parsed = parse_matcher(word, mode).map_err(|error| anyhow!("bad matcher {word:?}: {error}"))?;
    Ok(parsed.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &[&str]) -> Vec<String> {
        text.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn a_lone_first_word_is_the_alerts_name() {
        let named = |text: &[&str]| with_alert_name(&words(text), ParseMode::default());
        assert_eq!(named(&["foo", "a=b"]), words(&["alertname=\"foo\"", "a=b"]));
        assert_eq!(named(&["foo bar"]), words(&["alertname=\"foo bar\""]));
        assert_eq!(named(&["a=~x.*"]), words(&["a=~x.*"]));
        assert_eq!(named(&["a=~("]), words(&["alertname=\"a=~(\""]));
        assert_eq!(named(&["foo", "bar"]), words(&["alertname=\"foo\"", "bar"]));
        assert_eq!(named(&[]), words(&[]));
    }

    #[test]
    fn labels_are_pairs() {
        let read = |text: &[&str]| labels_with_alert_name(&words(text), ParseMode::default());
        let expected = Pairs::from([("alertname".into(), "foo".into()), ("a".into(), "b c".into())]);
        assert_eq!(read(&["foo", "a=b c"]).unwrap(), expected);
        assert_eq!(read(&["a=~b"]).unwrap(), Pairs::from([("alertname".into(), "a=~b".into())]));
        for wrong in [["foo", "a!=b"], ["foo", "bar"], ["foo", "a=~b"]] {
            assert!(read(&wrong).is_err(), "{wrong:?}");
        }
        assert!(matchers(&words(&["foo", "a=~("]), ParseMode::default()).is_err());
    }
}
