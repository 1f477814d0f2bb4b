//! What `promtool check rules` says about rule files, and what lints find in them, as values; the command prints them.
//!
//! For each file `Checking FILE` on standard output, then `  SUCCESS: N rules found` and an empty line; or, on standard
//! error, `  FAILED:` and what is wrong. A finding is no mistake: it is told, and counts only where it was asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use model::LabelSet;
use model::source::{Diagnostics, SourceFile};

use super::environment::Expanded;
use super::lint::{self, Finding, Lint, Recorded, Surroundings};
use super::located::LocatedGroup;
use super::{Defaults, LocatedFile, read_file, read_located};
use crate::rule::Rule;

pub mod server;

/// Exit code when every file is good, findings or not.
pub const EXIT_GOOD: u8 = 0;
/// Exit code when a file has a mistake or cannot be read.
pub const EXIT_MISTAKE: u8 = 1;
/// Exit code when there are findings and they are to be fatal.
pub const EXIT_LINT: u8 = 3;

/// Which lints are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintChoice {
    /// Those whose findings make a file fail.
    pub failing: BTreeSet<Lint>,
    /// Those whose findings are only told.
    pub told: BTreeSet<Lint>,
}

/// How files are checked.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    /// What files may say, and what holds where they say nothing.
    pub defaults: Defaults,
    /// Which lints are looked for.
    pub lints: LintChoice,
    /// What lints know beside the files.
    pub surroundings: Surroundings,
}

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
    /// What else was found and makes the file fail.
    pub failing: Vec<Finding>,
    /// What else was found and is only told.
    pub told: Vec<Finding>,
    text: Expanded,
    groups: Vec<LocatedGroup>,
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

impl Default for LintChoice {
    /// promtool's default fails a file, ours are told.
    fn default() -> LintChoice {
        let (failing, told) = Lint::ALL.into_iter().partition(|lint| *lint == Lint::DuplicateRules);
        LintChoice { failing, told }
    }
}

impl LintChoice {
    /// What `--lint` says: `all`, `none` or names of lints with commas between them. Unknown words are given back.
    pub fn parse(text: &str) -> (LintChoice, Vec<String>) {
        let mut choice = LintChoice { failing: BTreeSet::new(), told: BTreeSet::new() };
        let mut unknown = Vec::new();
        for word in text.split(',') {
            match (word, Lint::by_name(word)) {
                ("all", _) => choice.failing.extend(Lint::ALL),
                // the last one concerns scrape configurations, which are not here
                ("none" | "too-long-scrape-interval", _) => {}
                (_, Some(lint)) => {
                    choice.failing.insert(lint);
                }
                (other, None) => unknown.push(other.to_owned()),
            }
        }
        (choice, unknown)
    }
}

/// Checks files on disk.
pub fn check_files<P: AsRef<Path>>(paths: &[P], checks: &Checks) -> Vec<FileReport> {
    let sources = paths.iter().map(|path| match read_file(path.as_ref()) {
        Ok(file) => Ok(file),
        Err(mistakes) => Err((path.as_ref().display().to_string(), mistakes)),
    });
    check_all(sources, checks)
}

/// Checks one file that is in memory, such as standard input.
pub fn check_file(file: &SourceFile, checks: &Checks) -> FileReport {
    let mut reports = check_all([Ok(file.clone())].into_iter(), checks);
    reports.pop().unwrap_or_else(|| FileReport { name: String::new(), outcome: Err(Diagnostics::new()) })
}

/// Reads all files first: what one records another may read.
fn check_all(
    sources: impl Iterator<Item = Result<SourceFile, (String, Diagnostics)>>,
    checks: &Checks,
) -> Vec<FileReport> {
    let mut recorded = Recorded::default();
    let read = sources.map(|source: Result<SourceFile, (String, Diagnostics)>| {
        let file = source?;
        let read = read_located(&file, &checks.defaults).map_err(|mistakes| (file.name().to_owned(), mistakes))?;
        recorded.learn(&read.groups, &checks.surroundings);
        Ok(read)
    });
    let read: Vec<_> = read.collect();
    let report = |read: Result<LocatedFile, (String, Diagnostics)>| match read {
        Err((name, mistakes)) => FileReport { name, outcome: Err(mistakes) },
        Ok(LocatedFile { groups, warnings, text }) => {
            let name = text.file().name().to_owned();
            let is_looked_for = checks.lints.failing.contains(&Lint::DuplicateRules);
            let mut good = GoodFile {
                rules: groups.iter().map(|group| group.rules.len()).sum(),
                warnings,
                duplicates: if is_looked_for { duplicates(&groups) } else { Vec::new() },
                failing: Vec::new(),
                told: Vec::new(),
                text,
                groups,
            };
            let found = lint::inspect(good.text.file(), &good.groups, &recorded, &checks.surroundings);
            good.take(found, &checks.lints);
            FileReport { name, outcome: Ok(good) }
        }
    };
    read.into_iter().map(report).collect()
}

/// The exit code for all files together.
pub fn exit_code(reports: &[FileReport], lint_is_fatal: bool) -> u8 {
    if reports.iter().any(|report| report.outcome.is_err()) {
        EXIT_MISTAKE
    } else if lint_is_fatal && reports.iter().any(|report| report.outcome.as_ref().is_ok_and(GoodFile::has_failed)) {
        EXIT_LINT
    } else {
        EXIT_GOOD
    }
}

impl GoodFile {
    /// Adds findings of the lints that are looked for.
    fn take(&mut self, found: Vec<Finding>, lints: &LintChoice) {
        for mut finding in found {
            finding.diagnostic = self.text.retold_one(finding.diagnostic);
            if lints.failing.contains(&finding.lint) {
                self.failing.push(finding);
            } else if lints.told.contains(&finding.lint) {
                self.told.push(finding);
            }
        }
    }

    fn has_failed(&self) -> bool {
        !self.duplicates.is_empty() || !self.failing.is_empty()
    }
}

impl FileReport {
    /// The lines for standard output.
    pub fn stdout(&self) -> String {
        let success = match &self.outcome {
            Ok(good) if !good.has_failed() => format!("  SUCCESS: {} rules found\n", good.rules),
            _ => String::new(),
        };
        format!("Checking {}\n{success}\n", self.name)
    }

    /// The lines for standard error; none when there is nothing to say.
    pub fn stderr(&self) -> String {
        let good = match &self.outcome {
            Err(mistakes) => return format!("  FAILED:\n{mistakes}\n"),
            Ok(good) => good,
        };
        let mut said = String::new();
        if !good.warnings.is_empty() {
            said += &format!("{}\n", good.warnings);
        }
        said += &lines(&good.told);
        if good.has_failed() {
            said += "  FAILED:\n";
            if !good.duplicates.is_empty() {
                said += &Findings(&good.duplicates).to_string();
            }
            said += &lines(&good.failing);
        }
        said
    }
}

fn lines(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("{}\n", finding.diagnostic)).collect()
}

/// The duplicates in promtool's form.
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
fn duplicates(groups: &[LocatedGroup]) -> Vec<Duplicate> {
    let mut counts: BTreeMap<(&str, &LabelSet), usize> = BTreeMap::new();
    let rules = groups.iter().flat_map(|group| &group.rules);
    rules.for_each(|located| *counts.entry(identity(&located.rule)).or_default() += 1);
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
