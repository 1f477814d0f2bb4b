//! The text format of metrics pages.

use model::LabelSet;
use model::labels::METRIC_NAME;

use super::{MISTAKES_MAX, Mistake};
use crate::eval::{Refused, Storage, Value};
use crate::test_language::series_notation::{labels_and_rest, parse_number};

/// One line of a page.
#[derive(Debug, PartialEq)]
struct Line {
    number: usize,
    labels: LabelSet,
    value: f64,
    at_ms: Option<i64>,
}

/// Reads a page of samples with times.
pub(super) fn read(text: &str, untimed_ms: i64) -> Result<Storage, Vec<Mistake>> {
    let mut storage = Storage::new();
    let mut lines = lines(text)?;
    // A dump may list a series' samples in any order.
    lines.sort_by_key(|line| line.at_ms.unwrap_or(untimed_ms));
    let mut mistakes = Vec::new();
    for line in lines {
        let id = storage.series_id(&line.labels);
        if let Err(Refused::Duplicate) = storage.append(id, line.at_ms.unwrap_or(untimed_ms), Value::Float(line.value))
        {
            let message = format!("{} has another value at the same time", line.labels);
            mistakes.push(Mistake { line: line.number, column: None, message });
        }
    }
    mistakes.sort_by_key(|mistake| mistake.line);
    mistakes.truncate(MISTAKES_MAX);
    if mistakes.is_empty() { Ok(storage) } else { Err(mistakes) }
}

/// Adds a page's samples.
pub(super) fn scrape(
    storage: &mut Storage,
    page: &str,
    labels: &[(&str, &str)],
    untimed_ms: i64,
) -> Result<(), Vec<Mistake>> {
    for line in lines(page)? {
        let own = LabelSet::from_pairs(labels.iter().copied());
        let id = storage.series_id(&own.overlay(line.labels.iter()));
        // What came before has the word, as in a server.
        let _refused = storage.append(id, line.at_ms.unwrap_or(untimed_ms), Value::Float(line.value));
    }
    Ok(())
}

fn lines(text: &str) -> Result<Vec<Line>, Vec<Mistake>> {
    let is_open_metrics = text.lines().next_back().is_some_and(|line| line.trim_end() == "# EOF");
    let (mut lines, mut mistakes) = (Vec::new(), Vec::new());
    for (index, text) in text.lines().enumerate() {
        if text.trim().is_empty() || text.trim_start().starts_with('#') {
            continue;
        }
        match line(index + 1, text, is_open_metrics) {
            Ok(line) => lines.push(line),
            Err(mistake) => mistakes.push(mistake),
        }
        if mistakes.len() == MISTAKES_MAX {
            break;
        }
    }
    if mistakes.is_empty() { Ok(lines) } else { Err(mistakes) }
}

fn line(number: usize, text: &str, is_open_metrics: bool) -> Result<Line, Mistake> {
    let mistake = |at: usize, message: String| Mistake { line: number, column: Some(at + 1), message };
    let (labels, rest) = labels_and_rest(text).map_err(|error| mistake(error.at, error.message))?;
    if labels.get(METRIC_NAME).is_none() {
        return Err(mistake(0, "a sample has a name".to_owned()));
    }
    // What follows # is an exemplar.
    let fields = rest.split(" # ").next().unwrap_or_default();
    let at = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    let mut words = fields.split_whitespace();
    let Some(word) = words.next() else { return Err(mistake(text.trim_end().len(), "expected a value".to_owned())) };
    let value = parse_number(word).ok_or_else(|| mistake(at(word), format!("expected a value, got {word:?}")))?;
    let at_ms = match words.next() {
        None => None,
        Some(word) => {
            let at_ms = if is_open_metrics { seconds(word) } else { word.parse().ok() };
            let unit = if is_open_metrics { "seconds" } else { "whole milliseconds" };
            Some(at_ms.ok_or_else(|| mistake(at(word), format!("expected a time in {unit}, got {word:?}")))?)
        }
    };
    if let Some(word) = words.next() {
        return Err(mistake(at(word), format!("unexpected {word:?} behind the time of a sample")));
    }
    Ok(Line { number, labels, value, at_ms })
}

fn seconds(word: &str) -> Option<i64> {
    let seconds: f64 = word.parse().ok().filter(|seconds: &f64| seconds.is_finite())?;
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    Some((seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn shown(storage: &Storage) -> Vec<String> {
        let samples = |series: &crate::eval::Series| -> Vec<(i64, Option<f64>)> {
            series.samples().into_iter().map(|(at, value)| (at, value.float())).collect()
        };
        storage.series().iter().map(|series| format!("{} {:?}", series.labels(), samples(series))).collect()
    }

    #[test]
    fn both_text_formats_and_the_notation_of_tests() {
        let prometheus =
            "# HELP up Whether.\n# TYPE up gauge\nup{job=\"a b\"} 1 2000\nup{job=\"a b\"} 0 1000\nplain 5e-1\n";
        let read_text = |text: &str| read(text, 7).map(|storage| shown(&storage));
        assert_eq!(
            read_text(prometheus).unwrap(),
            [
                "{__name__=\"plain\"} [(7, Some(0.5))]",
                "{__name__=\"up\", job=\"a b\"} [(1000, Some(0.0)), (2000, Some(1.0))]"
            ]
        );
        let open_metrics = "# TYPE a counter\na_total 3 1.5 # {trace=\"x\"} 1\n# EOF\n";
        assert_eq!(read_text(open_metrics).unwrap(), ["{__name__=\"a_total\"} [(1500, Some(3.0))]"]);
        let notation = "# minutes\nload 1m\n  up 1 _ 0\n";
        assert_eq!(read_text(notation).unwrap(), ["{__name__=\"up\"} [(0, Some(1.0)), (120000, Some(0.0))]"]);
    }

    #[test]
    fn mistakes_have_their_places_and_come_all_at_once() {
        let told = |text: &str| -> Vec<String> {
            read(text, 0).unwrap_err().iter().map(std::string::ToString::to_string).collect()
        };
        assert_eq!(
            told("up 1\nup x\nup{a=} 1\n\nup 1 soon\nup 1 2 3\nup"),
            [
                "2:4: expected a value, got \"x\"",
                "3:6: unexpected \"}\" in label matching, expected string",
                "5:6: expected a time in whole milliseconds, got \"soon\"",
                "6:8: unexpected \"3\" behind the time of a sample",
                "7:3: expected a value",
            ]
        );
        assert_eq!(told("up 1\nup 2"), ["2: {__name__=\"up\"} has another value at the same time"]);
        assert_eq!(told("load 1m\n  up 1 a"), ["2: 1:6: expected a value, got \"a\""]);
        assert_eq!(told(&"?\n".repeat(50)).len(), 20);
    }

    #[test]
    fn a_scraped_page_gets_the_labels_of_its_target() {
        let mut storage = Storage::new();
        let target = [("job", "shop"), ("instance", "a")];
        scrape(&mut storage, "up{job=\"own\"} 1\n", &target, 10).unwrap();
        scrape(&mut storage, "up{job=\"own\"} 0\n", &target, 10).unwrap();
        assert_eq!(shown(&storage), ["{__name__=\"up\", instance=\"a\", job=\"own\"} [(10, Some(1.0))]"]);
    }
}
