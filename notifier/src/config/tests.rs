//! The loader on real files, on files with mistakes, and beside amtool's verdicts.
#![expect(clippy::print_stderr, reason = "a skipped test says so by name")]

use std::path::Path;

use model::matcher::parse::ParseMode;
use yaml::{Diagnostics, SourceFile};

use super::*;

mod corpus;
mod mistakes;
mod resolved;
mod secrets;
mod verdicts;

fn read_file(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

/// Reads a configuration given as text, as file `am.yml` in `/etc/watchfire`.
fn parse(text: &str) -> Result<(Config, Diagnostics), Diagnostics> {
    let file = SourceFile::new("am.yml", text);
    Config::parse(&file, Path::new("/etc/watchfire"), ParseMode::Fallback, &read_file)
}
