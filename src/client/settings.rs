//! amtool's settings files: keys are names of flags; what the command line says wins, then the first file with the key.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::ValueEnum;
use yaml::{Decoder, SourceFile};

use crate::cli::client::OutputFormat;

/// Below the user's configuration folder: where amtool looks, and where Debian's amtool does.
const USER_FILES: [&str; 2] = ["amtool/config.yml", "prometheus/amtool.yml"];

/// The system's, likewise.
const SYSTEM_FILES: [&str; 2] = ["/etc/amtool/config.yml", "/etc/prometheus/amtool.yml"];

/// Older names of flags.
const OLD_NAMES: [(&str, &str); 1] = [("comment_required", "require-comment")];

/// What the settings files say, by the name of the flag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Reads the files of this user and this machine; none needs to exist.
    ///
    /// # Errors
    /// One exists but cannot be read, or is no mapping of texts.
    pub fn load() -> anyhow::Result<Settings> {
        let home =
            std::env::var_os("HOME").filter(|home| !home.is_empty()).map(|home| Path::new(&home).join(".config"));
        let of_user = home.iter().flat_map(|folder| USER_FILES.map(|file| folder.join(file)));
        Settings::read(of_user.chain(SYSTEM_FILES.map(PathBuf::from)))
    }

    /// Reads files, the first with a key winning.
    ///
    /// # Errors
    /// As of [`Settings::load`].
    pub fn read(files: impl IntoIterator<Item = PathBuf>) -> anyhow::Result<Settings> {
        let mut settings = Settings::default();
        for path in files {
            match std::fs::read_to_string(&path) {
                Ok(text) => settings.add(&SourceFile::new(path.display().to_string(), text))?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
            }
        }
        Ok(settings)
    }

    fn add(&mut self, file: &SourceFile) -> anyhow::Result<()> {
        let decoder = Decoder::new(file);
        let root = decoder.first_document();
        let pairs = match &root {
            Some(root) if !root.is_null() => decoder.value(root).string_map(),
            _ => Some(Vec::new()),
        };
        let (pairs, _) = decoder.finish(pairs).map_err(|mistakes| anyhow!("could not load config file: {mistakes}"))?;
        let given: Vec<&str> = pairs.iter().map(|(key, _)| key.value.as_str()).collect();
        for (key, value) in &pairs {
            let name = OLD_NAMES.iter().find(|(old, _)| *old == key.value).map(|(_, name)| *name);
            if name.is_some_and(|name| given.contains(&name)) {
                continue;
            }
            self.0.entry(name.unwrap_or(&key.value).to_owned()).or_insert_with(|| value.value.clone());
        }
        Ok(())
    }

    /// A flag's value: the command line's, or else the files'.
    ///
    /// # Errors
    /// The files' cannot be read.
    pub fn choose<T, E: Display>(
        &self,
        flag: Option<T>,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> anyhow::Result<Option<T>> {
        match (flag, self.0.get(name)) {
            (Some(value), _) => Ok(Some(value)),
            (None, None) => Ok(None),
            (None, Some(text)) => parse(text).map(Some).map_err(|error| anyhow!("setting {name}: {error}")),
        }
    }

    /// A flag whose value is any text.
    pub fn text(&self, flag: Option<String>, name: &str) -> Option<String> {
        flag.or_else(|| self.0.get(name).cloned())
    }

    /// A flag that is on, off (by its twin with `no-`) or left to the settings.
    ///
    /// # Errors
    /// The files' value is neither true nor false.
    pub fn switch(&self, on: bool, off: bool, name: &str) -> anyhow::Result<Option<bool>> {
        self.choose(on.then_some(true).or(off.then_some(false)), name, parse_switch)
    }
}

/// Go's words for true and false.
fn parse_switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

/// `simple`, `extended`, `json`.
pub(super) fn parse_output(text: &str) -> Result<OutputFormat, String> {
    OutputFormat::from_str(text, false).map_err(|_| format!("must be one of simple, extended, json, got {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(texts: &[&str]) -> anyhow::Result<Settings> {
        let mut settings = Settings::default();
        for text in texts {
            settings.add(&SourceFile::new("config.yml", *text))?;
        }
        Ok(settings)
    }

    #[test]
    fn the_command_line_wins_then_the_first_file() {
        let read = settings(&["author: me\n", "author: you\noutput: json\n", ""]).unwrap();
        assert_eq!(read.text(None, "author").as_deref(), Some("me"));
        assert_eq!(read.text(Some("flag".to_owned()), "author").as_deref(), Some("flag"));
        assert_eq!(read.choose(None, "output", parse_output).unwrap(), Some(OutputFormat::Json));
        assert_eq!(
            read.choose(Some(OutputFormat::Simple), "output", parse_output).unwrap(),
            Some(OutputFormat::Simple)
        );
        assert_eq!(read.text(None, "receiver"), None);
    }

    #[test]
    fn the_old_name_of_require_comment_counts_unless_both_are_there() {
        let comment = |text: &str| settings(&[text]).unwrap().switch(false, false, "require-comment").unwrap();
        assert_eq!(comment("comment_required: false\n"), Some(false));
        assert_eq!(comment("comment_required: false\nrequire-comment: true\n"), Some(true));
        assert_eq!(comment("author: me\n"), None);
        assert_eq!(
            settings(&["comment_required: false\n"]).unwrap().switch(true, false, "require-comment").unwrap(),
            Some(true)
        );
    }

    #[test]
    fn what_cannot_be_read_is_an_error_that_names_it() {
        assert!(settings(&["bad: ["]).unwrap_err().to_string().contains("config.yml:1"));
        assert!(settings(&["- a\n"]).is_err());
        let wrong = settings(&["output: zz\nverbose: maybe\n"]).unwrap();
        let error = wrong.choose(None, "output", parse_output).unwrap_err().to_string();
        assert_eq!(error, "setting output: must be one of simple, extended, json, got \"zz\"");
        assert!(wrong.switch(false, false, "verbose").is_err());
    }

    #[test]
    fn files_that_do_not_exist_are_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yml");
        std::fs::write(&path, "alertmanager.url: http://a\n").unwrap();
        let read = Settings::read([folder.path().join("none.yml"), path]).unwrap();
        assert_eq!(read.text(None, "alertmanager.url").as_deref(), Some("http://a"));
    }
}
