//! A vector as Prometheus and its kin write it, without blanks: each series found by its bytes, without a look at its labels
//! where they are known.
//!
//! Anything that looks different is left to the reader of all JSON, which also says what is wrong with it.

use std::sync::{Mutex, PoisonError};

use memchr::memmem;
use model::LabelSet;

use super::answer::{self, Envelope, Labels};
use super::known_series::KnownSeries;
use crate::sample::{QueryAnswer, QueryValue};

/// What comes before the first series. No text can hold it: quotes in texts are escaped.
const LIST: &[u8] = br#""data":{"resultType":"vector","result":["#;

/// How far from its beginning an answer has its list of series.
const HEAD_BYTES_MAX: usize = 512;

/// What lies between the labels of a series and its value; no text can hold that either.
const BETWEEN: &[u8] = br#"},"value":["#;

/// Longest time in a point, in bytes.
const TIME_BYTES_MAX: usize = 32;

/// The answer in a body; `None` if it is not a vector of numbers in the usual form.
pub(super) fn read(body: &[u8], known: &Mutex<KnownSeries>) -> Option<QueryAnswer> {
    let head = body.get(..body.len().min(HEAD_BYTES_MAX))?;
    let (head, mut rest) = body.split_at_checked(memmem::find(head, LIST)? + LIST.len())?;
    let between = memmem::Finder::new(BETWEEN);
    let mut rows = Vec::new();
    while !rest.starts_with(b"]") {
        let series = rest.strip_prefix(br#"{"metric":"#)?;
        let (metric, point) = series.split_at_checked(between.find(series)? + 1)?;
        let labels = labels(metric, known)?;
        let (value, after) = read_point(point.strip_prefix(br#","value":["#)?)?;
        rows.push((labels, value));
        rest = after.strip_prefix(b"}")?;
        match rest.strip_prefix(b",") {
            Some(next) if next.starts_with(b"{") => rest = next,
            Some(_) => return None,
            None => {}
        }
    }
    let warnings = read_warnings(&[head, rest].concat())?;
    Some(QueryAnswer { value: QueryValue::Vector(rows), warnings })
}

fn labels(metric: &[u8], known: &Mutex<KnownSeries>) -> Option<LabelSet> {
    let read = || Some(serde_json::from_slice::<Labels>(metric).ok()?.0);
    known.lock().unwrap_or_else(PoisonError::into_inner).labels(metric, read)
}

/// The number of a point, after its bracket, and what follows the point: `1.5,"2"]`.
fn read_point(bytes: &[u8]) -> Option<(f64, &[u8])> {
    let time_bytes = bytes.iter().take(TIME_BYTES_MAX).position(|byte| *byte == b',')?;
    let (time, rest) = bytes.split_at_checked(time_bytes)?;
    serde_json::from_slice::<f64>(time).ok()?;
    let rest = rest.strip_prefix(br#",""#)?;
    let (text, rest) = rest.split_at_checked(memchr::memchr(b'"', rest)?)?;
    let value = answer::number(std::str::from_utf8(text).ok()?)?;
    Some((value, rest.strip_prefix(br#""]"#)?))
}

/// The warnings in an answer whose list of series has been cut out.
fn read_warnings(envelope: &[u8]) -> Option<Vec<String>> {
    let envelope: Envelope<'_> = serde_json::from_slice(envelope).ok()?;
    let data = envelope.data.as_ref()?;
    let is_cut_out = data.kind == "vector" && data.result.series.is_empty() && data.result.text.is_none();
    (envelope.status == "success" && is_cut_out).then(|| envelope.into_warnings())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(result: &str) -> String {
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{result}]}},"warnings":["w"]}}"#)
    }

    fn shown(body: &str, known: &Mutex<KnownSeries>) -> Option<String> {
        let answer = read(body.as_bytes(), known)?;
        assert_eq!(answer.warnings, ["w"]);
        let QueryValue::Vector(rows) = answer.value else { panic!("a vector") };
        Some(rows.iter().map(|(labels, value)| format!("{labels} {value}")).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn series_in_the_usual_form_are_read_and_recognised() {
        let known = Mutex::default();
        let a = r#"{"metric":{"__name__":"m","a":"},\"value\":[]"},"value":[1767225600.123,"1.5"]}"#;
        let b = r#"{"metric":{},"value":[1e9,"NaN"]}"#;
        for _ in 0..2 {
            assert_eq!(shown(&answer(""), &known).unwrap(), "");
            let both = shown(&answer(&format!("{a},{b}")), &known).unwrap();
            assert_eq!(both, r#"{__name__="m", a="},\"value\":[]"} 1.5; {} NaN"#);
        }
        assert_eq!(known.lock().unwrap().len(), 2);
    }

    #[test]
    fn anything_else_is_left_to_others() {
        let known = Mutex::default();
        for result in [
            r#"{"metric":{}, "value":[1,"1"]}"#,
            r#"{"metric":{},"value":[1,1]}"#,
            r#"{"metric":{},"value":["1","1"]}"#,
            r#"{"metric":{},"value":[inf,"1"]}"#,
            r#"{"metric":{},"value":[01,"1"]}"#,
            r#"{"metric":{},"value":[1,"x"]}"#,
            r#"{"metric":{},"value":[1,"1"],"histogram":[]}"#,
            r#"{"metric":{},"histogram":[1,{}]}"#,
            r#"{"metric":{"a":1},"value":[1,"1"]}"#,
            r#"{"metric":{"a":{"b":"c"}},"value":[1,"1"]}"#,
            r#"{"metric":{},"value":[1,"1"]},"#,
            r#"{"metric":{},"value":[1,"1"]"#,
            r#"{"value":[1,"1"]}"#,
            "{}",
        ] {
            assert_eq!(shown(&answer(result), &known), None, "{result}");
        }
        let whole = answer(r#"{"metric":{},"value":[1,"1"]}"#);
        for body in [
            whole.replace("success", "error"),
            whole.replace("vector", "matrix"),
            whole.replace(r#""data":"#, r#""data": "#),
            whole[..whole.len() - 1].to_owned(),
            format!("{whole}x"),
            String::new(),
        ] {
            assert_eq!(shown(&body, &known), None, "{body}");
        }
    }
}
