//! What `promtool check rules` says about rule files, as values; the command prints them.
//!
//! For each file `Checking FILE` on standard output, then `  SUCCESS: N rules found` and an empty line; or, on standard
//! error, `  FAILED:` and what is wrong. A rule that is there twice in a file is a finding, not a mistake.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use model::LabelSet;
use model::source::{Diagnostics, SourceFile};

use super::{Defaults, read, read_file};
use crate::rule::{Rule, RuleGroup};

/// Exit code when every file is good, findings or not.
pub const EXIT_GOOD: u8 = 0;
/// Exit code when a file has a mistake or cannot be read.
pub const EXIT_MISTAKE: u8 = 1;
/// Exit code when there are findings and they are to be fatal.
pub const EXIT_LINT: u8 = 3;

/// What was found in one file.
#[derive(Debug)]
pub struct FileReport {
    /// The file as it was named.
    pub name: String,
    /// What it holds, or every mistake in it.
    pub outcome: Result<GoodFile, Diagnostics>,
}

/// A file that loads.
#[derive(Debug)]
pub struct GoodFile {
    /// How many rules it has.
    pub rules: usize,
    /// What is odd but does not keep the file from being loaded.
    pub warnings: Diagnostics,
    /// Rules that are there more than once.
    pub duplicates: Vec<Duplicate>,
}

/// Rules of one file that share their name and their labels: their results would overwrite one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The name of the recorded series or of the alert.
    pub name: String,
    /// Group and rule labels merged.
    pub labels: LabelSet,
    /// How many rules there are beyond the first.
    pub extra: usize,
}

/// Checks files on disk.
pub fn check_files<P: AsRef<Path>>(paths: &[P], defaults: &Defaults) -> Vec<FileReport> {
    let check = |path: &P| match read_file(path.as_ref()) {
        Ok(file) => check_file(&file, defaults),
        Err(mistakes) => FileReport { name: path.as_ref().display().to_string(), outcome: Err(mistakes) },
    };
    paths.iter().map(check).collect()
}

/// Checks one file that is in memory, such as standard input.
pub fn check_file(file: &SourceFile, defaults: &Defaults) -> FileReport {
    let outcome = read(file, defaults).map(|(groups, warnings)| GoodFile {
        rules: groups.iter().map(|group| group.rules.len()).sum(),
        warnings,
        duplicates: duplicates(&groups),
    });
    FileReport { name: file.name().to_owned(), outcome }
}

/// The exit code for all files together.
pub fn exit_code(reports: &[FileReport], lint_is_fatal: bool) -> u8 {
    let found = |report: &FileReport| report.outcome.as_ref().is_ok_and(|good| !good.duplicates.is_empty());
    if reports.iter().any(|report| report.outcome.is_err()) {
        EXIT_MISTAKE
    } else if lint_is_fatal && reports.iter().any(found) {
        EXIT_LINT
    } else {
        EXIT_GOOD
    }
}

impl FileReport {
    /// The lines for standard output.
    pub fn stdout(&self) -> String {
        let success = match &self.outcome {
            Ok(good) if good.duplicates.is_empty() => format!("  SUCCESS: {} rules found\n", good.rules),
            _ => String::new(),
        };
        format!("Checking {}\n{success}\n", self.name)
    }

    /// The lines for standard error; none when there is nothing to say.
    pub fn stderr(&self) -> String {
        match &self.outcome {
            Err(mistakes) => format!("  FAILED:\n{mistakes}\n"),
            Ok(GoodFile { warnings, duplicates, .. }) => {
                let warned = if warnings.is_empty() { String::new() } else { format!("{warnings}\n") };
                match duplicates.is_empty() {
                    true => warned,
                    false => format!("{warned}  FAILED:\n{}", Findings(duplicates)),
                }
            }
        }
    }
}

/// The findings in promtool's form.
struct Findings<'a>(&'a [Duplicate]);

impl fmt::Display for Findings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra: usize = self.0.iter().map(|duplicate| duplicate.extra).sum();
        writeln!(f, "lint error {extra} duplicate rule(s) found.")?;
        for duplicate in self.0 {
            writeln!(f, "Metric: {}\nLabel(s):", duplicate.name)?;
            for (name, value) in duplicate.labels.iter() {
                writeln!(f, "\t{name}: {value}")?;
            }
        }
        writeln!(f, "Might cause inconsistency while recording expressions")
    }
}

/// Looks at the whole file, at names and merged labels only: not at groups, kinds or expressions.
fn duplicates(groups: &[RuleGroup]) -> Vec<Duplicate> {
    let mut counts: BTreeMap<(&str, &LabelSet), usize> = BTreeMap::new();
    let rules = groups.iter().flat_map(|group| &group.rules);
    rules.for_each(|rule| *counts.entry(identity(rule)).or_default() += 1);
    let repeated = counts.into_iter().filter(|(_, count)| *count > 1);
    repeated
        .map(|((name, labels), count)| Duplicate { name: name.to_owned(), labels: labels.clone(), extra: count - 1 })
        .collect()
}

fn identity(rule: &Rule) -> (&str, &LabelSet) {
    (&rule.name, &rule.labels)
}

#[cfg(test)]
mod tests;
