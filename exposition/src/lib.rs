//! Metrics as scrapes see them. Figures live where they arise, as plain numbers; at each scrape they are written here.
//!
//! - [`page`]: writes families of counters, gauges and histograms
//! - [`histogram`]: figures sorted into buckets, a plain value that deterministic code may keep
//! - [`mod@text`]: the text format 0.0.4 that Prometheus and Alertmanager serve

pub mod histogram;
pub mod page;
pub mod text;

pub use histogram::Histogram;
pub use page::{Distribution, Page};
pub use text::{CONTENT_TYPE, text};
