//! Native histograms with custom buckets, made of classic ones: `load_with_nhcb`.

use std::collections::BTreeMap;

use model::LabelSet;
use model::labels::METRIC_NAME;

use super::series_notation::WrittenSeries;
use crate::eval::Value;
use crate::histogram::{CUSTOM_SCHEMA, Counts, Histogram};

/// What is known of a classic histogram at one step.
#[derive(Debug, Clone, Default)]
struct Classic {
    /// Border and cumulative count of each bucket.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

enum Part {
    Bucket(f64),
    Count,
    Sum,
}

/// The histograms whose buckets are among some series. Steps at which counts fall from bucket to bucket are left out.
pub(super) fn converted(series: &[WrittenSeries]) -> Vec<WrittenSeries> {
    let mut histograms: BTreeMap<LabelSet, BTreeMap<usize, Classic>> = BTreeMap::new();
    for series in series {
        let Some((labels, part)) = part(&series.labels) else { continue };
        let steps = histograms.entry(labels).or_default();
        for (step, value) in series.values.iter().enumerate() {
            let Some(value) = value.as_ref().and_then(Value::float) else { continue };
            let classic = steps.entry(step).or_default();
            match part {
                Part::Bucket(border) => classic.buckets.push((border, value)),
                Part::Count => classic.count = Some(value),
                Part::Sum => classic.sum = value,
            }
        }
    }
    let native = |(labels, steps): (LabelSet, BTreeMap<usize, Classic>)| {
        let length = steps.keys().last().map_or(0, |last| last + 1);
        let mut values = vec![None; length];
        for (step, classic) in steps {
            if let (Some(slot), Some(histogram)) = (values.get_mut(step), classic.native()) {
                *slot = Some(Value::Histogram(histogram.into()));
            }
        }
        WrittenSeries { labels, values }
    };
    histograms.into_iter().map(native).collect()
}

/// The histogram a series is a part of, and which part.
fn part(labels: &LabelSet) -> Option<(LabelSet, Part)> {
    let name = labels.get(METRIC_NAME)?;
    let named = |base: &str| labels.without("le").with(METRIC_NAME, base);
    if let (Some(base), Some(border)) = (name.strip_suffix("_bucket"), labels.get("le")) {
        return Some((named(base), Part::Bucket(border.parse().ok()?)));
    }
    if let Some(base) = name.strip_suffix("_count") {
        return Some((named(base), Part::Count));
    }
    name.strip_suffix("_sum").map(|base| (named(base), Part::Sum))
}

impl Classic {
    fn native(mut self) -> Option<Histogram> {
        if self.buckets.is_empty() {
            return None;
        }
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.buckets.dedup_by(|a, b| a.0 == b.0);
        let last = self.buckets.last().filter(|(border, _)| border.is_infinite()).map(|(_, count)| *count);
        let count = self.count.or(last).or(self.buckets.last().map(|(_, count)| *count))?;
        self.buckets.retain(|(border, _)| border.is_finite());
        let mut counts = Vec::with_capacity(self.buckets.len() + 1);
        let mut before = 0.0;
        for total in self.buckets.iter().map(|(_, total)| *total).chain([count]) {
            if total < before {
                return None;
            }
            counts.push(total - before);
            before = total;
        }
        Some(Histogram {
            schema: CUSTOM_SCHEMA,
            count,
            sum: self.sum,
            positive: Counts { offset: 0, counts },
            custom_values: self.buckets.into_iter().map(|(border, _)| border).collect(),
            ..Histogram::default()
        })
    }
}
