//! Series as they were recorded.

use std::collections::BTreeMap;

use serde_json::Value;

use super::sequence::{Nearly, Sequences, instant};
use crate::peers::client;

/// Slots of one group further apart are a gap: the longest interval and a half.
const GAP: f64 = 3.0;

/// A run of samples with the same value: the value, and when the run ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    value: String,
    ended: f64,
}

/// The value of `ALERTS_FOR_STATE` is an instant.
impl Nearly for Run {
    fn is_nearly(&self, other: &Self, seconds: f64) -> bool {
        let is_same = self.value == other.value
            || match (instant(&self.value), instant(&other.value)) {
                (Some(a), Some(b)) => (a - b).abs() <= seconds,
                _ => false,
            };
        is_same && (self.ended - other.ended).abs() <= seconds
    }
}

/// Every series that rules wrote since `start`, as runs. Samples that end a series are not among those a range selector
/// gives, so [`visible`] compares ends.
pub(super) async fn runs(url: &str, recorded: &str, start: f64) -> Sequences<Run> {
    let body = [("query", format!("{recorded}[10m]"))];
    let answer = post(url, "query", &body).await;
    let mut sequences: Sequences<Run> = BTreeMap::new();
    for series in answer["data"]["result"].as_array().expect("series") {
        let sequence = sequences.entry(series["metric"].to_string()).or_default();
        for point in series["values"].as_array().expect("values") {
            let (at, value) = (point[0].as_f64().expect("a time") - start, point[1].as_str().expect("a value"));
            match sequence.last_mut() {
                _ if at < 0.0 => {}
                Some((_, run)) if run.value == value && at - run.ended < GAP => run.ended = at,
                _ => sequence.push((at, Run { value: value.to_owned(), ended: at })),
            }
        }
    }
    sequences.retain(|_, sequence| !sequence.is_empty());
    sequences
}

/// When each series could be seen and when not any more, looked at four times a second.
pub(super) async fn visible(url: &str, recorded: &str, start: f64, end: f64) -> Sequences<bool> {
    let body = [
        ("query", recorded.to_owned()),
        ("start", start.to_string()),
        ("end", end.to_string()),
        ("step", "0.25".to_owned()),
    ];
    let answer = post(url, "query_range", &body).await;
    let mut sequences: Sequences<bool> = BTreeMap::new();
    for series in answer["data"]["result"].as_array().expect("series") {
        let sequence = sequences.entry(series["metric"].to_string()).or_default();
        let mut last = f64::NEG_INFINITY;
        for at in series["values"].as_array().expect("values").iter().filter_map(|point| point[0].as_f64()) {
            let at = at - start;
            if at - last > 0.3 {
                if last > 0.0 {
                    sequence.push((last, false));
                }
                sequence.push((at, true));
            }
            last = at;
        }
        sequence.push((last, false));
    }
    sequences
}

async fn post(url: &str, what: &str, body: &[(&str, String)]) -> Value {
    let answer = client().post(format!("{url}/api/v1/{what}")).form(body).send().await.unwrap();
    answer.error_for_status().unwrap().json().await.unwrap()
}
