//! `watchfire store`.
#![expect(clippy::print_stdout, reason = "the output of the command")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use model::Timestamp;
use store::StoreError;
use store::copies::{self, Records};

use crate::cli::store::{ExportCommand, ImportCommand, StoreCommand};
use crate::live;

/// Writes, puts in place or looks through a copy of what is stored.
///
/// # Errors
/// A file cannot be read or written, is damaged, or a running process has the store.
pub fn execute(command: &StoreCommand) -> anyhow::Result<ExitCode> {
    match command {
        StoreCommand::Export(command) => export(command),
        StoreCommand::Import(command) => import(command),
        StoreCommand::Check { path } => check(path),
    }
}

fn export(command: &ExportCommand) -> anyhow::Result<ExitCode> {
    let ExportCommand { file, storage_path, force, partial } = command;
    let records = read(storage_path)?;
    if !records.is_whole() && !partial {
        bail!("{}; --partial writes what can be read", lack(&records, storage_path));
    }
    copies::write(&records, file, *force, now())?;
    println!("{} records of commit {} in {}", records.records.len(), records.generation, file.display());
    Ok(ExitCode::SUCCESS)
}

fn import(command: &ImportCommand) -> anyhow::Result<ExitCode> {
    let ImportCommand { file, storage_path, replace, partial } = command;
    let records = read(file)?;
    if !records.is_whole() && !partial {
        bail!("{}; --partial takes what can be read", lack(&records, file));
    }
    let unreadable = unreadable(&records);
    if unreadable > 0 {
        bail!(
            "{unreadable} of the records in {} are of a newer version of Watchfire: import them with that",
            file.display()
        );
    }
    let count = records.records.len();
    let aside = copies::put_in_place(records.records, storage_path, *replace, now()).map_err(in_use)?;
    println!("{count} records in {}", storage_path.display());
    if let Some(aside) = aside {
        println!("what was there is kept in {}", aside.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn check(path: &Path) -> anyhow::Result<ExitCode> {
    let records = read(path)?;
    let unreadable = unreadable(&records);
    let written = records.written_at_ms.map(|ms| format!(", written at {}", Timestamp::from_millis(ms).to_rfc3339()));
    println!(
        "{}: {} records of commit {}{}",
        path.display(),
        records.records.len(),
        records.generation,
        written.unwrap_or_default()
    );
    for (kind, count) in kinds(&records) {
        println!("  {kind:<24}{count:>9}");
    }
    if unreadable > 0 {
        println!("{unreadable} of them are of a newer version of Watchfire, or spoilt");
    }
    if !records.is_whole() {
        println!("{}", lack(&records, path));
    }
    let is_sound = records.is_whole() && unreadable == 0;
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &Path) -> anyhow::Result<Records> {
    copies::read(path, now()).map_err(in_use)
}

fn now() -> i64 {
    live::now().as_millis()
}

/// What may be done where a process has the store.
fn in_use(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::InUse { dir } => anyhow::anyhow!(
            "{} is in use by a running process: stop it first; {} is its own copy, at most an hour old",
            dir.display(),
            dir.join("export").display()
        ),
        error => error.into(),
    }
}

/// What is wrong with something that is not whole.
fn lack(records: &Records, path: &Path) -> String {
    match &records.recovery {
        Some(recovery) => format!("{}: {recovery}", path.display()),
        None => format!(
            "{} is damaged: {} of its {} records can be read",
            path.display(),
            records.records.len(),
            records.expected
        ),
    }
}

/// What records are called that belong together.
fn kind(key: &str) -> &str {
    let first = key.find('/').unwrap_or(key.len());
    let is_half = matches!(key.get(..first), Some("notifier" | "rules"));
    let end = match key.get(first + 1..).and_then(|rest| rest.find('/')) {
        Some(second) if is_half => first + 1 + second,
        _ => first,
    };
    key.get(..end).unwrap_or(key)
}

fn kinds(records: &Records) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    for (key, _) in &records.records {
        *kinds.entry(kind(key)).or_default() += 1;
    }
    kinds
}

/// How many records of the two halves this version cannot read.
fn unreadable(records: &Records) -> usize {
    let is_readable = |(key, value): &&(String, Vec<u8>)| match key.split('/').next() {
        Some("notifier") => notifier::record::Record::from_bytes(value).is_ok(),
        Some("rules") => rules_engine::record::Record::from_json(value).is_ok(),
        _ => true,
    };
    records.records.iter().filter(|record| !is_readable(record)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_after_the_half_and_the_thing() {
        for (key, expected) in [
            ("notifier/silence/6b1c", "notifier/silence"),
            ("rules/alert/1/2/3", "rules/alert"),
            ("rule-groups/77/0000", "rule-groups"),
            ("secret/ack-links", "secret"),
            ("odd", "odd"),
            ("", ""),
        ] {
            assert_eq!(kind(key), expected);
        }
    }
}
