//! How a life ends.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use super::lane::Lane;
use super::silences::Silences;
use crate::conditions::{nothing_for, unix_now};
use crate::peers::Process;

/// No life is longer, so that timers go on over several.
const LIFE_MOST_MS: u64 = 800;

/// What no life says: a kill damages nothing.
const COMPLAINTS: [&str; 4] = ["the store was damaged", "panicked", "was left out", "does not open as it is"];

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
enum Kill {
    /// So long after it was started.
    Starting(Duration),
    /// So long after it was ready.
    Running(Duration),
    /// So long after a change was asked for.
    Asked(Duration),
    /// So long after a page arrived.
    Paged(Duration),
    /// So long after it was told to end.
    Ending(Duration),
    /// As this write of one of its threads begins.
    Write(u32),
}

impl Kill {
    fn choose(chance: &mut fastrand::Rng, has_strace: bool) -> Self {
        let micros = |chance: &mut fastrand::Rng, most| Duration::from_micros(chance.u64(0..most));
        match chance.u32(0..100) {
            0..8 => Self::Starting(micros(chance, 400_000)),
            8..16 => Self::Running(micros(chance, LIFE_MOST_MS * 1000)),
            16..24 => Self::Ending(micros(chance, 120_000)),
            24..42 => Self::Paged(micros(chance, 60_000)),
            // Most while it starts, the others under load.
            42..100 if has_strace && chance.u32(0..58) < 38 => Self::Write(match chance.bool() {
                true => chance.u32(1..30),
                false => chance.u32(30..250),
            }),
            _ => Self::Asked(micros(chance, 3_000)),
        }
    }
}

/// Whether this machine lets one process trace another.
pub(super) fn may_trace(part: &str) -> bool {
    let traced =
        Command::new("strace").args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "true"]).status();
    let may = traced.is_ok_and(|status| status.success());
    if !may {
        eprintln!("skipped {part}: strace may trace nothing here");
    }
    may
}

/// How the lives of a lane ended.
#[derive(Default)]
pub(super) struct Deaths {
    in_writes: usize,
    with_unanswered_requests: usize,
    while_starting: usize,
    others: usize,
    /// Ended by itself before it could be killed.
    peaceful: usize,
}

impl Deaths {
    pub(super) fn kills(&self) -> usize {
        self.in_writes + self.with_unanswered_requests + self.while_starting + self.others
    }

    pub(super) fn add(&mut self, more: &Self) {
        self.in_writes += more.in_writes;
        self.with_unanswered_requests += more.with_unanswered_requests;
        self.while_starting += more.while_starting;
        self.others += more.others;
        self.peaceful += more.peaceful;
    }
}

impl fmt::Display for Deaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills ({} at a write of the store, {} more with unanswered changes, {} while starting, {} others; {} ended in order)",
            self.kills(),
            self.in_writes,
            self.with_unanswered_requests,
            self.while_starting,
            self.others,
            self.peaceful
        )
    }
}

/// Starts and kills until it was killed so often, and starts it once more. That one stays with the lane.
pub(super) async fn kill_often(
    lane: &Lane,
    silences: &Silences,
    kills: usize,
    chance: &mut fastrand::Rng,
    has_strace: bool,
) -> Deaths {
    let mut deaths = Deaths::default();
    while deaths.kills() < kills {
        let kill = Kill::choose(chance, has_strace);
        let write = if let Kill::Write(number) = kill { Some(number) } else { None };
        let mut process = lane.start(write);
        let was_ready = match kill {
            Kill::Starting(after) => {
                wait(after);
                false
            }
            _ => lane.ready(&mut process).await,
        };
        if was_ready {
            silences.check(lane).await;
            live(lane, kill, &mut process).await;
        }
        let ended_by_itself = process.ended();
        let unanswered = lane.unanswered.load(Ordering::SeqCst);
        process.kill();
        let how = process.ended().expect("it was killed");
        let was_killed = how.signal() == Some(9);
        lane.ended(was_killed);
        let printed = process.lines();
        assert!(was_killed || how.success(), "lane {}: ended with {how}: {printed:#?}", lane.number);
        let complaint = printed.iter().find(|line| COMPLAINTS.iter().any(|words| line.contains(words)));
        assert!(complaint.is_none(), "lane {}: before {kill:?}: {complaint:?} of {printed:#?}", lane.number);
        match (was_killed, ended_by_itself.is_some(), was_ready) {
            (false, ..) => deaths.peaceful += 1,
            (_, true, _) => deaths.in_writes += 1,
            (_, _, false) => deaths.while_starting += 1,
            _ if unanswered > 0 => deaths.with_unanswered_requests += 1,
            _ => deaths.others += 1,
        }
    }
    let mut last = lane.start(None);
    assert!(lane.ready(&mut last).await, "lane {}: {:#?}", lane.number, last.lines());
    lane.keep(last);
    deaths
}

/// Until the instant of the kill.
async fn live(lane: &Lane, kill: Kill, process: &mut Process) {
    let most = Duration::from_millis(LIFE_MOST_MS);
    // Whatever is waited for need not come.
    match kill {
        Kill::Starting(_) => {}
        Kill::Running(after) => wait(after),
        Kill::Asked(after) => {
            drop(tokio::time::timeout(most, lane.asking.notified()).await);
            wait(after);
        }
        Kill::Paged(after) => {
            drop(tokio::time::timeout(most, lane.receiver.came.notified()).await);
            wait(after);
        }
        Kill::Ending(after) => {
            nothing_for(most / 4).await;
            process.signal("TERM");
            wait(after);
        }
        Kill::Write(_) => {
            let until = unix_now() + most.as_secs_f64();
            while unix_now() < until && process.ended().is_none() {
                nothing_for(Duration::from_millis(5)).await;
            }
        }
    }
}

/// Waits to the microsecond: on a channel nobody writes to.
fn wait(moment: Duration) {
    let (silent, wait) = mpsc::channel::<()>();
    tokio::task::block_in_place(|| wait.recv_timeout(moment).is_err());
    drop(silent);
}
