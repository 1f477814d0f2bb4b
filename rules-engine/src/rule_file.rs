//! Rule files and `PrometheusRule` manifests, read into rule groups with every mistake of a file at once.
//!
//! - `rule_file/document.rs`: which dialect a file is in, and its documents
//! - `rule_file/dialect.rs`: whose fields a file may have; `rule_file/extension.rs`: those of others than Prometheus
//! - `rule_file/environment.rs`: `%{NAME}`
//! - `rule_file/written.rs`: the fields of groups and rules as written
//! - `rule_file/rule_check.rs`: what Prometheus' loader demands of a rule, and the rule as meant
//! - `rule_file/source_choice.rs`: which query source a group asks
//! - `rule_file/name.rs`: which names metrics and labels may have
//! - `rule_file/located.rs`: both with their places
//! - `rule_file/check.rs`: what `promtool check rules` says about a file
//! - `rule_file/lint.rs`: what loads but is probably not meant
//!
//! The fields are those of Prometheus 3.14. A plain rule file is its first YAML document; a file whose first document
//! is a Kubernetes object is a list of manifests.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use glob::MatchOptions;
use model::source::{Diagnostic, Diagnostics, Severity, SourceFile};
use yaml::Decoder;

use crate::rule::RuleGroup;
use environment::Expanded;
use located::LocatedGroup;

pub mod check;
mod dialect;
mod document;
mod environment;
mod extension;
pub mod lint;
mod located;
mod name;
mod rule_check;
mod source_choice;
mod written;

pub use dialect::Dialect;
pub use name::NameScheme;
pub use source_choice::{GroupPattern, SourceChoice, SourceChoices, TENANT_HEADER};

/// The longest rule file that is read; the largest known ones have a few MiB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What holds where a rule file says nothing, and what it may say.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// `global.evaluation_interval`.
    pub interval: Duration,
    /// `global.rule_query_offset`.
    pub query_offset: Duration,
    /// `global.metric_name_validation_scheme`.
    pub names: NameScheme,
    /// Which experimental parts of PromQL are allowed.
    pub promql: promql::Options,
    /// Whose fields a file may have.
    pub dialect: Dialect,
    /// Whether keys that nobody knows are passed over.
    pub ignores_unknown_fields: bool,
    /// Which query source groups ask.
    pub sources: Arc<SourceChoices>,
}

impl Default for Defaults {
    /// Prometheus' defaults: every minute, no offset, UTF-8 names.
    fn default() -> Defaults {
        Defaults {
            interval: Duration::from_secs(60),
            query_offset: Duration::ZERO,
            names: NameScheme::Utf8,
            promql: promql::Options::default(),
            dialect: Dialect::default(),
            ignores_unknown_fields: false,
            sources: Arc::default(),
        }
    }
}

/// The groups of all rule files, and what is odd but usable about them.
#[derive(Debug, Default)]
pub struct Loaded {
    /// In the order of the globs, within one of the file names, within one as written.
    pub groups: Vec<RuleGroup>,
    /// A further document, a glob without a match.
    pub warnings: Diagnostics,
    /// The files read, for watching them.
    pub files: Vec<PathBuf>,
}

/// Reads every file that a glob matches, each once. A relative glob starts at `base_dir`, and the groups' `file` is then
/// the joined path, as in Prometheus. A glob that matches nothing is a warning.
///
/// # Errors
/// Every mistake of every file, warnings included; also a glob that is not one, and files that cannot be read.
pub fn load<S: AsRef<str>>(globs: &[S], base_dir: &Path, defaults: &Defaults) -> Result<Loaded, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let mut loaded = Loaded::default();
    let mut seen = BTreeSet::new();
    for glob in globs {
        for path in matches(glob.as_ref(), base_dir, &mut diagnostics) {
            if seen.insert(path.clone()) {
                let read = read_file(&path).and_then(|file| read(&file, defaults));
                match read {
                    Ok((groups, warnings)) => {
                        loaded.groups.extend(groups);
                        diagnostics.append(warnings);
                    }
                    Err(mistakes) => diagnostics.append(mistakes),
                }
                loaded.files.push(path);
            }
        }
    }
    let (loaded, warnings) = diagnostics.into_result(loaded)?;
    Ok(Loaded { warnings, ..loaded })
}

/// The groups of one file, with warnings.
///
/// # Errors
/// Every mistake of the file.
pub fn read(file: &SourceFile, defaults: &Defaults) -> Result<(Vec<RuleGroup>, Diagnostics), Diagnostics> {
    let LocatedFile { groups, warnings, .. } = read_located(file, defaults)?;
    Ok((groups.into_iter().map(LocatedGroup::into_group).collect(), warnings))
}

/// A file with the places where everything is written.
struct LocatedFile {
    groups: Vec<LocatedGroup>,
    warnings: Diagnostics,
    text: Expanded,
}

fn read_located(file: &SourceFile, defaults: &Defaults) -> Result<LocatedFile, Diagnostics> {
    let (dialect, notices) = defaults.dialect.of_file(file);
    let (text, mut found) = match dialect {
        Dialect::Vmalert => Expanded::of(file, &|name| std::env::var(name).ok()),
        Dialect::Prometheus | Dialect::Any => (Expanded::unchanged(file), Diagnostics::new()),
    };
    let (groups, mistakes) = document::decode(Decoder::new(text.file()), &Defaults { dialect, ..defaults.clone() });
    found.append(notices);
    found.append(text.retold(mistakes));
    let (groups, warnings) = found.into_result(groups)?;
    Ok(LocatedFile { groups, warnings, text })
}

/// One group that stands alone, as rule APIs take it, with warnings; its `file` is `namespace`.
///
/// # Errors
/// Every mistake of the text.
pub fn read_group(
    text: &SourceFile,
    namespace: &str,
    defaults: &Defaults,
) -> Result<(RuleGroup, Diagnostics), Diagnostics> {
    let decoder = Decoder::new(text);
    let group = document::decode_single(&decoder, namespace, defaults);
    decoder.finish(group)
}

/// The groups of a text that may be a file, one group or one rule, with warnings.
///
/// # Errors
/// Every mistake of the text.
pub fn read_any(text: &SourceFile, defaults: &Defaults) -> Result<(Vec<RuleGroup>, Diagnostics), Diagnostics> {
    let decoder = Decoder::new(text);
    let groups = document::decode_any(&decoder, text.name(), defaults);
    let (groups, warnings) = decoder.finish(groups)?;
    Ok((groups.into_iter().map(LocatedGroup::into_group).collect(), warnings))
}

/// Reads a file from disk under its path.
///
/// # Errors
/// It cannot be read, is too long or not UTF-8.
pub fn read_file(path: &Path) -> Result<SourceFile, Diagnostics> {
    let name = path.display().to_string();
    let refuse = |why: String| Diagnostics::from(Diagnostic::whole_file(&SourceFile::new(name.as_str(), ""), why));
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| refuse(format!("cannot read the file: {error}")))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refuse(format!("the file is longer than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    SourceFile::from_bytes(name, bytes)
}

/// The files a glob matches, sorted. `*` stays within a directory, `**` crosses them.
fn matches(glob: &str, base_dir: &Path, diagnostics: &mut Diagnostics) -> Vec<PathBuf> {
    // an absolute glob replaces the base
    let pattern = base_dir.join(glob).display().to_string();
    let place = SourceFile::new(glob, "");
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
    let paths = match glob::glob_with(&pattern, options) {
        Ok(paths) => paths,
        Err(error) => {
            let message = format!("not a file name or glob: {}", error.msg);
            diagnostics.push(Diagnostic::whole_file(&place, message));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for path in paths {
        match path {
            Ok(path) => found.push(path),
            Err(error) => {
                let message = format!("cannot read {}: {}", error.path().display(), error.error());
                diagnostics.push(Diagnostic::whole_file(&place, message));
            }
        }
    }
    if found.is_empty() {
        diagnostics.push(whole_file_warning(&place, "no rule file matches this"));
    }
    found
}

/// A warning that has no place in the file's text.
fn whole_file_warning(file: &SourceFile, message: &str) -> Diagnostic {
    let mut warning = Diagnostic::whole_file(file, message);
    warning.severity = Severity::Warning;
    warning
}

#[cfg(test)]
mod tests;
