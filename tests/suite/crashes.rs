//! The whole program under load with real sockets, killed with SIGKILL at seeded instants, many of them inside the store's
//! writes: after each, every silence that was answered with 200 is as it was; at the end every page that was due went out,
//! none more than once too often per kill, none early and none late by more than what the process was down.
//!
//! `WATCHFIRE_KILLS` sets how often it is killed in all, `WATCHFIRE_SEED` when. Kills by strace at the n-th write of the store
//! need strace.

mod incident;
mod kill;
mod lane;
mod receiver;
mod rule_incident;
mod silences;
mod verdict;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::conditions::{nothing_for, stopwatch};
use crate::peers::installed;
use kill::{Deaths, kill_often};
use lane::Lane;
use receiver::Receiver;
use rule_incident::Series;
use silences::Silences;

const KILLS: usize = 200;
/// Processes under load at the same time.
const LANES: usize = 4;
/// Who posts alerts to each of them at the same time.
const CLIENTS: u64 = 4;
const SILENCE_CLIENTS: u64 = 2;

/// What one lane went through.
#[derive(Default)]
struct Outcome {
    deaths: Deaths,
    pages: usize,
    duplicates: usize,
    incidents: usize,
    silences: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn kill_9_anywhere_under_load_loses_nothing() {
    let test = "kill_9_anywhere_under_load_loses_nothing";
    let kills = std::env::var("WATCHFIRE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let seed = std::env::var("WATCHFIRE_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    eprintln!("{test}: WATCHFIRE_SEED={seed} repeats this run");
    let part = format!("the part of {test} that kills inside the store's writes");
    let has_strace = installed(&part, &["strace"]) && kill::may_trace(&part);
    let watch = stopwatch();
    let lanes: Vec<_> = (0..LANES)
        .map(|number| {
            let share = kills / LANES + usize::from(number < kills % LANES);
            tokio::spawn(lead(number, share, seed.wrapping_add(number as u64 * 1000), has_strace))
        })
        .collect();
    let mut all = Outcome::default();
    for lane in lanes {
        let outcome = lane.await.unwrap_or_else(|error| panic!("WATCHFIRE_SEED={seed}: {error}"));
        all.deaths.add(&outcome.deaths);
        all.pages += outcome.pages;
        all.duplicates += outcome.duplicates;
        all.incidents += outcome.incidents;
        all.silences += outcome.silences;
    }
    eprintln!(
        "{} in {:?}: {} pages of {} incidents, {} of them twice; {} silences",
        all.deaths,
        watch.elapsed(),
        all.pages,
        all.incidents,
        all.duplicates,
        all.silences
    );
    assert!(all.deaths.kills() >= kills, "WATCHFIRE_SEED={seed}: only {}", all.deaths);
}

/// One process with its clients, killed so often; then everything that was due is looked at.
async fn lead(number: usize, kills: usize, seed: u64, has_strace: bool) -> Outcome {
    let receiver = Receiver::open().await;
    let series = Series::default();
    // One of them has so much to store that its journal is brought into the database over and over.
    let text_bytes = if number == 0 { 8 << 10 } else { 200 };
    let lane = Arc::new(Lane::new(number, text_bytes, receiver, &series.open().await));
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let work = incident::run_incidents(lane.clone(), format!("{number}-{client}"), chance.fork());
        clients.push(tokio::spawn(work));
    }
    clients.push(tokio::spawn(rule_incident::run_incidents(lane.clone(), series)));
    let silences = Arc::new(Silences::default());
    for client in 0..SILENCE_CLIENTS {
        let work = silences::run_silences(lane.clone(), silences.clone(), client, chance.fork());
        clients.push(tokio::spawn(work));
    }
    let deaths = kill_often(&lane, &silences, kills, &mut chance, has_strace).await;
    lane.is_over.store(true, Ordering::SeqCst);
    let mut incidents = Vec::new();
    for client in clients {
        incidents.extend(client.await.unwrap());
    }
    silences.check(&lane).await;
    // What is told once too often would be told about now.
    nothing_for(Duration::from_millis(1500)).await;
    let pages = lane.receiver.pages();
    let kills = lane.deaths();
    let duplicates = incidents.iter().map(|incident| verdict::duplicates(incident, &pages, &kills)).sum();
    let silences = silences.count();
    Outcome { deaths, pages: pages.len(), duplicates, incidents: incidents.len(), silences }
}
