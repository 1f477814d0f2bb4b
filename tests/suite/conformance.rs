//! Every recorded timeline of `../shared/conformance`, replayed against our notifier: same requests at the same times,
//! then the same answers and the same deliveries.
//!
//! `WATCHFIRE_CONFORMANCE=id1,id2` replays only these, with what the notifier printed.

mod amtool;
mod comparison;
mod exceptions;
mod http_sink;
mod log;
mod placeholders;
mod replay;
mod scenario;
mod smtp_sink;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::conditions::stopwatch;
use crate::peers;
use scenario::Scenario;

/// Scenarios at the same time: they mostly wait.
const AT_ONCE: usize = 20;
/// Those that differ are replayed once more with less beside them, since a busy machine is late.
const AT_ONCE_AGAIN: usize = 4;

/// Where everybody listens in one scenario.
#[derive(Clone, Copy)]
pub struct Ports {
    pub notifier: u16,
    pub sink: u16,
    pub smtp: u16,
}

/// Whose manner our notifier is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Its own, with the promises that go beyond Alertmanager.
    Ours,
    /// `--compat=alertmanager`.
    Alertmanagers,
}

/// One manner after the other: each keeps the machine busy.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn recorded_timelines_are_met() {
    all_are_met(Manner::Ours).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn recorded_timelines_are_met_in_alertmanagers_manner() {
    all_are_met(Manner::Alertmanagers).await;
}

async fn all_are_met(manner: Manner) {
    let _turn = TURN.lock().await;
    let scenarios = chosen();
    if scenarios.is_empty() {
        eprintln!("skipped recorded_timelines_are_met: no {}", scenario::folder().display());
        return;
    }
    let began = stopwatch();
    let (count, mut failing) = (scenarios.len(), play(scenarios, manner, AT_ONCE).await);
    if !failing.is_empty() && only().is_none() {
        let again = failing.iter().map(|(scenario, _)| scenario.clone()).collect();
        for (scenario, differences) in &failing {
            eprintln!("once more: {}, for {}", scenario.id, differences.first().map_or("", String::as_str));
        }
        failing = play(again, manner, AT_ONCE_AGAIN).await;
    }
    eprintln!("{count} recorded timelines, {} differ, {:.0?}", failing.len(), began.elapsed());
    for (scenario, differences) in &failing {
        eprintln!("\n=== {}: {}\n{}", scenario.id, scenario.title, differences.join("\n"));
    }
    assert!(
        failing.is_empty(),
        "{} of {count} differ: {:?}",
        failing.len(),
        failing.iter().map(|(scenario, _)| &scenario.id).collect::<Vec<_>>()
    );
}

/// The scenarios asked for by name, if only some are.
fn only() -> Option<Vec<String>> {
    let text = std::env::var("WATCHFIRE_CONFORMANCE").ok()?;
    Some(text.split(',').map(str::to_owned).collect())
}

fn chosen() -> Vec<Scenario> {
    let only = only();
    let wanted = |scenario: &Scenario| only.as_ref().is_none_or(|only| only.contains(&scenario.id));
    scenario::all().into_iter().filter(|scenario| wanted(scenario) && can_be_played(scenario)).collect()
}

fn can_be_played(scenario: &Scenario) -> bool {
    if let Some(reason) = exceptions::waiting(&scenario.id) {
        eprintln!("skipped {}: {reason}", scenario.id);
        return false;
    }
    !scenario.needs_amtool() || peers::installed(&scenario.id, &[peers::AMTOOL])
}

/// Plays them; those that differ in more than is excepted, with their differences.
async fn play(scenarios: Vec<Scenario>, manner: Manner, at_once: usize) -> Vec<(Scenario, Vec<String>)> {
    let places = Arc::new(Semaphore::new(at_once));
    let mut playing = BTreeMap::new();
    for scenario in scenarios {
        let (places, copy) = (places.clone(), scenario.clone());
        let played = tokio::spawn(async move {
            let _place = places.acquire().await;
            replay::replay(&copy, manner, only().is_some()).await
        });
        playing.insert(scenario.id.clone(), (scenario, played));
    }
    let mut failing = Vec::new();
    for (id, (scenario, played)) in playing {
        let differences = played.await.unwrap_or_else(|error| vec![format!("the replay panicked: {error}")]);
        let differences = exceptions::beyond(&id, manner, differences);
        if !differences.is_empty() {
            failing.push((scenario, differences));
        }
    }
    failing
}
