//! What comes out: Helm values of our chart, or a command line with configuration files.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::source::SourceFile;
use yaml::Node;

use super::notes::Notes;
use super::tree::{Tree, plain, text};

/// An equal deployment of Watchfire.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    /// There are rules to evaluate.
    pub has_rules: bool,
    /// There are alerts to notify about.
    pub has_notifier: bool,
    /// An input was an object, or values of a chart: what comes out are values, too.
    pub is_kubernetes: bool,
    /// Values of our chart, but for what is below.
    pub values: Tree,
    /// The rule service's configuration.
    pub rules_config: Tree,
    /// The notifier's configuration.
    pub notifier_config: Option<NotifierConfig>,
    /// Flags, in order.
    pub flags: Vec<(String, String)>,
    /// Secrets among the inputs.
    pub secrets: Secrets,
    /// Services of notifiers that become this deployment, as `namespace/name`.
    pub(super) own_services: Vec<String>,
    /// Notifiers that rules are to tell, each with the Service it was found by.
    pub(super) notifiers: Vec<(Option<String>, Node)>,
}

/// The notifier's configuration.
#[derive(Clone, Debug)]
pub enum NotifierConfig {
    /// As it was written.
    Text(String),
    /// As a tree.
    Tree(Node),
    /// In a Secret of the cluster.
    Secret(String),
}

/// Secrets by namespace and name, with their texts by key.
#[derive(Clone, Debug, Default)]
pub struct Secrets(BTreeMap<(String, String), BTreeMap<String, String>>);

/// One file of what comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// What it is called.
    pub name: &'static str,
    /// What it says.
    pub text: String,
}

impl Secrets {
    /// Remembers one.
    pub(super) fn learn(&mut self, _file: &SourceFile, root: &Node) {
        let metadata = |key| root.get("metadata").and_then(|metadata| metadata.get(key)).and_then(Node::as_text);
        let key =
            (metadata("namespace").unwrap_or_default().to_owned(), metadata("name").unwrap_or_default().to_owned());
        let texts = self.0.entry(key).or_default();
        let entries = |field| root.get(field).and_then(Node::as_mapping).unwrap_or_default().iter();
        for (name, value) in entries("data") {
            let bytes = value.as_text().and_then(|text| STANDARD.decode(text.trim()).ok());
            if let Some(text) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
                texts.insert(name.text.to_string(), text);
            }
        }
        for (name, value) in entries("stringData") {
            texts.insert(name.text.to_string(), value.as_text().unwrap_or_default().to_owned());
        }
    }

    /// What a Secret has under a key.
    pub(super) fn get(&self, namespace: &str, name: &str, key: &str) -> Option<&str> {
        let texts = [namespace, ""].iter().find_map(|space| self.0.get(&((*space).to_owned(), name.to_owned())));
        texts?.get(key).map(String::as_str)
    }
}

impl Deployment {
    /// Adds a flag.
    pub(super) fn flag(&mut self, name: &str, value: impl Into<String>) {
        self.flags.push((name.to_owned(), value.into()));
    }

    /// All inputs were read: what follows from them together.
    pub(super) fn settle(&mut self, notes: &mut Notes) {
        for (service, node) in std::mem::take(&mut self.notifiers) {
            match service.filter(|service| self.own_services.contains(service)) {
                Some(service) => notes.step(format!(
                    "alerts for {service} are handed over within the process, as its notifier is migrated too"
                )),
                None => self.rules_config.push(&["alerting", "alertmanagers"], node),
            }
        }
        let told =
            self.rules_config.get(&["alerting", "alertmanagers"]).and_then(Node::as_sequence).unwrap_or_default();
        let is_found = told.iter().any(|entry| entry.get("kubernetes_sd_configs").is_some());
        if self.is_kubernetes && is_found {
            self.values.set(&["rbac", "discovery", "enabled"], plain("true"));
        }
    }

    /// `run`, `rules` or `notifier`.
    pub fn command(&self) -> &'static str {
        match (self.has_rules, self.has_notifier) {
            (true, false) => "rules",
            (false, true) => "notifier",
            _ => "run",
        }
    }

    /// The files.
    pub fn outputs(&self) -> Vec<Output> {
        if self.is_kubernetes { vec![Output { name: "values.yaml", text: self.values_text() }] } else { self.files() }
    }

    fn values_text(&self) -> String {
        let mut values = Tree::default();
        values.set(&["mode"], text(self.command()));
        let mut rest = self.values.clone();
        if self.has_rules && !self.rules_config.is_empty() {
            rest.set(&["rulesConfig", "content"], self.rules_config.clone().into_node());
        }
        match &self.notifier_config {
            Some(NotifierConfig::Tree(node)) => rest.set(&["notifierConfig", "content"], node.clone()),
            Some(NotifierConfig::Secret(name)) => rest.set(&["notifierConfig", "existingSecret"], text(name)),
            Some(NotifierConfig::Text(text)) => {
                let node = yaml::parse_first(&SourceFile::new("alertmanager.yml", text.as_str()));
                if let Ok((node, _)) = node {
                    rest.set(&["notifierConfig", "content"], node);
                }
            }
            None => {}
        }
        for (name, value) in &self.flags {
            rest.push(&["extraArgs"], text(&argument(name, value)));
        }
        let mut out = yaml::emit(&values.into_node());
        if !rest.is_empty() {
            out.push_str(&yaml::emit(&rest.into_node()));
        }
        out
    }

    fn files(&self) -> Vec<Output> {
        let mut outputs = Vec::new();
        let mut line = format!("watchfire {}", self.command());
        if let Some(NotifierConfig::Text(text)) = &self.notifier_config {
            line.push_str(" \\\n  --config.file=alertmanager.yml");
            outputs.push(Output { name: "alertmanager.yml", text: text.clone() });
        }
        if self.has_rules && !self.rules_config.is_empty() {
            let flag = if self.has_notifier { "--rules.config.file" } else { "--config.file" };
            // the line was not ended yet
            let _infallible = write!(line, " \\\n  {flag}=prometheus.yml");
            outputs.push(Output { name: "prometheus.yml", text: yaml::emit(&self.rules_config.clone().into_node()) });
        }
        for (name, value) in &self.flags {
            let _infallible = write!(line, " \\\n  {}", shell_word(&argument(name, value)));
        }
        line.push('\n');
        outputs.insert(0, Output { name: "watchfire.sh", text: line });
        outputs
    }
}

fn argument(name: &str, value: &str) -> String {
    format!("--{name}={value}")
}

/// In single quotes where the shell would read something else.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
