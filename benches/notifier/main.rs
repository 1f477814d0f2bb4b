//! The notifier beside Debian's Alertmanager: the same work for both, one after the other, in one run.
//!
//! `cargo bench --bench notifier` takes some minutes, `cargo bench --bench notifier -- quick` about one. What counts is the
//! CPU time of the server process until it is idle again: work after the answer is included, that of client and sink is not.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench measures, waits and prints"
)]

#[path = "../measuring/client.rs"]
mod client;
#[path = "../measuring/listener.rs"]
mod listener;
mod payload;
#[path = "../measuring/process.rs"]
mod process;
mod server;
mod sink;
#[path = "../measuring/table.rs"]
mod table;
mod work;

use server::Peer;
use table::Table;

fn main() -> anyhow::Result<()> {
    let is_quick = std::env::args().any(|argument| argument == "quick");
    let size = if is_quick { work::Size::QUICK } else { work::Size::FULL };
    let mut table = Table::default();
    for peer in [Peer::WATCHFIRE, Peer::ALERTMANAGER] {
        if !peer.is_installed() {
            println!("skipped: {} is not installed", peer.name);
            continue;
        }
        table.add_peer(peer.name);
        work::run_all(&peer, &size, &mut table)?;
    }
    println!("{table}");
    Ok(())
}
