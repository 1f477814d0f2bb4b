//! Whether the notifier can use a merged configuration.

use std::path::Path;

use model::matcher::parse::ParseMode;
use model::source::{Diagnostic, Diagnostics, SourceFile};
use notifier::config::Config;
use notifier::rendering::Renderer;

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
    config.template_files.extend(templates.iter().cloned());
    // templates are compiled together as the running notifier does: only then do missing partials and cycles show
    if let Err(mistakes) = Renderer::new(&config, "") {
        return Err(Diagnostic::whole_file(&file, mistakes.to_string()).into());
    }
    Ok((config, warnings))
}
