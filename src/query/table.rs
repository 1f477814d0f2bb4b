//! Answers as text: a line for each sample.

use std::fmt::Write;

use model::labels::METRIC_NAME;
use model::{LabelSet, Timestamp};

use super::answer::{Data, Histogram, Row, Value};
use crate::client::table::Table;

/// An answer's data. Nothing for no series.
pub fn text(data: &Data) -> String {
    match data {
        Data::Scalar(_, value) => format!("{}\n", promql::format_number(*value)),
        Data::Text(_, text) => format!("{text}\n"),
        Data::Vector(rows) => {
            let mut table = Table::default();
            for row in rows {
                let value = row.points.last().map(|(_, value)| shown(value)).unwrap_or_default();
                table.open_row(&[value, series_name(&row.labels)]);
            }
            if rows.is_empty() { String::new() } else { table.text() }
        }
        Data::Matrix(rows) => rows.iter().map(over_time).collect::<Vec<String>>().join("\n"),
    }
}

fn over_time(row: &Row) -> String {
    let mut text = format!("{}\n", series_name(&row.labels));
    for (at_ms, value) in &row.points {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {}  {}", Timestamp::from_millis(*at_ms).to_rfc3339_millis(), shown(value));
    }
    text
}

/// `up{job="a"}`; labels that must be in quotes are, as PromQL writes them.
pub fn series_name(labels: &LabelSet) -> String {
    let plain = |name: &str, colons: bool| {
        !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || colons && c == ':')
            && !name.is_empty()
    };
    let (mut before, mut pairs) = (String::new(), Vec::new());
    match labels.get(METRIC_NAME) {
        Some(name) if plain(name, true) => before.push_str(name),
        Some(name) => pairs.push(promql::quote(name)),
        None => {}
    }
    for (name, value) in labels.iter().filter(|(name, _)| *name != METRIC_NAME) {
        let name = if plain(name, false) { name.to_owned() } else { promql::quote(name) };
        pairs.push(format!("{name}={}", promql::quote(value)));
    }
    if pairs.is_empty() && !before.is_empty() { before } else { format!("{before}{{{}}}", pairs.join(", ")) }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Float(value) => promql::format_number(*value),
        Value::Histogram(Histogram { count, sum, buckets }) => {
            let number = |value: f64| promql::format_number(value);
            let mut text = format!("{{count:{}, sum:{}", number(*count), number(*sum));
            for bucket in buckets {
                let open = if bucket.lower_inclusive { '[' } else { '(' };
                let close = if bucket.upper_inclusive { ']' } else { ')' };
                let (lower, upper) = (number(bucket.lower), number(bucket.upper));
                // Writing to a text cannot fail.
                let _ = write!(text, ", {open}{lower},{upper}{close}:{}", number(bucket.count));
            }
            text.push('}');
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::question::{Question, When};
    use super::*;

    fn answered(expr: &str, when: When) -> String {
        let series = "load 1m\n up{job=\"api\", instance=\"a\"} 1 0\n up{job=\"b\"} 0.25x1\n {\"my.name\", \"a.b\"=\"c\"} 7x1\n h {{sum:5 count:3 buckets:[1 2]}}x1";
        let storage = promql::series_file::read(series, 0).unwrap();
        text(&Question { expr: expr.to_owned(), when }.ask(&storage, &Default::default()).unwrap().data)
    }

    #[test]
    fn every_kind_of_answer() {
        let at = When::At(0);
        assert_eq!(answered("up", at), "1     up{instance=\"a\", job=\"api\"}\n0.25  up{job=\"b\"}\n");
        assert_eq!(answered("sum(up)", at), "1.25  {}\n");
        assert_eq!(answered("{\"my.name\"}", at), "7  {\"my.name\", \"a.b\"=\"c\"}\n");
        assert_eq!(answered("h", at), "{count:3, sum:5, (0.5,1]:1, (1,2]:2}  h\n");
        assert_eq!(answered("1 / 0", at), "+Inf\n");
        assert_eq!(answered("\"text\"", at), "text\n");
        assert_eq!(answered("none", at), "");
        let range = When::Range { start_ms: 0, end_ms: 60_000, step_ms: 60_000 };
        let expected = "up{instance=\"a\", job=\"api\"}\n  1970-01-01T00:00:00.000Z  1\n  1970-01-01T00:01:00.000Z  0\n\n\
            up{job=\"b\"}\n  1970-01-01T00:00:00.000Z  0.25\n  1970-01-01T00:01:00.000Z  0.25\n";
        assert_eq!(answered("up", range), expected);
    }
}
