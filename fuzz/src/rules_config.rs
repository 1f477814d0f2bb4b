//! `prometheus.yml`: read, and what holds with flags over it.

use std::path::Path;

use model::LabelSet;
use rules_engine::config::{Config, Flags};
use rules_engine::io::api::shown_config::without_secrets;

use super::text;

pub fn check(data: &[u8]) {
    let Some(file) = text::file("prometheus.yml", data) else { return };
    // What the service shows of any file it was given.
    without_secrets(&file);
    let environment = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    match Config::read(&file, Path::new("/nowhere"), &environment) {
        Ok((config, warnings)) => {
            text::tells(&warnings);
            config.alert_relabeling.apply(&LabelSet::from_pairs([("alertname", "Down"), ("job", "api")]));
            config.rule_defaults();
            config.with_flags(&Flags::default()).expect("no flag is a good flag");
        }
        Err(mistakes) => text::tells(&mistakes),
    }
}
