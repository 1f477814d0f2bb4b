//! An `alertmanager.yml`: the notifier reads the same file. What its own checks say of it is told.

use std::path::Path;

use model::matcher::parse::ParseMode;
use model::source::{Diagnostics, SourceFile};
use notifier::config::Config;
use yaml::Node;

use super::Migration;
use super::deployment::NotifierConfig;

/// Takes it over as it is.
pub(super) fn migrate(file: &SourceFile, root: &Node, migration: &mut Migration) {
    migration.deployment.has_notifier = true;
    migration.deployment.notifier_config = Some(NotifierConfig::Text(file.text().to_owned()));
    // Files that it names are where it runs, not where it is migrated.
    let nowhere = |_: &Path| Ok(String::new());
    let told = match Config::parse(file, Path::new(""), ParseMode::default(), &nowhere) {
        Ok((_, warnings)) => warnings,
        Err(mistakes) => mistakes,
    };
    tell(&told, migration);
    if root.get("templates").is_some() {
        migration.notes.step("the template files that alertmanager.yml names are read from the same places");
    }
}

fn tell(told: &Diagnostics, migration: &mut Migration) {
    for one in told.iter() {
        // about files that are elsewhere
        let text = one.clone().without_excerpt().to_string();
        if !text.contains("no file matches this pattern") {
            migration.notes.step(text);
        }
    }
}
