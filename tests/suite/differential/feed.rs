//! The changing series: the same samples, at the same instants, into every store.

use std::time::Duration;

use futures_util::future::join_all;
use model::{LabelSet, Timestamp};
use rules_engine::config::{Config, Flags};
use rules_engine::io::write_samples::SampleWriter;
use rules_engine::sample::Sample;
use watchfire::simulate::series::{Values, parse_values};

/// Writes a script of values, one step a second.
pub(super) struct Feed {
    stores: Vec<SampleWriter>,
    series: Vec<Series>,
}

struct Series {
    labels: LabelSet,
    values: Values,
    /// Whether the last step had a sample.
    is_present: bool,
}

impl Feed {
    /// `script`: lines of `name label=value … : values`.
    pub(super) fn new(script: &str, stores: &[&str]) -> Self {
        let lines = script.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { stores: stores.iter().map(|url| writer(url)).collect(), series: lines.map(Series::read).collect() }
    }

    /// Writes a step's samples; what is gone since the last step is marked as ended, as a scraper would.
    pub(super) async fn write(&mut self, step: usize, at: Timestamp) {
        let samples: Vec<Sample> = self.series.iter_mut().filter_map(|series| series.sample(step, at)).collect();
        let writes = self.stores.iter().map(|store| store.write(&samples, Duration::from_secs(5), at));
        for written in join_all(writes).await {
            written.expect("Prometheus takes samples");
        }
    }
}

impl Series {
    fn read(line: &str) -> Self {
        let (series, values) = line.split_once(" : ").expect("a series and its values");
        let mut words = series.split_whitespace();
        let name = ("__name__", words.next().expect("a name"));
        let labels = words.map(|pair| pair.split_once('=').expect("a label"));
        Self {
            labels: LabelSet::from_pairs(labels.chain([name])),
            values: parse_values(values).expect(line),
            is_present: false,
        }
    }

    fn sample(&mut self, step: usize, at: Timestamp) -> Option<Sample> {
        let value = self.values.get(step).copied().flatten();
        let was_present = std::mem::replace(&mut self.is_present, value.is_some());
        let (labels, timestamp_ms) = (self.labels.clone(), at.as_millis());
        match value {
            Some(value) => Some(Sample { labels, timestamp_ms, value }),
            None => was_present.then(|| Sample::stale_marker(labels, timestamp_ms)),
        }
    }
}

fn writer(url: &str) -> SampleWriter {
    watchfire::install_crypto();
    let flags = Flags { remote_write_url: Some(format!("{url}/api/v1/write")), ..Flags::default() };
    let config = Config::default().with_flags(&flags).expect("a URL");
    SampleWriter::new(config.remote_writes[0].clone()).expect("no certificates")
}
