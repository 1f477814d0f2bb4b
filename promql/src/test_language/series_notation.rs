//! Series and their values in one line: `up{job="a"} 0+1x5 _ stale {{count:1}}`.
//!
//! Values: `a+bxn` counts up from a by b, n times, so n+1 values; `a-bxn` counts down; `axn` repeats; `_` is a gap, `_xn`
//! n of them; `stale` ends the series. Histograms stand in double braces and may be counted up likewise.

use std::fmt;

use model::LabelSet;
use model::duration::parse_duration;

use super::histogram_notation;
use crate::ast::Expr;
use crate::eval::{STALE_BITS, Value};
use crate::matcher::MatchOp;
use crate::parse;

/// Most values of one line: what more would be meant by mistake.
const VALUES_MAX: usize = 10_000_000;

/// A series as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenSeries {
    /// Its labels.
    pub labels: LabelSet,
    /// Its values, `None` for gaps.
    pub values: Vec<Option<Value>>,
}

/// Why a line is no series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The byte of the line at which reading failed, from 0.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1:{}: {}", self.at + 1, self.message)
    }
}

impl std::error::Error for Unreadable {}

impl Unreadable {
    /// The same in a text that begins so many bytes earlier.
    pub(super) fn behind(self, bytes: usize) -> Unreadable {
        Unreadable { at: self.at + bytes, ..self }
    }
}

/// Labels and values.
///
/// # Errors
/// The place in the line that cannot be read.
pub fn parse_series(text: &str) -> Result<WrittenSeries, Unreadable> {
    let (labels, rest) = labels_and_rest(text)?;
    let at = text.len() - rest.len();
    let values = parse_values(rest).map_err(|error| error.behind(at))?;
    Ok(WrittenSeries { labels, values })
}

/// The labels a line begins with, and what follows.
///
/// # Errors
/// The place in the labels that cannot be read.
pub fn labels_and_rest(text: &str) -> Result<(LabelSet, &str), Unreadable> {
    let end = series_end(text);
    let (selector, rest) = text.split_at(end);
    Ok((parse_labels(selector)?, rest))
}

/// The labels of a series as it is written: `up{job="a"}`, `{"up", job="a"}`, `{}`.
///
/// # Errors
/// It is no metric with labels.
pub fn parse_labels(text: &str) -> Result<LabelSet, Unreadable> {
    let text = text.trim();
    if text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).is_some_and(|inner| inner.trim().is_empty()) {
        return Ok(LabelSet::empty());
    }
    let unreadable = |at: usize, message: String| Unreadable { at, message };
    let expr = parse(text).map_err(|errors| {
        errors.first().map_or_else(
            || unreadable(0, "not a series".to_owned()),
            |error| unreadable(error.span.start, error.message.clone()),
        )
    })?;
    let Expr::Vector(selector) = expr else {
        return Err(unreadable(0, format!("{text:?} is not a metric with labels")));
    };
    if let Some(matcher) = selector.matchers.iter().find(|matcher| matcher.op() != MatchOp::Equal) {
        return Err(unreadable(0, format!("labels of a series are given with =, not {matcher}")));
    }
    let pairs = selector.matchers.iter().map(|matcher| (matcher.name(), matcher.value()));
    Ok(LabelSet::from_pairs(pairs).without_empty())
}

/// Where the metric with its labels ends.
fn series_end(text: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(delimiter), '\\') if delimiter != '`' => escaped = true,
            (Some(delimiter), _) if c == delimiter => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '}') => return at + 1,
            // Between a name and its braces there may be blanks.
            (None, c) if c.is_whitespace() => {
                let rest = text.get(at..).unwrap_or_default().trim_start();
                let braces = rest.starts_with('{') && !rest.starts_with("{{");
                let inside = text.get(..at).is_some_and(|before| before.contains('{'));
                if !braces && !inside {
                    return at;
                }
            }
            (None, '@') => return at,
            (None, _) => {}
        }
    }
    text.len()
}

/// The values behind a series.
///
/// # Errors
/// The place that cannot be read.
pub fn parse_values(text: &str) -> Result<Vec<Option<Value>>, Unreadable> {
    let mut values = Vec::new();
    let mut reader = Reader { text, at: 0 };
    loop {
        reader.blanks();
        if reader.at >= text.len() {
            return Ok(values);
        }
        reader.item(&mut values)?;
        if values.len() > VALUES_MAX {
            return Err(reader.unreadable(format!("more than {VALUES_MAX} values")));
        }
        if !reader.rest().is_empty() && !reader.rest().starts_with(char::is_whitespace) {
            return Err(reader.unreadable(format!("unexpected {:?} behind a value", reader.next_char())));
        }
    }
}

/// A number as values are written: `1`, `-1.5e3`, `Inf`, `NaN`.
pub fn parse_number(text: &str) -> Option<f64> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.number().ok()?;
    reader.rest().is_empty().then_some(value)
}

/// Offsets of start timestamps, in milliseconds: `-30s-1mx2` is -30s, -1m30s, -2m30s.
pub(super) fn parse_offsets(text: &str) -> Result<Vec<Option<i64>>, Unreadable> {
    let mut offsets = Vec::new();
    let mut reader = Reader { text, at: 0 };
    loop {
        reader.blanks();
        if reader.at >= text.len() {
            return Ok(offsets);
        }
        if reader.accept("_") {
            let count = reader.repetitions()?.unwrap_or(1);
            offsets.extend(std::iter::repeat_n(None, count));
            continue;
        }
        let mut offset = reader.duration()?;
        offsets.push(Some(offset));
        if reader.rest().starts_with(['+', '-']) {
            let step = reader.duration()?;
            let Some(count) = reader.repetitions()? else { return Err(reader.unreadable("expected x and a count")) };
            for _ in 0..count {
                offset += step;
                offsets.push(Some(offset));
            }
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next_char(&self) -> String {
        self.rest().chars().next().map(String::from).unwrap_or_default()
    }

    fn unreadable(&self, message: impl Into<String>) -> Unreadable {
        Unreadable { at: self.at, message: message.into() }
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn accept(&mut self, text: &str) -> bool {
        let found = self.rest().get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
        if found {
            self.at += text.len();
        }
        found
    }

    fn item(&mut self, values: &mut Vec<Option<Value>>) -> Result<(), Unreadable> {
        if self.accept("_") {
            let count = self.repetitions()?.unwrap_or(1);
            values.extend(std::iter::repeat_n(None, count));
            return Ok(());
        }
        if self.accept("stale") {
            let count = self.repetitions()?.map_or(1, |count| count + 1);
            values.extend(std::iter::repeat_n(Some(Value::Float(f64::from_bits(STALE_BITS))), count));
            return Ok(());
        }
        if self.rest().starts_with("{{") { self.histograms(values) } else { self.numbers(values) }
    }

    fn numbers(&mut self, values: &mut Vec<Option<Value>>) -> Result<(), Unreadable> {
        let first = self.number()?;
        values.push(Some(Value::Float(first)));
        let step = if self.rest().starts_with(['+', '-']) { self.number()? } else { 0.0 };
        let Some(count) = self.repetitions()? else {
            return if step == 0.0 { Ok(()) } else { Err(self.unreadable("expected x and a count behind a step")) };
        };
        let mut value = first;
        for _ in 0..count {
            value += step;
            values.push(Some(Value::Float(value)));
        }
        Ok(())
    }

    fn histograms(&mut self, values: &mut Vec<Option<Value>>) -> Result<(), Unreadable> {
        let mut value = self.histogram()?;
        values.push(Some(Value::Histogram(value.clone().into())));
        let sign = self.rest().chars().next().filter(|sign| matches!(sign, '+' | '-'));
        let step = match sign {
            Some(_) => {
                self.at += 1;
                Some(self.histogram()?)
            }
            None => None,
        };
        let Some(count) = self.repetitions()? else {
            return if step.is_none() { Ok(()) } else { Err(self.unreadable("expected x and a count behind a step")) };
        };
        for _ in 0..count {
            if let Some(step) = &step {
                let combined = if sign == Some('-') { value.minus(step) } else { value.plus(step) };
                value = match combined {
                    Ok((value, _)) => value,
                    Err(_) => return Err(self.unreadable("a histogram and its step must have buckets of one kind")),
                };
            }
            values.push(Some(Value::Histogram(value.clone().into())));
        }
        Ok(())
    }

    fn histogram(&mut self) -> Result<crate::histogram::Histogram, Unreadable> {
        let Some(inner) = self.rest().strip_prefix("{{") else { return Err(self.unreadable("expected {{")) };
        let Some(end) = inner.find("}}") else { return Err(self.unreadable("expected }}")) };
        let fields = inner.get(..end).unwrap_or_default();
        let histogram = histogram_notation::parse(fields).map_err(|message| self.unreadable(message))?;
        self.at += end + 4;
        Ok(histogram)
    }

    /// A number with its sign.
    fn number(&mut self) -> Result<f64, Unreadable> {
        let bytes = self.rest().as_bytes();
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(b' ');
        let mut end = usize::from(matches!(byte(0), b'+' | b'-'));
        let word: String = self.rest().get(end..).unwrap_or_default().chars().take(3).collect();
        if matches!(word.to_ascii_lowercase().as_str(), "inf" | "nan") {
            end += 3;
        } else {
            let digits = |mut at: usize| {
                while byte(at).is_ascii_digit() || byte(at) == b'_' && byte(at + 1).is_ascii_digit() {
                    at += 1;
                }
                at
            };
            end = digits(end);
            if byte(end) == b'.' {
                end = digits(end + 1);
            }
            if matches!(byte(end), b'e' | b'E') {
                let sign = usize::from(matches!(byte(end + 1), b'+' | b'-'));
                if byte(end + 1 + sign).is_ascii_digit() {
                    end = digits(end + 1 + sign);
                }
            }
        }
        let text = self.rest().get(..end).unwrap_or_default();
        let Ok(value) = text.replace('_', "").parse() else {
            return Err(self.unreadable(format!("expected a value, got {:?}", self.next_char())));
        };
        self.at += end;
        Ok(value)
    }

    /// A duration with its sign, in milliseconds.
    fn duration(&mut self) -> Result<i64, Unreadable> {
        let negative = self.rest().starts_with('-');
        self.at += usize::from(self.rest().starts_with(['+', '-']));
        // An x ends it: no unit has one.
        let end = self.rest().find(|c: char| !c.is_ascii_alphanumeric() || c == 'x').unwrap_or(self.rest().len());
        let text = self.rest().get(..end).unwrap_or_default();
        let duration = parse_duration(text).map_err(|reason| self.unreadable(reason.to_string()))?;
        self.at += end;
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Ok(if negative { -ms } else { ms })
    }

    /// `x5`
    fn repetitions(&mut self) -> Result<Option<usize>, Unreadable> {
        let Some(rest) = self.rest().strip_prefix('x') else { return Ok(None) };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: usize = match rest.get(..digits).unwrap_or_default().parse() {
            Ok(count) if count <= VALUES_MAX => count,
            _ => return Err(self.unreadable("expected a count behind x")),
        };
        self.at += digits + 1;
        Ok(Some(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let values = parse_values(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let show = |value: &Option<Value>| match value {
            None => "_".to_owned(),
            Some(Value::Float(value)) if value.to_bits() == STALE_BITS => "stale".to_owned(),
            Some(Value::Float(value)) => value.to_string(),
            Some(Value::Histogram(histogram)) => histogram.test_expression(),
        };
        values.iter().map(show).collect::<Vec<String>>().join(" ")
    }

    #[test]
    fn values_are_expanded() {
        let table = [
            ("1 2 -3.5e1", "1 2 -35"),
            ("0+10x3", "0 10 20 30"),
            ("1-2x2", "1 -1 -3"),
            ("7x2", "7 7 7"),
            ("_ _x2 5", "_ _ _ 5"),
            ("Inf -inf NaN stale", "inf -inf NaN stale"),
            ("0x2 1e3+.5x1", "0 0 0 1000 1000.5"),
            ("{{sum:1 count:1}}+{{sum:2 count:1}}x1", "{{count:1 sum:1}} {{count:2 sum:3}}"),
        ];
        for (text, expanded) in table {
            assert_eq!(shown(text), expanded, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        for (text, at) in [("1 2 a", 4), ("1+2", 3), ("1x", 1), ("{{sum:1", 0), ("1,2", 1), ("{{sum:}}", 0)] {
            assert_eq!(parse_values(text).map_err(|error| error.at), Err(at), "{text}");
        }
    }

    #[test]
    fn labels_before_values() {
        for (text, labels, count) in [
            ("up 1 2", r#"{__name__="up"}"#, 2),
            (r#"up{a="}", b='x'} 1"#, r#"{__name__="up", a="}", b="x"}"#, 1),
            (r#"{"a.b", c="d"} 1"#, r#"{__name__="a.b", c="d"}"#, 1),
            ("{} {{count:1}}", "{}", 1),
            ("up {{count:1}}", r#"{__name__="up"}"#, 1),
            (r#"up {a="b"} 1"#, r#"{__name__="up", a="b"}"#, 1),
        ] {
            let series = parse_series(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((series.labels.to_string().as_str(), series.values.len()), (labels, count), "{text}");
        }
        assert!(parse_series(r#"up{a=~"b"} 1"#).is_err());
    }

    #[test]
    fn offsets_of_start_timestamps() {
        assert_eq!(parse_offsets("_ -30s-1mx1 0 1ms"), Ok(vec![None, Some(-30_000), Some(-90_000), Some(0), Some(1)]));
    }
}
