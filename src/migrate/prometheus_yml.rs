//! A `prometheus.yml`: the rule service reads the same file, less what concerns scraping, and asks the server.

use yaml::{Key, Node};

use super::Migration;
use super::section::{Known, Section};
use super::tree::{list, map, text};

/// Where a Prometheus listens if nobody says.
const SERVER: &str = "http://localhost:9090";

/// Discoveries that the rule service knows.
const DISCOVERIES: [&str; 4] = ["static_configs", "dns_sd_configs", "file_sd_configs", "kubernetes_sd_configs"];

/// Ways to authenticate that it does not know.
const CLOUD_AUTH: [&str; 3] = ["sigv4", "azuread", "google_iam"];

const GLOBAL: [&str; 4] =
    ["evaluation_interval", "rule_query_offset", "external_labels", "metric_name_validation_scheme"];

const KNOWN: Known = Known {
    aside: &[(
        "scraping and storage, and stay with Prometheus",
        &[
            "scrape_configs",
            "scrape_config_files",
            "storage",
            "tracing",
            "otlp",
            "remote_read",
            "remote_write",
            "runtime",
        ],
    )],
    lost: &[],
};

/// Takes over what a file says.
pub(super) fn migrate(mut file: Section<'_>, migration: &mut Migration) {
    let Migration { deployment, notes } = migration;
    deployment.has_rules = true;
    let config = &mut deployment.rules_config;
    let mut global = file.section("global");
    for key in GLOBAL {
        if let Some(node) = global.take(key) {
            config.set(&["global", key], node.clone());
        }
    }
    global.set_aside("scraping and storage, and stay with Prometheus", notes);
    if let Some(files) = file.take("rule_files") {
        config.set(&["rule_files"], files.clone());
    }
    let mut alerting = file.section("alerting");
    if let Some(rules) = alerting.take("alert_relabel_configs") {
        config.set(&["alerting", "alert_relabel_configs"], rules.clone());
    }
    for entry in alerting.sections("alertmanagers") {
        if let Some(node) = notifier(entry, notes) {
            deployment.notifiers.push((None, node));
        }
    }
    alerting.finish(Known::default(), notes);
    for name in ["query", "query_sources", "kubernetes"] {
        if let Some(node) = file.take(name) {
            config.set(&[name], node.clone());
        }
    }
    if !config.has("query") && !config.has("query_sources") {
        config.set(&["query", "url"], text(SERVER));
        notes.step(format!("name the Prometheus that is asked: query.url in prometheus.yml, now {SERVER}"));
    }
    config.set(&["remote_write"], list(vec![map([("url", text(&format!("{SERVER}/api/v1/write")))])]));
    notes.step("recorded series and ALERTS went into Prometheus' own storage: start it with --web.enable-remote-write-receiver, and name it in remote_write");
    notes.step("once the rules are evaluated here, take rule_files and alerting out of Prometheus' own file");
    file.finish(KNOWN, notes);
}

/// An entry of `alertmanagers` without what is not known here; none if nobody would be left.
fn notifier(entry: Section<'_>, notes: &mut super::notes::Notes) -> Option<Node> {
    let mut kept: Vec<(String, Node)> = Vec::new();
    for (key, node) in entry.fields() {
        let (name, path): (&str, String) = (&key.text, entry.path_of(&key.text));
        if name.ends_with("_sd_configs") && !DISCOVERIES.contains(&name) {
            notes.lose(entry.file(), key.span, path, "use kubernetes_sd_configs, dns_sd_configs or file_sd_configs, or list the notifiers under static_configs");
        } else if CLOUD_AUTH.contains(&name) {
            notes.lose(entry.file(), key.span, path, "put a proxy that signs requests in between");
        } else if name == "kubernetes_sd_configs" {
            kept.push((name.to_owned(), of_kubernetes(node, &path, &entry, notes)));
        } else if name == "api_version" && node.as_text() != Some("v2") {
            notes.lose(entry.file(), key.span, path, "only v2 is left; this is it");
        } else {
            kept.push((name.to_owned(), node.clone()));
        }
    }
    kept.iter().any(|(name, _)| DISCOVERIES.contains(&name.as_str())).then(|| map(kept))
}

/// Only what the discovery knows: how the API is reached is in a kubeconfig.
fn of_kubernetes(node: &Node, path: &str, entry: &Section<'_>, notes: &mut super::notes::Notes) -> Node {
    let items = node.as_sequence().unwrap_or_default().iter().map(|item| {
        let is_kept = |key: &Key| ["role", "kubeconfig_file", "namespaces", "selectors"].contains(&key.text.as_str());
        let mut kept = Vec::new();
        for (key, value) in item.as_mapping().unwrap_or_default() {
            if is_kept(key) {
                kept.push((key.text.to_string(), value.clone()));
            } else {
                let instead = "put it into a kubeconfig and name that in kubeconfig_file; in a pod, it is not needed";
                notes.lose(entry.file(), key.span, format!("{path}.{}", key.text), instead);
            }
        }
        map(kept)
    });
    list(items.collect())
}
