//! What was seen of one thing over time, and whether two sequences of it agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use model::Timestamp;
use serde_json::Value;

/// What was seen, by the second in which it began.
pub(super) type Sequence<T> = Vec<(f64, T)>;

/// Of each thing, by name.
pub(super) type Sequences<T> = BTreeMap<String, Sequence<T>>;

/// Something that may differ by some seconds where it tells of instants.
pub(super) trait Nearly {
    fn is_nearly(&self, other: &Self, seconds: f64) -> bool;
}

/// How two sets of sequences compare.
pub(super) struct Comparison {
    pub(super) what: &'static str,
    pub(super) compared: usize,
    /// Sequences in which something is not exactly the same.
    pub(super) inexact: usize,
    pub(super) differences: Vec<String>,
}

/// Two sequences agree if the same was seen in the same order, and began within `tolerance` seconds of the other. What
/// was seen for no longer than `moment` seconds may have been missed by one.
pub(super) fn compare<T: Nearly + PartialEq + Debug>(
    what: &'static str,
    theirs: &Sequences<T>,
    ours: &Sequences<T>,
    (tolerance, moment): (f64, f64),
) -> Comparison {
    let mut comparison = Comparison { what, compared: 0, inexact: 0, differences: Vec::new() };
    let empty = Vec::new();
    let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    for name in names {
        let (a, b) = (theirs.get(name).unwrap_or(&empty), ours.get(name).unwrap_or(&empty));
        comparison.compared += a.len();
        comparison.inexact += usize::from(a.iter().map(|a| &a.1).ne(b.iter().map(|b| &b.1)));
        let are_near = |a: &(f64, T), b: &(f64, T)| (a.0 - b.0).abs() <= tolerance && a.1.is_nearly(&b.1, tolerance);
        let is_short = |of: &Sequence<T>, at: usize| match (of.get(at), of.get(at + 1)) {
            (Some(this), Some(next)) => next.0 - this.0 <= moment,
            _ => false,
        };
        let (mut at, mut other) = (0, 0);
        while at < a.len() || other < b.len() {
            let (one, two) = (a.get(at), b.get(other));
            match (one, two) {
                (Some(one), Some(two)) if are_near(one, two) => (at, other) = (at + 1, other + 1),
                _ if is_short(a, at) => at += 1,
                _ if is_short(b, other) => other += 1,
                _ => {
                    let text = format!("{what} {name}, entry {at}:\n  Prometheus {one:?}\n  Watchfire  {two:?}");
                    comparison.differences.push(text);
                    break;
                }
            }
        }
    }
    comparison
}

impl Nearly for bool {
    fn is_nearly(&self, other: &Self, _: f64) -> bool {
        self == other
    }
}

/// Texts that are instants may differ; all else must be equal.
impl Nearly for Value {
    fn is_nearly(&self, other: &Self, seconds: f64) -> bool {
        match (self, other) {
            (Value::Object(a), Value::Object(b)) => {
                let all_near = a.iter().all(|(key, a)| b.get(key).is_some_and(|b| a.is_nearly(b, seconds)));
                a.len() == b.len() && all_near
            }
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_nearly(b, seconds))
            }
            (Value::String(a), Value::String(b)) if a != b => match (instant(a), instant(b)) {
                (Some(a), Some(b)) => (a - b).abs() <= seconds,
                _ => false,
            },
            (a, b) => a == b,
        }
    }
}

/// The seconds of an instant, written as RFC 3339 does or as seconds since 1970.
pub(super) fn instant(text: &str) -> Option<f64> {
    let seconds = || text.parse().ok().filter(|seconds: &f64| (1e9..1e10).contains(seconds));
    Timestamp::parse_rfc3339(text).ok().map(Timestamp::as_secs_f64).or_else(seconds)
}
