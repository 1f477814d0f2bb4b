//! The whole program under the load of a very large site, for as long as is wanted: memory, files and queues must stay flat,
//! and no page may be late or lost.
//!
//! `cargo bench --bench soak -- --minutes 30`; docs/soak.md says what is done and what is judged. `--binary PATH` tries another
//! program than the one that was built. The report, the samples and a picture of them are in `target/soak/`.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench measures, waits and prints"
)]

#[path = "../measuring/client.rs"]
#[expect(dead_code, reason = "the notifier's bench uses the rest")]
mod client;
mod dashboards;
mod group;
mod ledger;
#[path = "../measuring/listener.rs"]
mod listener;
mod picture;
mod plan;
#[path = "../measuring/process.rs"]
#[expect(dead_code, reason = "the notifier's bench uses the rest")]
mod process;
mod receivers;
mod rules;
mod run;
mod series;
mod service;
mod stalls;
mod story;
mod traffic;
mod verdict;

use std::fs;

use plan::Plan;

fn main() -> anyhow::Result<()> {
    let plan = Plan::read(std::env::args().skip(1))?;
    eprintln!(
        "{} for {} minutes: {} alerts in {} groups, {} rules; to {}",
        plan.binary.display(),
        plan.minutes,
        plan.alerts,
        plan.groups,
        plan.rules,
        plan.out.display()
    );
    let outcome = run::run(&plan)?;
    let verdict = verdict::judge(&plan, &outcome);
    let names: Vec<String> = outcome.samples.series.keys().cloned().collect();
    fs::write(plan.out.join("samples.csv"), outcome.samples.csv())?;
    fs::write(plan.out.join("soak.svg"), picture::svg(&outcome.samples, &names))?;
    fs::write(plan.out.join("report.md"), &verdict.report)?;
    println!("{}", verdict.report);
    anyhow::ensure!(verdict.is_good, "not all is well: see {}", plan.out.join("report.md").display());
    Ok(())
}
