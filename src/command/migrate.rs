//! `watchfire migrate`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of the command")]

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use model::source::SourceFile;

use crate::cli::migrate::MigrateCommand;
use crate::migrate::deployment::Output;
use crate::migrate::{Circumstances, Migration, migrate};

/// Longest input.
const BYTES_MAX: u64 = 32 << 20;

/// Prints the equal deployment, or writes it; then what is to be told about the inputs.
///
/// # Errors
/// An input cannot be read or is not known, or a file cannot be written.
pub fn execute(command: &MigrateCommand) -> anyhow::Result<ExitCode> {
    let mut files = command.files.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    if command.vmalert {
        files.push(SourceFile::new("command line", quoted(&command.words)));
    } else if files.is_empty() {
        files.push(source("standard input", std::io::stdin().lock())?);
    }
    let circumstances = Circumstances { namespace: command.namespace.clone(), release: command.release.clone() };
    let Migration { deployment, notes } = migrate(&files, &circumstances).map_err(|mistakes| anyhow!("{mistakes}"))?;
    if !deployment.has_rules && !deployment.has_notifier {
        bail!("nothing here evaluates rules or notifies about alerts");
    }
    let outputs = deployment.outputs();
    match &command.out {
        Some(folder) => write(folder, &outputs)?,
        None => print!(
            "{}",
            outputs.iter().map(|output| format!("# {}\n{}\n", output.name, output.text)).collect::<String>()
        ),
    }
    eprint!("{notes}");
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<SourceFile> {
    let name = path.display().to_string();
    source(&name, fs::File::open(path).with_context(|| format!("cannot read {name}"))?)
}

fn source(name: &str, reader: impl Read) -> anyhow::Result<SourceFile> {
    let mut bytes = Vec::new();
    reader.take(BYTES_MAX + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
    if bytes.len() as u64 > BYTES_MAX {
        bail!("{name} is longer than {} MiB", BYTES_MAX >> 20);
    }
    SourceFile::from_bytes(name, bytes).map_err(|mistakes| anyhow!("{mistakes}"))
}

/// One word a line, as a file would have them.
fn quoted(words: &[String]) -> String {
    let line = |word: &String| format!("'{}'\n", word.replace('\'', "'\"'\"'"));
    let program = if words.iter().any(|word| word.ends_with("vmalert")) { "" } else { "vmalert\n" };
    words.iter().fold(program.to_owned(), |text, word| text + &line(word))
}

/// Files that are there already are not replaced.
fn write(folder: &Path, outputs: &[Output]) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for output in outputs {
        let path = folder.join(output.name);
        let shown = path.display();
        let file = fs::OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = file.with_context(|| format!("cannot write {shown}"))?;
        std::io::Write::write_all(&mut file, output.text.as_bytes())
            .with_context(|| format!("cannot write {shown}"))?;
        println!("{shown}");
    }
    Ok(())
}
