//! Back-tests: history goes through the rule machine and the notifier machine on virtual time, and what they would have sent is
//! the result. The machines are those of the service; every receiver takes what it is sent at once.
//!
//! - [`needs`]: which series rules read
//! - [`history`], [`server`], [`cache`], [`fetch`]: where the series come from
//! - [`replay`], [`episode`]: the machines, and what became of each alert
//! - [`summary`], [`comparison`]: what it comes to, and what another configuration changes
//! - [`report`]: as text, JSON or a page

pub mod cache;
pub mod comparison;
pub mod episode;
pub mod fetch;
pub mod history;
pub mod needs;
pub mod replay;
pub mod report;
pub mod server;
pub mod summary;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use model::Timestamp;
use promql::eval::Storage;
use tokio::sync::mpsc;

use fetch::{Blocks, Fetch};
use history::Block;
use needs::Needs;
use replay::{Outcome, Replay, Setup};

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The machines start so much earlier; what happens before `from` is not told.
    pub warm_up: Duration,
    /// The first instant that counts.
    pub from: Timestamp,
    /// The last one.
    pub to: Timestamp,
}

/// Where the series come from.
pub enum Source {
    /// All of them are there already.
    Memory(Storage),
    /// They are fetched as time goes on.
    Server(Arc<Fetch>),
}

/// How far a back-test is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Virtual time.
    pub now: Timestamp,
    /// Between 0 and 1.
    pub part: f64,
    /// Pages so far.
    pub pages: usize,
}

/// Virtual time that passes before progress is told and old samples are forgotten, where the series are in memory.
const STRIDE: Duration = Duration::from_secs(6 * 3600);

/// Runs a back-test. `needs` are those of the setup, and of others it is compared with.
///
/// # Errors
/// History cannot be fetched, or is too much.
pub async fn run(
    setup: &Setup,
    needs: &Arc<Needs>,
    source: &Source,
    period: Period,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> anyhow::Result<Outcome> {
    let start = period.from.minus(period.warm_up);
    // What these rules make themselves; another setup may find it in its history.
    let own = Needs::of(&setup.groups, setup.promql.language, lookback(setup));
    let mut test = Test { replay: Replay::new(setup, Arc::clone(needs), start)?, own, period, start };
    let mut notes = Vec::new();
    match source {
        Source::Memory(storage) => {
            *test.replay.storage() = storage.clone();
            let own = &test.own;
            test.replay.storage().retain(|labels| !own.leaves_out(labels));
            let mut now = start;
            while now < period.to {
                now = now.plus(STRIDE).min(period.to);
                test.pass_to(now, progress)?;
            }
        }
        Source::Server(fetch) => {
            let blocks = Blocks::new(Arc::clone(fetch), Arc::clone(needs), start, period.to)?;
            let mut incoming = fetch_ahead(blocks);
            while let Some(block) = incoming.recv().await {
                let (block, has_histograms) = block?;
                let own = &test.own;
                block.append_to(test.replay.storage(), |labels| own.leaves_out(labels));
                test.pass_before(block.until, progress)?;
                if has_histograms && notes.is_empty() {
                    notes.push("native histograms are not fetched: rules that read them see nothing".to_owned());
                }
            }
            test.pass_to(period.to, progress)?;
        }
    }
    Ok(test.finish(notes))
}

/// A back-test under way.
struct Test {
    replay: Replay,
    own: Needs,
    period: Period,
    start: Timestamp,
}

impl Test {
    /// Up to an instant whose samples, and those behind it that are read too early, may not be there yet.
    fn pass_before(&mut self, instant: Timestamp, progress: &mut (dyn FnMut(Progress) + Send)) -> anyhow::Result<()> {
        let before = instant.minus(self.own.foresight()).minus(Duration::from_nanos(1));
        self.pass_to(before.min(self.period.to), progress)
    }

    fn pass_to(&mut self, instant: Timestamp, progress: &mut (dyn FnMut(Progress) + Send)) -> anyhow::Result<()> {
        if instant < self.start {
            return Ok(());
        }
        self.replay.run_until(instant)?;
        if let Some(reach) = self.own.reach {
            self.replay.storage().forget_before(instant.minus(reach).as_millis());
        }
        let whole = self.period.to.since(self.start).as_secs_f64().max(f64::MIN_POSITIVE);
        let part = instant.since(self.start).as_secs_f64() / whole;
        progress(Progress { now: instant, part, pages: self.replay.pages() });
        Ok(())
    }

    /// What began before the period is not told.
    fn finish(self, notes: Vec<String>) -> Outcome {
        let mut outcome = self.replay.finish();
        outcome.pages.retain(|page| self.period.from <= page.at);
        outcome.episodes.retain(|episode| episode.ended_at.is_none_or(|ended| self.period.from <= ended));
        outcome.notes.splice(0..0, notes);
        outcome.notes.splice(0..0, self.own.notes);
        outcome
    }
}

/// How long a sample counts as a series' current value.
pub fn lookback(setup: &Setup) -> Duration {
    Duration::from_millis(setup.promql.lookback_ms.unsigned_abs())
}

/// Fetches the next block while the machines are busy with the one before it.
fn fetch_ahead(mut blocks: Blocks) -> mpsc::Receiver<anyhow::Result<(Block, bool)>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let next = blocks.next().await.context("cannot fetch the history").transpose();
            let Some(next) = next else { return };
            let is_last = next.is_err();
            // Nobody waits for it any more where the receiver is gone.
            if sender.send(next.map(|block| (block, blocks.has_histograms()))).await.is_err() || is_last {
                return;
            }
        }
    });
    receiver
}
