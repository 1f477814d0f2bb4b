//! The rule service beside Debian's vmalert: the same rules for both, one after the other, in one run.
//!
//! `cargo bench --bench rules` takes about twelve minutes, `cargo bench --bench rules -- quick` about one and a half. Both
//! ask a query API that answers from prepared bytes, write what they record and send what fires. What counts is the CPU
//! time of the process over whole intervals; that of the query API and the sinks does not.
//! `-- quick watchfire` measures one peer only.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench measures, waits and prints"
)]

#[expect(dead_code, reason = "the notifier's bench posts with it")]
#[path = "../measuring/client.rs"]
mod client;
mod evaluator;
#[path = "../measuring/listener.rs"]
mod listener;
#[expect(dead_code, reason = "rules are never idle for long")]
#[path = "../measuring/process.rs"]
mod process;
mod rule_file;
mod surroundings;
#[path = "../measuring/table.rs"]
mod table;
mod work;

use evaluator::Peer;
use table::Table;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let loads = if has("quick") { work::QUICK } else { work::FULL };
    let peers = [Peer::WATCHFIRE, Peer::VMALERT];
    let is_one = peers.iter().any(|peer| has(peer.name));
    let mut table = Table::default();
    for peer in peers.iter().filter(|peer| !is_one || has(peer.name)) {
        if !peer.is_installed() {
            println!("skipped: {} is not installed", peer.name);
            continue;
        }
        table.add_peer(peer.name);
        for load in loads {
            work::measure(peer, load, &mut table)?;
        }
    }
    println!("{table}");
    Ok(())
}
