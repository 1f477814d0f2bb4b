//! What is posted: alerts of seven labels, two annotations and a link, about 550 bytes of JSON each; and silences.

use std::fmt::Write as _;

/// What tells the alerts of a run apart.
#[derive(Clone, Copy)]
pub(crate) struct Alerts {
    /// `severity`.
    pub(crate) severity: &'static str,
    /// Seconds since 1970.
    pub(crate) starts_at: i64,
    /// Seconds since 1970.
    pub(crate) ends_at: i64,
}

impl Alerts {
    /// Alerts of a run that fire for some minutes from now on.
    pub(crate) fn firing(severity: &'static str) -> Self {
        let now = jiff::Timestamp::now().as_second();
        Self { severity, starts_at: now, ends_at: now + 240 }
    }

    /// The same, reported again later.
    pub(crate) fn later(self, seconds: i64) -> Self {
        Self { ends_at: self.ends_at + seconds, ..self }
    }

    /// The same, over.
    pub(crate) fn resolved(self) -> Self {
        Self { ends_at: jiff::Timestamp::now().as_second(), ..self }
    }

    /// A request's body with the alerts of these numbers.
    pub(crate) fn body(self, numbers: std::ops::Range<usize>) -> Vec<u8> {
        let (starts_at, ends_at) = (instant(self.starts_at), instant(self.ends_at));
        let mut body = String::with_capacity(numbers.len() * 600);
        for n in numbers {
            body.push(if body.is_empty() { '[' } else { ',' });
            let (name, namespace, severity) = (n % 50, n % 100, self.severity);
            let written = write!(
                body,
                r#"{{"labels":{{"alertname":"KubernetesWorkloadIsDegraded{name}","cluster":"production-eu-1","container":"application","instance":"10.{}.{}.{}:9100","namespace":"tenant-{namespace}","pod":"pod-{n}-7c9f6d5b8-x2x4q","severity":"{severity}"}},"annotations":{{"description":"Workload pod-{n} in namespace tenant-{namespace} has been degraded for more than 15 minutes.","summary":"A workload is degraded"}},"startsAt":"{starts_at}","endsAt":"{ends_at}","generatorURL":"http://prometheus.example.com:9090/graph?g0.expr=workload_degraded%3E0&g0.tab=1"}}"#,
                n >> 16,
                (n >> 8) & 255,
                n & 255
            );
            written.expect("a text takes all that is written to it");
        }
        body.push(']');
        body.into_bytes()
    }
}

/// A silence that matches none of the alerts: half by two equalities, half with a regular expression.
pub(crate) fn silence(n: usize) -> Vec<u8> {
    let now = jiff::Timestamp::now().as_second();
    let (starts_at, ends_at) = (instant(now), instant(now + 7200));
    let is_regex = n % 2 == 1;
    let value = if is_regex { format!("silenced-{n}-.*") } else { format!("silenced-{n}") };
    format!(
        r#"{{"matchers":[{{"name":"namespace","value":"tenant-{}","isRegex":false,"isEqual":true}},{{"name":"pod","value":"{value}","isRegex":{is_regex},"isEqual":true}}],"startsAt":"{starts_at}","endsAt":"{ends_at}","createdBy":"bench","comment":"none of the alerts"}}"#,
        n % 100
    )
    .into_bytes()
}

fn instant(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|instant| format!("{instant:.3}")).unwrap_or_default()
}
