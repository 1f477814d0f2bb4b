//! Where the series of a back-test come from, a block of time at a time.

use model::{LabelSet, Timestamp};
use promql::eval::{Storage, Value};

/// Series of a span of time.
#[derive(Debug, Default, PartialEq)]
pub struct Block {
    /// Its samples are older than this, and those of the block before it older still.
    pub until: Timestamp,
    /// The series that have samples in it.
    pub series: Vec<BlockSeries>,
}

/// The samples of one series in a block, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BlockSeries {
    /// Its labels.
    pub labels: LabelSet,
    /// Times in milliseconds.
    pub times_ms: Vec<i64>,
    /// A value for each; a marker of staleness is one of them.
    pub values: Vec<f64>,
}

impl Block {
    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.series.iter().map(|series| series.values.len()).sum()
    }

    /// Adds its samples to those of the blocks before it, but for series that `leaves_out` says.
    pub fn append_to(&self, storage: &mut Storage, leaves_out: impl Fn(&LabelSet) -> bool) {
        for series in self.series.iter().filter(|series| !leaves_out(&series.labels)) {
            let id = storage.series_id(&series.labels);
            for (&at_ms, &value) in series.times_ms.iter().zip(&series.values) {
                // Blocks follow one another: nothing is refused but what came twice.
                let _refused = storage.append(id, at_ms, Value::Float(value));
            }
        }
    }
}

impl BlockSeries {
    /// Adds a sample that is later than those there are.
    pub fn push(&mut self, at_ms: i64, value: f64) {
        self.times_ms.push(at_ms);
        self.values.push(value);
    }
}
