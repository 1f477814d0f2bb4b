//! `kill -9` at random moments: whatever was acknowledged is there.
//!
//! The test binary starts itself again as the writer; the writer reports each acknowledged round on its standard output.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use store::{Backend, Batch, Sled, Store};

use crate::seeded::Seeded;

const WRITER_DIR: &str = "STORE_TEST_WRITER_DIR";
const OPENER_DIR: &str = "STORE_TEST_OPENER_DIR";
const ROUNDS: usize = 30;
const KEYS: u64 = 500;

/// What round `round` writes: every record of a round carries its number.
fn round_batch(round: u64) -> Batch {
    let random = &mut Seeded(round);
    let mut batch = Batch::new();
    for _ in 0..random.below(24) + 1 {
        let key = format!("rules/{}", random.below(KEYS));
        let size = if random.below(10) == 0 { random.below(12_000) } else { random.below(400) };
        match random.below(6) {
            0 => batch.delete(key),
            _ => batch.put(key, random.bytes(size as usize)),
        };
    }
    batch.put("round", round.to_string());
    batch
}

/// The number of the last round in `sled`, 0 if there is none.
fn last_round(sled: &mut Sled) -> u64 {
    let records = sled.scan("round").unwrap();
    records.first().map_or(0, |(_, value)| String::from_utf8_lossy(value).parse().unwrap())
}

/// Not a test of its own: the writer that the test below starts and kills.
#[test]
fn writer_to_be_killed() {
    let Some(dir) = std::env::var_os(WRITER_DIR) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut sled, recovery) = Sled::open(Path::new(&dir), 1).unwrap();
    assert_eq!(recovery, None, "a killed writer is nothing to recover from");
    let mut round = last_round(&mut sled);
    let store = Store::start(Box::new(sled), 64).unwrap();
    runtime.block_on(async {
        loop {
            // Several in flight, so that the kill also hits groups; acknowledged in order.
            let mut waiting = Vec::new();
            for _ in 0..round % 4 + 1 {
                round += 1;
                waiting.push((round, store.submit(round_batch(round)).await.unwrap()));
            }
            for (round, durable) in waiting {
                durable.await.unwrap();
                eprintln!("acknowledged {round}");
            }
            if round.is_multiple_of(50) {
                store.export(round as i64).await.unwrap();
            }
        }
    });
}

fn start(test: &str, variable: &str, dir: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture"]).env(variable, dir);
    child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for the seeded moment of a kill: a channel nobody writes to.
fn wait(moment: Duration) {
    let (silent, wait) = mpsc::channel::<()>();
    let _ = wait.recv_timeout(moment);
    drop(silent);
}

/// Lets the writer run until `lines` acknowledgements were seen and `extra` more has passed, kills it, and gives the last
/// acknowledged round.
pub(crate) fn run_and_kill(dir: &Path, lines: u64, extra: Duration, before: impl FnOnce()) -> u64 {
    let mut writer = start("crash::writer_to_be_killed", WRITER_DIR, dir);
    let mut output = BufReader::new(writer.stderr.take().unwrap());
    let (mut last, mut seen) = (0, 0);
    let mut line = String::new();
    while seen < lines && output.read_line(&mut line).unwrap() > 0 {
        last = acknowledged(&line).unwrap_or(last);
        seen += 1;
        line.clear();
    }
    wait(extra);
    before();
    writer.kill().unwrap();
    writer.wait().unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("a killed writer"), "{rest}");
    rest.split_inclusive('\n').filter(|line| line.ends_with('\n')).filter_map(acknowledged).next_back().unwrap_or(last)
}

fn acknowledged(line: &str) -> Option<u64> {
    line.trim_end().strip_prefix("acknowledged ")?.parse().ok()
}

/// What the records must be after a given number of rounds.
#[derive(Default)]
pub(crate) struct Replay {
    model: BTreeMap<String, Vec<u8>>,
    pub(crate) rounds: u64,
}

impl Replay {
    /// Compares the store with what its own last round says; that must be no earlier than the last one acknowledged.
    pub(crate) fn check(&mut self, dir: &Path, acknowledged: u64, what: &str) {
        let (mut sled, recovery) = Sled::open(dir, 1).unwrap();
        assert_eq!(recovery, None, "{what}");
        let stored = last_round(&mut sled);
        assert!(stored >= acknowledged, "{what}: round {stored} stored, {acknowledged} acknowledged");
        while self.rounds < stored {
            self.rounds += 1;
            for (key, value) in round_batch(self.rounds).changes() {
                match value {
                    Some(value) => drop(self.model.insert(key.clone(), value.clone())),
                    None => drop(self.model.remove(key)),
                }
            }
        }
        let found: BTreeMap<_, _> = sled.scan("").unwrap().into_iter().collect();
        assert!(found == self.model, "{what}: not the records of round {stored}");
    }
}

#[test]
fn kill_9_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let (mut replay, mut last) = (Replay::default(), 0);
    let random = &mut Seeded(9);
    for kill in 0..ROUNDS {
        // Every third kill hits the start, where nothing was written yet.
        let lines = if kill % 3 == 0 { 0 } else { random.below(120) };
        let extra = Duration::from_micros(random.below(30_000));
        last = run_and_kill(dir.path(), lines, extra, || {}).max(last);
        replay.check(dir.path(), last, &format!("kill {kill}"));
    }
    assert!(replay.rounds > 100, "the writer got only {} rounds done", replay.rounds);
    eprintln!("{ROUNDS} kills, {} rounds, all acknowledged ones found", replay.rounds);
}

#[test]
fn kill_9_at_birth_leaves_an_empty_store_or_none() {
    let random = &mut Seeded(5);
    for kill in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        run_and_kill(dir.path(), 0, Duration::from_micros(random.below(25_000)), || {});
        let (_, recovery) = Sled::open(dir.path(), 1).unwrap();
        assert_eq!(recovery, None, "kill {kill}");
    }
}

/// Not a test of its own: opens a damaged store and is killed over it.
#[test]
fn opener_to_be_killed() {
    let Some(dir) = std::env::var_os(OPENER_DIR) else { return };
    let (_, recovery) = Sled::open(Path::new(&dir), 1).unwrap();
    eprintln!("opened, recovery: {}", recovery.is_some());
}

#[test]
fn kill_9_during_a_rebuild_loses_nothing_of_the_export() {
    let dir = tempfile::tempdir().unwrap();
    let (mut sled, _) = Sled::open(dir.path(), 1).unwrap();
    let batch: Batch = (0..3_000).map(|n| (format!("rules/{n}"), Some(vec![n as u8; 300]))).collect();
    sled.commit(&[batch]).unwrap();
    sled.close(2).unwrap();
    std::fs::write(dir.path().join("sled/db"), vec![3; 4_000_000]).unwrap();
    let random = &mut Seeded(6);
    for _ in 0..12 {
        let mut opener = start("crash::opener_to_be_killed", OPENER_DIR, dir.path());
        wait(Duration::from_micros(random.below(250_000)));
        opener.kill().unwrap();
        opener.wait().unwrap();
    }
    let (mut sled, _) = Sled::open(dir.path(), 1).unwrap();
    assert_eq!(sled.scan("rules/").unwrap().len(), 3_000);
}
