//! `templates`: files of Go templates and, ending in `.hbs`, of Handlebars templates, named by patterns.

use std::io;
use std::path::{Path, PathBuf};

use outbound::secret::resolve_path;
use yaml::{Decoder, SourceFile, Spanned};

/// Reads a file's text.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// The texts of all files the patterns match, each file once, in the order of patterns and then of names. A pattern
/// that matches nothing is only warned about, as templates may be optional.
pub(super) fn read(
    patterns: &[Spanned<String>],
    decoder: &Decoder,
    base: &Path,
    reader: ReadFile<'_>,
) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for pattern in patterns {
        let paths = match matching(&pattern.value, base) {
            Ok(paths) => paths,
            Err(reason) => {
                decoder.error(pattern.span, format!("not a usable pattern: {reason}"));
                continue;
            }
        };
        if paths.is_empty() {
            decoder.warning(pattern.span, "no file matches this pattern");
        }
        for path in paths {
            let name = path.display().to_string();
            if files.iter().any(|(known, _)| *known == name) {
                continue;
            }
            match reader(&path) {
                Ok(text) => files.push((name, text)),
                Err(error) => drop(decoder.error(pattern.span, format!("cannot read {name}: {error}"))),
            }
        }
    }
    // Handlebars files are compiled with those they include, by the renderer.
    for (name, text) in files.iter().filter(|(name, _)| !name.ends_with(".hbs")) {
        crate::receiver::template_check::check_template_file(decoder, &SourceFile::new(name.clone(), text.clone()));
    }
    files
}

/// A pattern of the file as a glob, whatever characters the folder of the file has.
pub(super) fn in_base(pattern: &str, base: &Path) -> String {
    Path::new(&glob::Pattern::escape(&base.to_string_lossy())).join(pattern).to_string_lossy().into_owned()
}

fn matching(pattern: &str, base: &Path) -> Result<Vec<PathBuf>, String> {
    let found = glob::glob(&in_base(pattern, base)).map_err(|error| error.to_string())?;
    // A folder that may not be read is skipped, as by Go.
    let mut paths: Vec<PathBuf> = found.filter_map(Result::ok).filter(|path| path.is_file()).collect();
    if paths.is_empty() && resolve_path(base, pattern).is_file() {
        paths.push(resolve_path(base, pattern));
    }
    Ok(paths)
}
