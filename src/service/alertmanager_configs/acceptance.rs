//! Whether the notifier can use a merged configuration.

use std::path::Path;

use model::matcher::parse::ParseMode;
use model::source::{Diagnostic, Diagnostics, SourceFile};
use notifier::config::Config;
use notifier::io::deliver::Deliverer;

/// Reads a merged configuration as the notifier does, with templates that it does not name. Relative file names start at
/// `folder`.
///
/// # Errors
/// Every mistake in it.
pub fn read(
    text: &str,
    templates: &[(String, String)],
    folder: &Path,
    mode: ParseMode,
) -> Result<(Config, Diagnostics), Diagnostics> {
    let file = SourceFile::new("merged configuration", text);
    let (mut config, warnings) = Config::parse(&file, folder, mode, &|path| std::fs::read_to_string(path))?;
    if !templates.is_empty() {
        config.template_files.extend(templates.iter().cloned());
        // compiled once, for the mistakes in them
        if let Err(error) = Deliverer::new(&config, "http://localhost") {
            return Err(Diagnostic::whole_file(&file, format!("{error:#}")).into());
        }
    }
    Ok((config, warnings))
}
