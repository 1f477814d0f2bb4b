//! The text format 0.0.4.
//!
//! Prometheus and Alertmanager serve this one whatever a client asks for, and simple readers (karma's among them) know
//! no other. The registry writes OpenMetrics, which differs in the names of counter families, in how bounds of buckets
//! are written, and in its last line.

use std::fmt;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

/// What it is called in a `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that is registered, as it is now.
///
/// # Errors
/// A collector could not write its figures.
pub fn text(registry: &Registry) -> Result<String, fmt::Error> {
    let mut written = String::new();
    encode(&mut written, registry)?;
    Ok(from_openmetrics(&written))
}

fn from_openmetrics(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    let mut help = None;
    for line in written.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let total = if kind == "counter" { "_total" } else { "" };
            if let Some((_, words)) = help.take() {
                text.extend(["# HELP ", name, total, " ", words, "\n"]);
            }
            text.extend(["# TYPE ", name, total, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            push_sample(&mut text, line);
        }
    }
    text
}

/// `le="1.0"` is written `le="1"`. A label's value cannot hold the text looked for: its quotes are escaped.
fn push_sample(text: &mut String, line: &str) {
    let whole = line.split_once(".0\"").filter(|(before, _)| {
        before.rsplit_once("le=\"").is_some_and(|(name, bound)| {
            (name.ends_with('{') || name.ends_with(',')) && bound.bytes().all(|byte| byte.is_ascii_digit())
        })
    });
    match whole {
        Some((before, after)) => text.extend([before, "\"", after, "\n"]),
        None => text.extend([line, "\n"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Histogram, Page};
    use prometheus_client::collector::Collector;
    use prometheus_client::encoding::DescriptorEncoder;

    #[derive(Debug)]
    struct Sample;

    impl Collector for Sample {
        fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
            let mut page = Page::new(encoder);
            page.counters("c", "Counts things", [([("a", "x \"1.0\" le=\"2.0\"")], 3)])?;
            page.gauge("g", "A level", 1.5)?;
            let mut histogram = Histogram::new(&[0.5, 1.0]);
            histogram.observe(1.0);
            page.histograms("h_seconds", "Times", [([("k", "v.0")], &histogram)])
        }
    }

    #[test]
    fn is_what_a_go_client_library_writes() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Sample));
        let expected = r#"# HELP c_total Counts things
# TYPE c_total counter
c_total{a="x \"1.0\" le=\"2.0\""} 3
# HELP g A level
# TYPE g gauge
g 1.5
# HELP h_seconds Times
# TYPE h_seconds histogram
h_seconds_sum{k="v.0"} 1.0
h_seconds_count{k="v.0"} 1
h_seconds_bucket{le="0.5",k="v.0"} 0
h_seconds_bucket{le="1",k="v.0"} 1
h_seconds_bucket{le="+Inf",k="v.0"} 1
"#;
        assert_eq!(text(&registry).unwrap(), expected);
    }
}
