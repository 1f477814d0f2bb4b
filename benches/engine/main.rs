//! Our unit tests of rules beside Debian's promtool: the same test files for both, one after the other, in one run.
//!
//! `cargo bench --bench engine` takes about five minutes, nearly all of it promtool's; `cargo bench --bench engine -- quick` a
//! quarter of one. What counts is wall time and CPU time of the whole command: reading the file, expanding its series,
//! evaluating every rule at every step. `-- quick watchfire` measures one of the two.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench measures and prints"
)]

mod case;
#[path = "../measuring/table.rs"]
mod table;
mod tester;

use std::path::Path;

use case::Case;
use table::Table;
use tester::Tester;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let sizes = if has("quick") { case::QUICK } else { case::FULL };
    let folder = tempfile::tempdir()?;
    let mut cases = sizes.iter().map(|size| size.write(folder.path())).collect::<anyhow::Result<Vec<Case>>>()?;
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/rules/promtool"));
    match corpus.is_dir() {
        true => cases.extend(case::of_corpus(corpus)?),
        false => println!("skipped: {} is not there", corpus.display()),
    }
    let testers = [Tester::WATCHFIRE, Tester::PROMTOOL];
    let is_one = testers.iter().any(|tester| has(tester.name));
    let mut table = Table::default();
    for tester in testers.iter().filter(|tester| !is_one || has(tester.name)) {
        if !tester.is_installed() {
            println!("skipped: {} is not installed", tester.name);
            continue;
        }
        table.add_peer(tester.name);
        for case in &cases {
            let ran = tester.run(&case.file, case.must_pass)?;
            table.note(format!("{}: wall time", case.title), "ms", ran.wall.as_secs_f64() * 1000.0);
            table.note(format!("{}: CPU", case.title), "ms", ran.cpu.as_secs_f64() * 1000.0);
        }
    }
    println!("{table}");
    Ok(())
}
