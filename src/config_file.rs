//! A configuration file as the Prometheus operator's Secrets hold it: perhaps compressed by gzip, perhaps with `$(NAME)` where
//! a value of the environment belongs. What `prometheus-config-reloader` does beside a process is done inside.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, anyhow, bail};
use clap::ValueEnum;
use flate2::read::MultiGzDecoder;
use model::source::{Diagnostic, Diagnostics, SourceFile, Span};
use tracing::warn;

/// What gzip begins with.
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];

/// The longest configuration, as decompressed.
const TEXT_BYTES_MAX: u64 = 64 << 20;

/// Shorter values are no secrets, and words of a message would be taken for them.
const HIDDEN_LENGTH_MIN: usize = 3;

/// The ordinal number of a StatefulSet's pod, from the end of its name, as the reloader gives it.
const ORDINAL: &str = "STATEFULSET_ORDINAL_NUMBER";
const POD_NAME: &str = "POD_NAME";

/// Whether `$(NAME)` stands for a value of the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Expansion {
    /// It stands for itself.
    #[default]
    Off,
    /// It does where the variable is set; otherwise it is left as it is, counted, and warned about.
    Known,
    /// It does, and a variable that is not set is a mistake of the file.
    All,
}

/// Where a configuration is, and how it is read.
#[derive(Debug)]
pub struct ConfigFile {
    path: PathBuf,
    expansion: Expansion,
    unset: AtomicUsize,
}

/// What it said when it was read.
#[derive(Clone, Debug)]
pub struct ConfigText {
    /// What it means, which may hold secrets.
    pub meant: SourceFile,
    /// What may be shown of it.
    pub as_written: SourceFile,
    /// What was put in, and by which name.
    values: BTreeMap<String, String>,
}

impl ConfigFile {
    /// This file; whether it can be read is seen later.
    pub fn new(path: PathBuf, expansion: Expansion) -> Self {
        Self { path, expansion, unset: AtomicUsize::new(0) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that names in it are relative to.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// How many `$(NAME)` could not be expanded when it was last read.
    pub fn unset(&self) -> usize {
        self.unset.load(Ordering::Relaxed)
    }

    /// Reads it.
    ///
    /// # Errors
    /// It cannot be read, is too long, is no text, or asks for a variable that has to be set and is not.
    pub fn read(&self) -> anyhow::Result<ConfigText> {
        self.read_with(&|name| std::env::var(name).ok())
    }

    fn read_with(&self, environment: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<ConfigText> {
        let name = self.path.display().to_string();
        let bytes = fs::read(&self.path).with_context(|| format!("cannot read {name}"))?;
        let text = decompressed(bytes).with_context(|| format!("cannot read {name}"))?;
        let as_written = SourceFile::from_bytes(name.clone(), text).map_err(|mistakes| anyhow!("{mistakes}"))?;
        if self.expansion == Expansion::Off {
            return Ok(ConfigText { meant: as_written.clone(), as_written, values: BTreeMap::new() });
        }
        let (meant, values, unset) = expand(as_written.text(), environment);
        self.unset.store(unset.len(), Ordering::Relaxed);
        let mut mistakes = Diagnostics::new();
        mistakes.extend(unset.into_iter().map(|place| self.unset_at(&as_written, place)));
        if mistakes.has_errors() {
            bail!("{mistakes}");
        }
        for warning in mistakes.iter() {
            warn!(%warning, "configuration");
        }
        Ok(ConfigText { meant: SourceFile::new(name, meant), as_written, values })
    }

    fn unset_at(&self, file: &SourceFile, place: Range<usize>) -> Diagnostic {
        let written = file.text().get(place.clone()).unwrap_or_default();
        let message = format!("the environment has no value for {written}");
        let span = Span::new(place.start, place.end);
        match self.expansion {
            Expansion::All => Diagnostic::error(file, span, message)
                .hint("set the variable for this process, or give --config.expand-env=known"),
            _ => Diagnostic::warning(file, span, message).hint("it is left as it is"),
        }
    }
}

impl ConfigText {
    /// Text about the file without any value that the environment gave.
    pub fn without_values(&self, text: &str) -> String {
        let mut values: Vec<(&String, &String)> = self.values.iter().collect();
        // A value may be part of another one.
        values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        values.iter().fold(text.to_owned(), |text, (value, name)| text.replace(value.as_str(), &format!("$({name})")))
    }

    /// Messages without such values. Lines are not shown at all, as part of a value might be.
    pub fn shown(&self, mistakes: &Diagnostics) -> String {
        if self.values.is_empty() {
            return mistakes.to_string();
        }
        let mut bare = Diagnostics::new();
        bare.extend(mistakes.iter().map(|mistake| mistake.clone().without_excerpt()));
        self.without_values(&bare.to_string())
    }
}

fn decompressed(bytes: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    if !bytes.starts_with(&GZIP_MAGIC) {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    MultiGzDecoder::new(bytes.as_slice())
        .take(TEXT_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .context("it begins as gzip does, and is damaged")?;
    if text.len() as u64 > TEXT_BYTES_MAX {
        bail!("decompressed, it is longer than {} MiB", TEXT_BYTES_MAX >> 20);
    }
    Ok(text)
}

/// The text with values put in, each value with its name, and where a name without a value stands.
fn expand(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> (String, BTreeMap<String, String>, Vec<Range<usize>>) {
    let (mut expanded, mut values, mut unset) = (String::with_capacity(text.len()), BTreeMap::new(), Vec::new());
    let mut rest = 0;
    while let Some((place, name)) = next_variable(text, rest) {
        expanded.push_str(text.get(rest..place.start).unwrap_or_default());
        rest = place.end;
        match value_of(name, environment) {
            Some(value) => {
                expanded.push_str(&value);
                // as a whole, and each line of it
                let shown = value.lines().chain([value.as_str()]).filter(|part| part.trim().len() >= HIDDEN_LENGTH_MIN);
                values.extend(shown.map(|part| (part.trim().to_owned(), name.to_owned())));
            }
            None => {
                expanded.push_str(text.get(place.clone()).unwrap_or_default());
                unset.push(place);
            }
        }
    }
    expanded.push_str(text.get(rest..).unwrap_or_default());
    (expanded, values, unset)
}

/// The next `$(NAME)`: where it stands, and the name.
fn next_variable(text: &str, from: usize) -> Option<(Range<usize>, &str)> {
    let mut start = from;
    loop {
        start += text.get(start..)?.find("$(")?;
        let inside = text.get(start + 2..)?;
        let length = inside.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        if length > 0 && inside.as_bytes().get(length) == Some(&b')') {
            return Some((start..start + length + 3, inside.get(..length)?));
        }
        start += 2;
    }
}

fn value_of(name: &str, environment: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    environment(name).or_else(|| {
        let pod = environment(POD_NAME).filter(|_| name == ORDINAL)?;
        let (_, ordinal) = pod.rsplit_once('-')?;
        ordinal.bytes().all(|byte| byte.is_ascii_digit()).then(|| ordinal.to_owned()).filter(|text| !text.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "TOKEN" => "s3cret-token",
            "PORT" => "25",
            "EMPTY" => "",
            "KEY" => "first-line\nsecond-line",
            "POD_NAME" => "watchfire-12",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn read(bytes: &[u8], expansion: Expansion) -> anyhow::Result<(ConfigText, usize)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alertmanager.yaml");
        fs::write(&path, bytes).unwrap();
        let file = ConfigFile::new(path, expansion);
        file.read_with(&environment).map(|text| (text, file.unset()))
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn only_the_reloaders_form_is_expanded() {
        for (written, meant, unset) in [
            ("a: $(TOKEN)", "a: s3cret-token", 0),
            ("a: $(TOKEN)$(PORT)$(EMPTY).", "a: s3cret-token25.", 0),
            ("$TOKEN ${TOKEN} $((TOKEN)) $(TO KEN) $() $(TOKEN", "$TOKEN ${TOKEN} $((TOKEN)) $(TO KEN) $() $(TOKEN", 0),
            ("$(NOBODY) é $(PORT)", "$(NOBODY) é 25", 1),
            ("n: $(STATEFULSET_ORDINAL_NUMBER)", "n: 12", 0),
            ("$$(PORT)", "$25", 0),
        ] {
            let (text, count) = read(written.as_bytes(), Expansion::Known).unwrap();
            assert_eq!((text.meant.text(), count), (meant, unset), "{written}");
            assert_eq!(text.as_written.text(), written);
            assert_eq!(read(written.as_bytes(), Expansion::Off).unwrap().0.meant.text(), written);
        }
    }

    #[test]
    fn a_variable_that_has_to_be_set_is_told_with_its_place() {
        let error = read(b"global:\n  a: $(TOKEN)\n  b: $(NOBODY)\n", Expansion::All).unwrap_err().to_string();
        assert!(error.contains(":3:6") && error.contains("$(NOBODY)") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn what_is_compressed_is_told_by_its_first_bytes() {
        let (text, _) = read(&gzip("route: {receiver: $(TOKEN)}\n"), Expansion::Known).unwrap();
        assert_eq!(text.meant.text(), "route: {receiver: s3cret-token}\n");
        let mut damaged = gzip("route: {receiver: a}\n");
        damaged.truncate(15);
        assert!(format!("{:#}", read(&damaged, Expansion::Off).unwrap_err()).contains("damaged"));
        let long = gzip(&"#".repeat(TEXT_BYTES_MAX as usize + 1));
        assert!(format!("{:#}", read(&long, Expansion::Off).unwrap_err()).contains("longer than 64 MiB"));
    }

    #[test]
    fn no_message_shows_a_value() {
        let (text, _) = read(b"a: $(TOKEN)\nb: $(KEY)\n", Expansion::Known).unwrap();
        let mut mistakes = Diagnostics::new();
        mistakes.push(Diagnostic::error(&text.meant, Span::new(3, 8), "s3cret-token is not a number"));
        let shown = text.shown(&mistakes);
        assert!(shown.contains(":1:4") && shown.contains("$(TOKEN) is not a number"), "{shown}");
        assert!(!shown.contains("s3c"), "{shown}");
        assert_eq!(text.without_values("first-line or second-line"), "$(KEY) or $(KEY)");
    }
}
