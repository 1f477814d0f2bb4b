//! History fetched block by block: from the cache where it is there, from the server where not.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use futures_util::{StreamExt, TryStreamExt};
use model::{LabelSet, Timestamp};
use promql::eval::STALE_BITS;

use super::cache::Cache;
use super::history::{Block, BlockSeries};
use super::needs::{Need, Needs, millis};
use super::server::{Found, Server};
use crate::live;

/// Questions asked at the same time.
const AT_ONCE: usize = 4;

/// History younger than this may still grow: it is not kept.
const SETTLING: Duration = Duration::from_secs(600);

/// More blocks than this are refused.
const BLOCKS_MAX: usize = 100_000;

/// What is fetched, and how.
pub struct Fetch {
    /// Who is asked.
    pub server: Server,
    /// What was fetched already; `None` keeps nothing.
    pub cache: Option<Cache>,
    /// How long a block is.
    pub block: Duration,
    /// Most samples of a block.
    pub samples_max: usize,
}

/// The blocks of a back-test, oldest first.
pub struct Blocks {
    fetch: Arc<Fetch>,
    needs: Arc<Needs>,
    from_ms: i64,
    to_ms: i64,
    /// Numbers of the blocks that are still to come; a block's times divided by its length.
    upcoming: std::collections::VecDeque<i64>,
    count: usize,
    /// The last sample of each series that may go on, where samples are a step apart.
    last_ms: HashMap<LabelSet, i64>,
    has_histograms: bool,
}

impl Blocks {
    /// What is needed for evaluations in a period.
    ///
    /// # Errors
    /// It is cut into too many blocks.
    pub fn new(fetch: Arc<Fetch>, needs: Arc<Needs>, from: Timestamp, to: Timestamp) -> anyhow::Result<Blocks> {
        let (from_ms, to_ms) = (from.as_millis(), to.as_millis());
        let length = millis(fetch.block).max(1);
        let mut numbers = BTreeSet::new();
        for (first, last) in needs.selectors.iter().flat_map(|need| need.spans_ms(from_ms, to_ms)) {
            let (first, last) = (first.div_euclid(length), last.div_euclid(length));
            if last.saturating_sub(first).unsigned_abs() as usize > BLOCKS_MAX {
                bail!(
                    "the period is cut into more than {BLOCKS_MAX} blocks: take a longer --block or a shorter period"
                );
            }
            numbers.extend(first..=last);
        }
        let (count, upcoming) = (numbers.len(), numbers.into_iter().collect());
        let last_ms = HashMap::new();
        Ok(Blocks { fetch, needs, from_ms, to_ms, upcoming, count, last_ms, has_histograms: false })
    }

    /// Blocks in all.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether some series were native histograms so far, which are not fetched.
    pub fn has_histograms(&self) -> bool {
        self.has_histograms
    }

    /// The next block; `None` after the last.
    ///
    /// # Errors
    /// The server says no, or nothing, or too much.
    pub async fn next(&mut self) -> anyhow::Result<Option<Block>> {
        let Some(number) = self.upcoming.pop_front() else { return Ok(None) };
        let length = millis(self.fetch.block).max(1);
        let (start_ms, end_ms) = (number.saturating_mul(length), (number + 1).saturating_mul(length));
        let overlaps = |need: &&Need| {
            need.spans_ms(self.from_ms, self.to_ms).any(|(first, last)| first < end_ms && start_ms <= last)
        };
        let selectors: Vec<String> =
            self.needs.selectors.iter().filter(overlaps).map(|need| need.selector.clone()).collect();
        let asked = selectors.into_iter().map(|selector| {
            let fetch = Arc::clone(&self.fetch);
            async move { fetch.found(&selector, start_ms, end_ms).await }
        });
        let found: Vec<Found> = futures_util::stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        self.has_histograms |= found.iter().any(|found| found.has_histograms);
        let mut block = Block { until: Timestamp::from_millis(end_ms), series: merged(found) };
        let (samples, max) = (block.samples(), self.fetch.samples_max);
        if samples > max {
            bail!(
                "{samples} samples from {} to {} are more than --samples.max, which is {max}: take a shorter --block, a \
                 --step, or selectors that select less",
                Timestamp::from_millis(start_ms),
                block.until
            );
        }
        if let Some(step_ms) = self.fetch.server.step_ms() {
            mark_ends(&mut block, &mut self.last_ms, step_ms, end_ms);
        }
        if let Some(cache) = self.fetch.cache.as_ref().filter(|_| self.upcoming.is_empty()) {
            cache.shrink();
        }
        Ok(Some(block))
    }
}

impl Fetch {
    async fn found(&self, selector: &str, start_ms: i64, end_ms: i64) -> anyhow::Result<Found> {
        let key = format!("{} {selector} {start_ms} {end_ms}", self.server.identity());
        if let Some(found) = self.cache.as_ref().and_then(|cache| cache.get(&key)) {
            return Ok(found);
        }
        let found = self.server.samples(selector, start_ms, end_ms).await?;
        let is_settled = end_ms < live::now().minus(SETTLING).as_millis();
        if let Some(cache) = self.cache.as_ref().filter(|_| is_settled)
            && let Some(error) = cache.put(&key, &found)
        {
            tracing::warn!(%error, "fetched history cannot be kept");
        }
        Ok(found)
    }
}

/// A series may be selected by several selectors.
fn merged(found: Vec<Found>) -> Vec<BlockSeries> {
    let mut all: Vec<BlockSeries> = Vec::new();
    let mut places: HashMap<LabelSet, usize> = HashMap::new();
    for series in found.into_iter().flat_map(|found| found.series) {
        match places.get(&series.labels).and_then(|at| all.get_mut(*at)) {
            Some(known) if *known == series => {}
            Some(known) => *known = united(known, &series),
            None => {
                places.insert(series.labels.clone(), all.len());
                all.push(series);
            }
        }
    }
    all
}

fn united(a: &BlockSeries, b: &BlockSeries) -> BlockSeries {
    let samples = |series: &BlockSeries| -> Vec<(i64, f64)> {
        series.times_ms.iter().copied().zip(series.values.iter().copied()).collect()
    };
    let mut all = [samples(a), samples(b)].concat();
    all.sort_by_key(|(at, _)| *at);
    all.dedup_by_key(|(at, _)| *at);
    let (times_ms, values) = all.into_iter().unzip();
    BlockSeries { labels: a.labels.clone(), times_ms, values }
}

/// Where samples are a step apart and one is missing, the server had none to show: the series had ended there.
fn mark_ends(block: &mut Block, last_ms: &mut HashMap<LabelSet, i64>, step_ms: i64, end_ms: i64) {
    let before = std::mem::take(last_ms);
    let mut ended: HashMap<LabelSet, i64> =
        before.into_iter().map(|(labels, last)| (labels, last + step_ms)).filter(|(_, at)| *at < end_ms).collect();
    for series in &mut block.series {
        let mut marked = BlockSeries { labels: series.labels.clone(), ..BlockSeries::default() };
        let mut expected = ended.remove(&series.labels);
        for (&at, &value) in series.times_ms.iter().zip(&series.values) {
            if let Some(expected) = expected.filter(|expected| *expected < at) {
                marked.push(expected, f64::from_bits(STALE_BITS));
            }
            marked.push(at, value);
            expected = Some(at + step_ms);
        }
        match expected {
            Some(at) if at < end_ms => marked.push(at, f64::from_bits(STALE_BITS)),
            Some(at) => drop(last_ms.insert(series.labels.clone(), at - step_ms)),
            None => {}
        }
        *series = marked;
    }
    let gone = ended.into_iter().map(|(labels, at)| BlockSeries {
        labels,
        times_ms: vec![at],
        values: vec![f64::from_bits(STALE_BITS)],
    });
    block.series.extend(gone);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(times: &[i64]) -> BlockSeries {
        let labels = LabelSet::from_pairs([("__name__", "a")]);
        BlockSeries { labels, times_ms: times.to_vec(), values: times.iter().map(|_| 1.0).collect() }
    }

    #[test]
    fn a_series_of_two_selectors_comes_once() {
        let found = |times: &[i64]| Found { series: vec![series(times)], has_histograms: false };
        assert_eq!(merged(vec![found(&[1, 2]), found(&[1, 2])]), [series(&[1, 2])]);
        assert_eq!(merged(vec![found(&[2, 3]), found(&[1, 2])]), [series(&[1, 2, 3])]);
    }

    #[test]
    fn a_step_without_a_sample_ends_the_series_across_blocks_too() {
        let mut last = HashMap::new();
        let mut marked = |times: &[i64], end_ms: i64| -> Vec<(i64, bool)> {
            let series = if times.is_empty() { vec![] } else { vec![series(times)] };
            let mut block = Block { until: Timestamp::EPOCH, series };
            mark_ends(&mut block, &mut last, 10, end_ms);
            let all = block.series.iter().flat_map(|series| series.times_ms.iter().zip(&series.values));
            all.map(|(&at, value)| (at, value.to_bits() == STALE_BITS)).collect()
        };
        assert_eq!(marked(&[0, 10, 40], 50), [(0, false), (10, false), (20, true), (40, false)]);
        assert_eq!(marked(&[60], 100), [(50, true), (60, false), (70, true)]);
        assert_eq!(marked(&[190], 200), [(190, false)]);
        assert_eq!(marked(&[], 300), [(200, true)]);
        assert_eq!(marked(&[], 400), []);
    }
}
