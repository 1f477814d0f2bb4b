//! Alerts as they were posted.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use super::rules_api::without_columns;
use super::sequence::{Sequences, instant};
use crate::sink::Sink;

/// What a sink was told.
#[derive(Default)]
pub(super) struct Posts {
    /// Each alert's news, by the instant of the evaluation that told them: that it fires, that it is over.
    pub(super) news: Sequences<Value>,
    /// How many seconds after it was told last an alert that fires was told again, and how often that was so.
    pub(super) resends: BTreeMap<u64, usize>,
}

/// `lifetime` is how long a firing alert of its rule is valid; the instant of the evaluation follows from it. What was told
/// before `start` is left out, and in the `deaf` seconds: Prometheus knows of no Alertmanager for some seconds after a
/// reload, and does not tell later what it would have told then.
pub(super) fn posts(sink: &Sink, start: f64, deaf: &Range<f64>, lifetime: impl Fn(&Value) -> f64) -> Posts {
    let mut posts = Posts::default();
    let mut last_told: BTreeMap<String, f64> = BTreeMap::new();
    for told in sink.told("/api/v2/alerts") {
        for alert in told.body.as_array().expect("a list of alerts") {
            let time = |key: &str| instant(alert[key].as_str().expect("a time")).expect("a time");
            let is_firing = time("endsAt") > told.at;
            let evaluated = if is_firing { time("endsAt") - lifetime(alert) } else { time("endsAt") } - start;
            if deaf.contains(&evaluated) || deaf.contains(&(told.at - start)) || time("startsAt") < start {
                continue;
            }
            let mut about = alert.clone();
            without_columns(&mut about["annotations"]);
            if is_firing {
                about["endsAt"] = "later".into();
                if let Some(last) = last_told.insert(about["labels"].to_string(), evaluated) {
                    *posts.resends.entry((evaluated - last).round() as u64).or_default() += 1;
                }
            } else {
                last_told.remove(&about["labels"].to_string());
            }
            let news = posts.news.entry(alert["labels"].to_string()).or_default();
            // Requests overtake one another, and what is told again is no news.
            let is_known = |known: &Value| known["startsAt"] == about["startsAt"] && known["endsAt"] == about["endsAt"];
            if !news.iter().any(|(_, known)| is_known(known)) {
                news.push((evaluated, about));
            }
        }
    }
    posts.news.values_mut().for_each(|news| news.sort_by(|a, b| a.0.total_cmp(&b.0)));
    posts
}

impl Posts {
    /// The usual distance of resends, in seconds.
    pub(super) fn usual_resend(&self) -> u64 {
        self.resends.iter().max_by_key(|(_, times)| **times).map_or(0, |(seconds, _)| *seconds)
    }
}
