//! What an `eval` expects, and whether an answer is that.

use regex::Regex;

use super::comparison::{TOLERANCE, same_value};
use super::series_notation::WrittenSeries;
use crate::eval::{Answer, Data, InstantSample, Query, Row, Settings, Severity, Storage, Value};
use crate::format_number;

/// An evaluation, and what it must give.
#[derive(Debug)]
pub(super) struct Eval {
    pub(super) line: usize,
    pub(super) expr: String,
    pub(super) when: When,
    pub(super) expected: Expected,
    pub(super) fail: Option<Message>,
    pub(super) warn: Remark,
    pub(super) info: Remark,
    pub(super) ordered: bool,
}

/// At which instants.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    At(i64),
    Steps { start_ms: i64, end_ms: i64, step_ms: i64 },
}

/// The result.
#[derive(Debug)]
pub(super) enum Expected {
    Scalar(f64),
    Text(String),
    /// Series with a value at each step.
    Rows(Vec<WrittenSeries>),
    /// A range vector.
    Matrix {
        start_ms: i64,
        step_ms: i64,
        rows: Vec<WrittenSeries>,
    },
}

/// A text that must come.
#[derive(Debug)]
pub(super) enum Message {
    Any,
    Text(String),
    Pattern(Regex),
}

/// Remarks of one kind.
#[derive(Debug)]
pub(super) enum Remark {
    /// Nothing is said about them.
    Either,
    /// There must be none.
    None,
    /// There must be these, and no others.
    Some(Vec<Message>),
}

impl Message {
    fn is(&self, text: &str) -> bool {
        match self {
            Message::Any => true,
            Message::Text(expected) => expected == text,
            Message::Pattern(pattern) => pattern.is_match(text),
        }
    }

    fn shown(&self) -> String {
        match self {
            Message::Any => "anything".to_owned(),
            Message::Text(text) => format!("{text:?}"),
            Message::Pattern(pattern) => format!("/{pattern}/"),
        }
    }
}

impl Eval {
    pub(super) fn new(line: usize, expr: String, when: When) -> Eval {
        let expected = Expected::Rows(Vec::new());
        let (warn, info) = (Remark::Either, Remark::Either);
        Eval { line, expr, when, expected, fail: None, warn, info, ordered: false }
    }

    /// Evaluates and compares.
    ///
    /// # Errors
    /// What was expected, and what came.
    pub(super) fn check(&self, storage: &Storage, settings: &Settings) -> Result<(), String> {
        let answer = match Query::prepare(&self.expr, settings) {
            Err(error) => return self.check_failure(&error.to_string(), &error.located(&self.expr)),
            Ok(mut query) => match self.when {
                When::At(at_ms) => query.instant(storage, at_ms),
                When::Steps { start_ms, end_ms, step_ms } => query.range(storage, start_ms, end_ms, step_ms),
            },
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.check_failure(&error.message, &error.located(&self.expr)),
        };
        if let Some(message) = &self.fail {
            return Err(format!("expected to fail with {}, got {}", message.shown(), shown(&answer.data)));
        }
        self.check_remarks(&answer)?;
        self.check_data(&answer.data)?;
        if self.agrees_with_range() {
            self.check_as_range(storage, settings)?;
        }
        Ok(())
    }

    fn check_failure(&self, message: &str, located: &str) -> Result<(), String> {
        match &self.fail {
            None => Err(format!("failed: {located}")),
            Some(expected) if expected.is(message) || expected.is(located) => Ok(()),
            Some(expected) => Err(format!("expected to fail with {}, failed with {message:?}", expected.shown())),
        }
    }

    fn check_remarks(&self, answer: &Answer) -> Result<(), String> {
        for (severity, expected) in [(Severity::Warning, &self.warn), (Severity::Info, &self.info)] {
            let got: Vec<String> = answer.annotations.of(severity).map(|remark| remark.located(&self.expr)).collect();
            match expected {
                Remark::Either => {}
                Remark::None if got.is_empty() => {}
                Remark::None => return Err(format!("expected no {severity}, got {got:?}")),
                Remark::Some(expected) => {
                    if let Some(missing) = expected.iter().find(|message| !got.iter().any(|text| message.is(text))) {
                        return Err(format!("expected the {severity} {}, got {got:?}", missing.shown()));
                    }
                    if let Some(other) = got.iter().find(|text| !expected.iter().any(|message| message.is(text))) {
                        return Err(format!("unexpected {severity} {other:?}"));
                    }
                }
            }
        }
        Ok(())
    }

    fn check_data(&self, data: &Data) -> Result<(), String> {
        let differs = |expected: String| Err(format!("expected {expected}, got {}", shown(data)));
        match (&self.expected, data) {
            (Expected::Scalar(expected), Data::Scalar(got)) => {
                let same = same_value(&Value::Float(*expected), &Value::Float(*got), TOLERANCE);
                if same { Ok(()) } else { differs(format_number(*expected)) }
            }
            (Expected::Text(expected), Data::Text(got)) if expected == got => Ok(()),
            (Expected::Rows(rows), Data::Vector(samples)) => self.check_vector(rows, samples),
            (Expected::Rows(rows), Data::Matrix(got)) => match self.when {
                When::Steps { start_ms, step_ms, .. } => check_rows(rows, got, start_ms, step_ms),
                When::At(_) => differs("an instant vector".to_owned()),
            },
            (Expected::Matrix { start_ms, step_ms, rows }, Data::Matrix(got)) => {
                check_rows(rows, got, *start_ms, *step_ms)
            }
            (Expected::Scalar(expected), _) => differs(format_number(*expected)),
            (Expected::Text(expected), _) => differs(format!("{expected:?}")),
            (Expected::Rows(_) | Expected::Matrix { .. }, _) => differs("series".to_owned()),
        }
    }

    fn check_vector(&self, expected: &[WrittenSeries], got: &[InstantSample]) -> Result<(), String> {
        if expected.len() != got.len() {
            let got = shown(&Data::Vector(got.to_vec()));
            return Err(format!("expected {} series, got {got}", expected.len()));
        }
        for (index, series) in expected.iter().enumerate() {
            let found = got.iter().position(|sample| sample.labels == series.labels);
            let Some(sample) = found.and_then(|index| got.get(index)) else {
                let got = shown(&Data::Vector(got.to_vec()));
                return Err(format!("expected {}, got {got}", series.labels));
            };
            let Some(Some(value)) = series.values.first() else { continue };
            if !same_value(value, &sample.value, TOLERANCE) {
                let (value, got) = (shown_value(value), shown_value(&sample.value));
                return Err(format!("expected {} {value}, got {got}", series.labels));
            }
            if self.ordered && found != Some(index) {
                let place = found.map_or(0, |found| found + 1);
                return Err(format!("expected {} in place {}, got it in place {place}", series.labels, index + 1));
            }
        }
        Ok(())
    }

    /// Whether the evaluation at an instant must be the same as a step of a range: not for what tells the two apart.
    fn agrees_with_range(&self) -> bool {
        let text = self.expr.to_ascii_lowercase();
        let tells_apart = ["step()", "range()", "start()", "end()"].iter().any(|call| text.contains(call));
        let comparable = matches!(self.expected, Expected::Rows(_) | Expected::Scalar(_));
        matches!(self.when, When::At(_)) && comparable && !self.ordered && !tells_apart
    }

    fn check_as_range(&self, storage: &Storage, settings: &Settings) -> Result<(), String> {
        const STEP_MS: i64 = 60_000;
        let When::At(at_ms) = self.when else { return Ok(()) };
        let Ok(mut query) = Query::prepare(&self.expr, settings) else { return Ok(()) };
        let answer = query.range(storage, at_ms - STEP_MS, at_ms + STEP_MS, STEP_MS);
        let Data::Matrix(rows) = answer.map_err(|error| format!("as a range: {error}"))?.data else { return Ok(()) };
        let mut vector = Vec::new();
        for row in rows {
            if let Some((_, value)) = row.points.into_iter().find(|(point_ms, _)| *point_ms == at_ms) {
                vector.push(InstantSample { labels: row.labels, value });
            }
        }
        let outcome = match &self.expected {
            Expected::Rows(rows) => self.check_vector(rows, &vector),
            Expected::Scalar(_) => {
                let value = vector.first().and_then(|sample| sample.value.float()).unwrap_or(f64::NAN);
                self.check_data(&Data::Scalar(value))
            }
            Expected::Text(_) | Expected::Matrix { .. } => Ok(()),
        };
        outcome.map_err(|reason| format!("as a step of a range: {reason}"))
    }
}

fn check_rows(expected: &[WrittenSeries], got: &[Row], start_ms: i64, step_ms: i64) -> Result<(), String> {
    let shown_got = || shown(&Data::Matrix(got.to_vec()));
    if expected.len() != got.len() {
        return Err(format!("expected {} series, got {}", expected.len(), shown_got()));
    }
    for series in expected {
        let Some(row) = got.iter().find(|row| row.labels == series.labels) else {
            return Err(format!("expected {}, got {}", series.labels, shown_got()));
        };
        let mut at_ms = start_ms;
        let mut points = Vec::new();
        for value in &series.values {
            points.extend(value.as_ref().map(|value| (at_ms, value)));
            at_ms += step_ms;
        }
        let same = points.len() == row.points.len()
            && points
                .iter()
                .zip(&row.points)
                .all(|((at, value), (got_at, got))| at == got_at && same_value(value, got, TOLERANCE));
        if !same {
            let points = points.into_iter().map(|(at_ms, value)| (at_ms, value.clone())).collect();
            let expected = shown_row(&Row { labels: series.labels.clone(), points });
            return Err(format!("expected {expected}, got {}", shown_row(row)));
        }
    }
    Ok(())
}

fn shown(data: &Data) -> String {
    match data {
        Data::Scalar(value) => format_number(*value),
        Data::Text(text) => format!("{text:?}"),
        Data::Vector(samples) if samples.is_empty() => "nothing".to_owned(),
        Data::Matrix(rows) if rows.is_empty() => "nothing".to_owned(),
        Data::Vector(samples) => {
            let sample = |sample: &InstantSample| format!("{} {}", sample.labels, shown_value(&sample.value));
            samples.iter().map(sample).collect::<Vec<String>>().join("; ")
        }
        Data::Matrix(rows) => rows.iter().map(shown_row).collect::<Vec<String>>().join("; "),
    }
}

fn shown_row(row: &Row) -> String {
    let point = |(at_ms, value): &(i64, Value)| format!("{}@{at_ms}ms", shown_value(value));
    let points: Vec<String> = row.points.iter().map(point).collect();
    format!("{} {}", row.labels, points.join(" "))
}

fn shown_value(value: &Value) -> String {
    match value {
        Value::Float(value) => format_number(*value),
        Value::Histogram(histogram) => histogram.test_expression(),
    }
}
