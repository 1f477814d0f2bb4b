//! A file of series as somebody names it: metrics pages and `load` blocks, which `promql` reads, and unit tests of rules, whose
//! series are written in YAML.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use model::source::SourceFile;
use promql::eval::Storage;
use promql::series_file;

use crate::unit_test;

/// Reads a file, or standard input if it is called `-`. `test` names one of a file of unit tests, of which the first is taken otherwise;
/// samples without a time are at `untimed_ms`.
///
/// # Errors
/// It cannot be read; or every mistake, each with its place.
pub fn read(path: &Path, test: Option<&str>, untimed_ms: i64) -> anyhow::Result<Storage> {
    let (name, text) = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        ("standard input".to_owned(), text)
    } else {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        (path.display().to_string(), text)
    };
    let is_yaml = path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml");
    if is_yaml {
        return unit_test::input_series(&SourceFile::new(name, text), test);
    }
    if test.is_some() {
        bail!("--test: {name} is not a file of unit tests: its name does not end in .yml or .yaml");
    }
    series_file::read(&text, untimed_ms).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(|mistake| format!("{name}:{mistake}")).collect();
        anyhow!("{}", lines.join("\n"))
    })
}
