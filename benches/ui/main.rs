//! The list of alerts at 30,000 alerts, beside what the page of Debian's Alertmanager fetches for the same: one after the other, in one run.
//!
//! `cargo bench --bench ui`. Watchfire makes the page itself, 40 cards of it; Alertmanager's page fetches all groups as JSON, and filters
//! on the server too. Each figure is the median of ten requests on one kept connection, without compression.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench measures, waits and prints"
)]

#[path = "../measuring/client.rs"]
mod client;
#[path = "../notifier/payload.rs"]
#[expect(dead_code, reason = "the notifier's bench uses the rest")]
mod payload;
#[path = "../measuring/process.rs"]
#[expect(dead_code, reason = "the notifier's bench uses the rest")]
mod process;
#[path = "../notifier/server.rs"]
#[expect(dead_code, reason = "the notifier's bench uses the rest")]
mod server;
#[path = "../measuring/table.rs"]
mod table;

use std::time::Instant;

use client::Client;
use payload::Alerts;
use server::Peer;
use table::Table;

const ALERTS: usize = 30_000;
const BATCH: usize = 500;
const TIMES: usize = 10;

const CONFIG: &str =
    "route: {receiver: nobody, group_by: [alertname, namespace], group_wait: 10m}\nreceivers: [{name: nobody}]\n";

/// A measure, our path, and Alertmanager's.
const REQUESTS: &[(&str, &str, &str)] = &[
    ("the first page", "/alerts", "/api/v2/alerts/groups?silenced=false&inhibited=false&muted=false&active=true"),
    (
        "a filter on a label of the groups",
        "/alerts?q=namespace%3Dtenant-7",
        "/api/v2/alerts/groups?filter=namespace%3D%22tenant-7%22&silenced=false&inhibited=false&muted=false&active=true",
    ),
    (
        "a filter with a pattern",
        "/alerts?q=pod%3D~.*77.*",
        "/api/v2/alerts/groups?filter=pod%3D~%22.*77.*%22&silenced=false&inhibited=false&muted=false&active=true",
    ),
    ("a word, and an age", "/alerts?q=77%2C+%40age%3E0s", ""),
    ("cards by another label", "/alerts?by=pod", ""),
    ("suggestions while typing", "/alerts/suggest?text=pod%3D77", ""),
];

fn main() -> anyhow::Result<()> {
    let mut table = Table::default();
    for peer in [Peer::WATCHFIRE, Peer::ALERTMANAGER] {
        if !peer.is_installed() {
            println!("skipped: {} is not installed", peer.name);
            continue;
        }
        table.add_peer(peer.name);
        measure(&peer, &mut table)?;
    }
    println!("{table}");
    Ok(())
}

fn measure(peer: &Peer, table: &mut Table) -> anyhow::Result<()> {
    let server = peer.start(CONFIG)?;
    let mut client = Client::connect(server.port)?;
    let alerts = Alerts::firing("critical").later(3600);
    for start in (0..ALERTS).step_by(BATCH) {
        client.post("/api/v2/alerts", &alerts.body(start..start + BATCH))?;
    }
    server.process.cpu_when_idle()?;
    for (what, ours, theirs) in REQUESTS {
        let path = if peer.name == Peer::WATCHFIRE.name { ours } else { theirs };
        if path.is_empty() {
            continue;
        }
        let mut took = Vec::with_capacity(TIMES);
        let mut bytes = 0;
        for _ in 0..TIMES {
            let began = Instant::now();
            let answer = client.get(path)?;
            anyhow::ensure!(answer.status == 200, "{path} is answered with {}", answer.status);
            took.push(began.elapsed().as_secs_f64() * 1000.0);
            bytes = answer.bytes;
        }
        took.sort_by(f64::total_cmp);
        table.note(format!("{what}: time"), "ms", took.get(TIMES / 2).copied().unwrap_or_default());
        table.note(format!("{what}: size"), "kB", bytes as f64 / 1000.0);
    }
    Ok(())
}
