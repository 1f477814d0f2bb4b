//! Alerts as `POST /api/v2/alerts` takes them.

use model::{Alert, LabelSet};
use serde::{Serialize, Serializer};

/// The body for a batch: a JSON array, times in RFC 3339 with milliseconds as Prometheus writes them.
///
/// # Errors
/// Never in practice: every key is a text.
pub(super) fn encode(batch: &[Alert]) -> Result<Vec<u8>, String> {
    let batch: Vec<WireAlert<'_>> = batch.iter().map(WireAlert::of).collect();
    serde_json::to_vec(&batch).map_err(|error| format!("cannot write the alerts as JSON: {error}"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireAlert<'a> {
    labels: Texts<'a>,
    /// Left out where there are none, as Prometheus does.
    #[serde(skip_serializing_if = "Texts::is_empty")]
    annotations: Texts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
}

impl WireAlert<'_> {
    fn of(alert: &Alert) -> WireAlert<'_> {
        WireAlert {
            labels: Texts(&alert.labels),
            annotations: Texts(&alert.annotations),
            starts_at: alert.starts_at.map(|at| at.to_rfc3339_millis()),
            ends_at: alert.ends_at.map(|at| at.to_rfc3339_millis()),
            generator_url: &alert.generator_url,
        }
    }
}

/// A label set as a JSON object.
pub(in crate::io) struct Texts<'a>(pub(in crate::io) &'a LabelSet);

impl Texts<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    #[test]
    fn is_what_prometheus_posts() {
        let alert = Alert {
            labels: LabelSet::from_pairs([("alertname", "A"), ("x", "é\"")]),
            annotations: LabelSet::from_pairs([("summary", "s")]),
            starts_at: Some(Timestamp::from_millis(1_767_323_045_678)),
            ends_at: Some(Timestamp::from_secs(1_767_323_105)),
            generator_url: "http://p/graph?g0.expr=up&g0.tab=1".into(),
        };
        let bare = Alert {
            annotations: LabelSet::empty(),
            starts_at: None,
            ends_at: None,
            generator_url: "".into(),
            ..alert.clone()
        };
        assert_eq!(
            String::from_utf8(encode(&[alert, bare]).unwrap()).unwrap(),
            concat!(
                r#"[{"labels":{"alertname":"A","x":"é\""},"annotations":{"summary":"s"},"#,
                r#""startsAt":"2026-01-02T03:04:05.678Z","endsAt":"2026-01-02T03:05:05.000Z","#,
                r#""generatorURL":"http://p/graph?g0.expr=up&g0.tab=1"},"#,
                r#"{"labels":{"alertname":"A","x":"é\""},"generatorURL":""}]"#
            )
        );
    }
}
