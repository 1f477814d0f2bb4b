//! What the peers are put to.

use std::time::{Duration, Instant};

use crate::evaluator::Peer;
use crate::rule_file;
use crate::surroundings::Surroundings;
use crate::table::Table;

/// So many rules, each with so many series.
pub(crate) struct Load {
    rules: usize,
    series: usize,
    interval_secs: u64,
    /// How many intervals are measured.
    intervals: u64,
    /// Whether the values of the series change.
    changing: bool,
}

/// Both sizes with 1, 10 and 100 series.
pub(crate) const FULL: &[Load] = &[
    load(1_000, 1),
    load(1_000, 10),
    load(1_000, 100),
    load(10_000, 1),
    load(10_000, 10),
    load(10_000, 100),
    Load { changing: true, ..load(1_000, 10) },
];

/// A small part of it.
pub(crate) const QUICK: &[Load] = &[short(load(1_000, 1)), short(load(1_000, 10)), short(load(1_000, 100))];

const fn load(rules: usize, series: usize) -> Load {
    Load { rules, series, interval_secs: 10, intervals: 3, changing: false }
}

const fn short(load: Load) -> Load {
    Load { interval_secs: 5, intervals: 2, ..load }
}

/// CPU of evaluations in a steady state, after the first interval and a half, when all groups have begun.
pub(crate) fn measure(peer: &Peer, load: &Load, table: &mut Table) -> anyhow::Result<()> {
    let Load { rules, series, interval_secs, intervals, changing } = *load;
    let interval = Duration::from_secs(interval_secs);
    let world = Surroundings::open(changing)?;
    // Sent again strictly later than that: once in the intervals that are measured.
    let resend_secs = interval_secs * (intervals - 1);
    let evaluator = peer.start(&rule_file::rules(rules, series, interval_secs), world.port, resend_secs)?;
    std::thread::sleep(interval * 3 / 2);

    let (before, cpu_before, began) = (world.counted(), evaluator.process.cpu()?, Instant::now());
    std::thread::sleep(interval * u32::try_from(intervals)?);
    let (after, cpu_after, took) = (world.counted(), evaluator.process.cpu()?, began.elapsed());

    let done = (after.queries - before.queries) as f64;
    let due = rules as f64 * took.as_secs_f64() / interval.as_secs_f64();
    let cpu = (cpu_after - cpu_before).as_secs_f64();
    let values = if changing { ", values change" } else { "" };
    let title = format!("{rules} rules, {series} series each, every {interval_secs} s{values}");
    table.note(format!("{title}: CPU"), "s per 1000 evaluations", 1000.0 * cpu / done.max(1.0));
    table.note(format!("{title}: cores in use"), "", cpu / took.as_secs_f64());
    table.note(format!("{title}: not evaluated in time"), "% of those due", (100.0 * (1.0 - done / due)).max(0.0));
    table.note(format!("{title}: memory"), "MiB", evaluator.process.memory_mib()?);
    table.note(format!("{title}: peak memory"), "MiB", evaluator.process.peak_memory_mib()?);
    eprintln!(
        "{:>26}{done} evaluations, {} writes, {} posts in {:.1} s",
        "",
        after.writes - before.writes,
        after.posts - before.posts,
        took.as_secs_f64()
    );
    Ok(())
}
