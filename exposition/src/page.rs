//! The page of a scrape while it is written.

use std::collections::HashMap;
use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

use crate::Histogram;

/// Writes families; names of counters are given without `_total`.
pub struct Page<'a>(DescriptorEncoder<'a>);

/// A histogram to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Of all figures.
    pub sum: f64,
    /// Of all figures.
    pub count: u64,
    /// Upper bounds with the figures in each bucket alone; infinity last.
    pub buckets: Vec<(f64, u64)>,
}

impl Distribution {
    /// Sum and count only, for what other programs show as a summary without quantiles.
    pub fn without_buckets(sum: f64, count: u64) -> Self {
        Self { sum, count, buckets: vec![(f64::INFINITY, count)] }
    }
}

impl From<&Histogram> for Distribution {
    fn from(histogram: &Histogram) -> Self {
        Self { sum: histogram.sum(), count: histogram.count(), buckets: histogram.buckets().collect() }
    }
}

impl<'a> Page<'a> {
    /// Writes through a collector's encoder.
    pub fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// One counter without labels.
    ///
    /// # Errors
    /// The page cannot be written; so everywhere here.
    pub fn counter(&mut self, name: &str, help: &str, value: impl EncodeCounterValue) -> fmt::Result {
        counter(&mut self.0.encode_descriptor(name, help, None, MetricType::Counter)?, &value)
    }

    /// Counters by labels.
    ///
    /// # Errors
    /// The page cannot be written.
    pub fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        rows.into_iter().try_for_each(|(labels, value)| counter(&mut family.encode_family(&labels)?, &value))
    }

    /// One gauge without labels.
    ///
    /// # Errors
    /// The page cannot be written.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    /// Gauges by labels.
    ///
    /// # Errors
    /// The page cannot be written.
    pub fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        rows.into_iter().try_for_each(|(labels, value)| family.encode_family(&labels)?.encode_gauge(&value))
    }

    /// One histogram without labels.
    ///
    /// # Errors
    /// The page cannot be written.
    pub fn histogram(&mut self, name: &str, help: &str, value: impl Into<Distribution>) -> fmt::Result {
        histogram(&mut self.0.encode_descriptor(name, help, None, MetricType::Histogram)?, &value.into())
    }

    /// Histograms by labels.
    ///
    /// # Errors
    /// The page cannot be written.
    pub fn histograms<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (L, impl Into<Distribution>)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        rows.into_iter().try_for_each(|(labels, value)| histogram(&mut family.encode_family(&labels)?, &value.into()))
    }
}

fn counter(encoder: &mut MetricEncoder<'_>, value: &impl EncodeCounterValue) -> fmt::Result {
    encoder.encode_counter::<NoLabelSet, _, u64>(value, None)
}

fn histogram(encoder: &mut MetricEncoder<'_>, value: &Distribution) -> fmt::Result {
    let no_exemplars: Option<&HashMap<usize, Exemplar<NoLabelSet, f64>>> = None;
    encoder.encode_histogram(value.sum, value.count, &value.buckets, no_exemplars)
}
