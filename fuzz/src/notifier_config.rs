//! `alertmanager.yml`: read in each syntax of matchers; one that is good is put to use: routed through, compared with itself, its
//! templates compiled, its secrets hidden.

use std::path::Path;
use std::sync::Arc;

use model::matcher::parse::ParseMode;
use model::{LabelSet, Timestamp};
use notifier::comparison::Comparison;
use notifier::config::Config;
use notifier::rendering::Renderer;
use notifier::route::RouteTree;

use super::text;

/// The names that a template file has in any case.
const TEMPLATE: &str = "{{ define \"x\" }}{{ .Status }}{{ end }}";

pub fn check(data: &[u8]) {
    let Some(file) = text::file("alertmanager.yml", data) else { return };
    for mode in [ParseMode::Fallback, ParseMode::Classic, ParseMode::Utf8Strict] {
        let reader = |path: &Path| match path.extension() {
            Some(_) => Ok(TEMPLATE.to_owned()),
            None => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
        };
        match Config::parse(&file, Path::new("/nowhere"), mode, &reader) {
            Ok((config, warnings)) => {
                text::tells(&warnings);
                put_to_use(config);
            }
            Err(mistakes) => text::tells(&mistakes),
        }
    }
}

fn put_to_use(config: Config) {
    // Compiling the shipped templates takes most of the time.
    if !config.template_files.is_empty() {
        drop(Renderer::new(&config, "http://w").map_err(|error| error.to_string()));
    }
    let tree = RouteTree::new(Arc::new(config));
    let labels = LabelSet::from_pairs([("alertname", "Down"), ("severity", "critical"), ("team", "é")]);
    let now = Timestamp::from_secs(1_767_225_600);
    let routes = tree.matching(&labels);
    assert!(!routes.is_empty(), "every alert has a route");
    for id in tree.with_steps(routes) {
        tree.mute_at(id, now);
        tree.heard_again(id, now, now.plus(std::time::Duration::from_secs(86_400)));
    }
    let same = Comparison::of_alerts(&tree, &tree, &[labels], now);
    assert_eq!(same.changed_alerts, Some(0), "nothing changes");
    assert!(Comparison::of_trees(tree.config(), tree.config()).changes.is_empty(), "nothing changes");
}
