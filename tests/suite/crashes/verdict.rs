//! Whether an incident was told as often as it should be.

use super::incident::Incident;
use super::receiver::{PATHS, Page};

/// A page that left just before a kill may arrive, on a busy machine, this much after it.
const SLACK_SECS: f64 = 0.5;

/// How many pages of an incident came once too often: at most one per kill and integration, with the kill between the two.
/// Nothing is told after the end.
pub(super) fn duplicates(incident: &Incident, pages: &[Page], kills: &[f64]) -> usize {
    PATHS.iter().map(|path| on_path(incident, path, pages, kills)).sum()
}

fn on_path(incident: &Incident, path: &str, pages: &[Page], kills: &[f64]) -> usize {
    let told: Vec<&Page> = pages.iter().filter(|page| page.incident == incident.name && page.path == path).collect();
    let shown = || {
        let page = |page: &&Page| format!("  {:.3} {:?}\n", page.at, page.alerts);
        let first = told.first().map_or(0.0, |page| page.at);
        let near: Vec<_> = kills.iter().filter(|kill| **kill > first - 1.0).take(20).collect();
        format!("{} on {path}:\n{}killed at {near:.3?}", incident.name, told.iter().map(page).collect::<String>())
    };
    assert!(told.first().is_some_and(|page| page.at > incident.not_before - SLACK_SECS), "{}", shown());
    let mut unused = kills.to_vec();
    let mut duplicates = 0;
    let mut is_over = false;
    for pair in told.windows(2) {
        let [before, page] = pair else { unreachable!("windows of two") };
        let is_end = |page: &Page| page.alerts.iter().all(|(_, status)| status == "resolved");
        is_over |= is_end(before);
        assert!(!is_over || is_end(page), "told to fire after its end: {}", shown());
        let is_repeat = page.at - before.at > incident.pace.repeat - SLACK_SECS && !is_over;
        if page.alerts != before.alerts || is_repeat {
            continue;
        }
        let between = unused.iter().position(|kill| (before.at - SLACK_SECS..page.at).contains(kill));
        let kill = between.unwrap_or_else(|| panic!("told twice without a kill between: {}", shown()));
        unused.remove(kill);
        duplicates += 1;
    }
    duplicates
}
