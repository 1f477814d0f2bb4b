//! Groups, rules and alerts as JSON, in Prometheus' key order.

use std::time::Duration;

use model::timestamp::ZERO_TIME;
use model::{LabelSet, Timestamp};
use serde::{Serialize, Serializer};

use crate::alerting::{AlertState, Instance};
use crate::engine::{Engine, GroupView, RuleView};
use crate::rule::RuleKind;

/// A group.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupAnswer {
    name: String,
    file: String,
    rules: Vec<RuleAnswer>,
    interval: f64,
    limit: usize,
    evaluation_time: f64,
    last_evaluation: Time,
}

/// A rule of either kind.
#[derive(Serialize)]
#[serde(untagged)]
enum RuleAnswer {
    Alerting(AlertingAnswer),
    Recording(RecordingAnswer),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertingAnswer {
    state: &'static str,
    name: String,
    query: String,
    duration: f64,
    keep_firing_for: f64,
    labels: Texts,
    annotations: Texts,
    /// `None` is written as null: the alerts were not asked for.
    alerts: Option<Vec<AlertAnswer>>,
    #[serde(flatten)]
    outcome: Outcome,
    r#type: &'static str,
}

#[derive(Serialize)]
struct RecordingAnswer {
    name: String,
    query: String,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    labels: Texts,
    #[serde(flatten)]
    outcome: Outcome,
    r#type: &'static str,
}

/// How a rule's last evaluation went.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    health: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    last_error: String,
    evaluation_time: f64,
    last_evaluation: Time,
}

/// A pending or firing alert.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlertAnswer {
    labels: Texts,
    annotations: Texts,
    state: &'static str,
    active_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_since: Option<Time>,
    value: String,
}

impl GroupAnswer {
    /// A group with those of its rules that were chosen.
    pub(super) fn of(group: &GroupView<'_>, rules: &[RuleView<'_>], with_alerts: bool) -> GroupAnswer {
        let (key, status) = (group.key(), group.status());
        GroupAnswer {
            name: key.name.to_string(),
            file: key.file.to_string(),
            rules: rules.iter().map(|rule| RuleAnswer::of(rule, with_alerts)).collect(),
            interval: group.interval().as_secs_f64(),
            limit: group.limit(),
            evaluation_time: seconds(status.evaluation_time),
            last_evaluation: Time(status.last_evaluation),
        }
    }
}

impl RuleAnswer {
    fn of(view: &RuleView<'_>, with_alerts: bool) -> RuleAnswer {
        let (rule, status) = (view.rule(), view.status());
        let (name, query, labels) = (rule.name.clone(), rule.shown_expr.clone(), Texts(rule.labels.clone()));
        let outcome = Outcome {
            health: status.health.as_str(),
            last_error: status.last_error.clone(),
            evaluation_time: seconds(status.evaluation_time),
            last_evaluation: Time(status.last_evaluation),
        };
        let RuleKind::Alerting(alerting) = &rule.kind else {
            return RuleAnswer::Recording(RecordingAnswer { name, query, labels, outcome, r#type: "recording" });
        };
        RuleAnswer::Alerting(AlertingAnswer {
            state: view.state().map_or("unknown", state_text),
            name,
            query,
            duration: alerting.hold.as_secs_f64(),
            keep_firing_for: alerting.keep_firing_for.as_secs_f64(),
            labels,
            annotations: Texts(alerting.annotations.clone()),
            alerts: with_alerts.then(|| view.alerts().map(AlertAnswer::of).collect()),
            outcome,
            r#type: "alerting",
        })
    }
}

impl AlertAnswer {
    fn of(instance: &Instance) -> AlertAnswer {
        AlertAnswer {
            labels: Texts(instance.labels.clone()),
            annotations: Texts(instance.annotations.clone()),
            state: state_text(instance.course.state),
            active_at: Time(Some(instance.course.active_at)),
            keep_firing_since: instance.course.keep_firing_since.map(|since| Time(Some(since))),
            value: exponent_text(instance.value),
        }
    }
}

/// The active alerts of all rules, by group and rule.
pub(super) fn alerts_of(engine: &Engine) -> Vec<AlertAnswer> {
    let rules = engine.groups().flat_map(|group| group.rules());
    rules.flat_map(|rule| rule.alerts()).map(AlertAnswer::of).collect()
}

pub(super) fn state_text(state: AlertState) -> &'static str {
    match state {
        AlertState::Inactive => "inactive",
        AlertState::Pending => "pending",
        AlertState::Firing => "firing",
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// A float as Go's `strconv.FormatFloat(value, 'e', -1, 64)` writes it: `1e+00`.
pub(super) fn exponent_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// An instant in RFC 3339 with as many decimals as needed; Go's zero time if there is none.
pub(super) struct Time(pub(super) Option<Timestamp>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(at) => serializer.collect_str(&at),
            None => serializer.serialize_str(ZERO_TIME),
        }
    }
}

/// A label set as a JSON object.
pub(super) struct Texts(pub(super) LabelSet);

impl Texts {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_gos_exponents() {
        for (value, text) in [
            (1.0, "1e+00"),
            (0.0, "0e+00"),
            (-1234.5, "-1.2345e+03"),
            (1e-7, "1e-07"),
            (1e300, "1e+300"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(exponent_text(value), text);
        }
    }
}
