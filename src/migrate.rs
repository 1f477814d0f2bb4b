//! From what people run today to an equal deployment of Watchfire: objects of the Prometheus operator, values of
//! kube-prometheus-stack, `prometheus.yml`, `alertmanager.yml`, the command line of vmalert. Pure: texts in, texts out.
//!
//! No field of an input is passed over: each is taken over, is told of with its place, or is named among those that do not
//! concern alerting.
//!
//! - [`section`]: fields of an input, none of which gets lost
//! - [`notes`]: what is told about them
//! - [`deployment`]: what comes out
//! - [`tree`]: YAML that is put together
//! - one file for each kind of input

pub mod alertmanager;
pub mod alertmanager_yml;
pub mod deployment;
pub mod notes;
mod pods;
pub mod prometheus;
pub mod prometheus_yml;
mod relabeling;
pub mod section;
pub mod stack_values;
pub mod thanos_ruler;
pub mod tree;
pub mod vmalert;

use model::source::{Diagnostic, Diagnostics, SourceFile};
use yaml::Node;

use deployment::Deployment;
use notes::Notes;
use section::Section;

/// What the inputs cannot say themselves.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The namespace of objects without one, and of a Helm release.
    pub namespace: String,
    /// The name of the Helm release that values are of.
    pub release: String,
}

impl Default for Circumstances {
    fn default() -> Self {
        Self { namespace: "monitoring".to_owned(), release: "kube-prometheus-stack".to_owned() }
    }
}

/// What came out.
#[derive(Debug, Default)]
pub struct Migration {
    /// The equal deployment.
    pub deployment: Deployment,
    /// What is to be told about the inputs.
    pub notes: Notes,
}

/// An object of the operator: where it is, and what it says.
struct Workload<'a> {
    namespace: String,
    name: String,
    spec: Section<'a>,
    /// Which rules and namespaces are selected, where it is not the specification that says it.
    selectors: Option<(Node, Node)>,
}

/// One document of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Prometheus,
    ThanosRuler,
    Alertmanager,
    Secret,
    List,
    OtherObject,
    StackValues,
    PrometheusYml,
    AlertmanagerYml,
}

/// Migrates files together: a Prometheus and the Alertmanager it sends to become one deployment.
///
/// # Errors
/// A file is no YAML, or nothing that is known here.
pub fn migrate(files: &[SourceFile], circumstances: &Circumstances) -> Result<Migration, Diagnostics> {
    let mut mistakes = Diagnostics::new();
    let mut migration = Migration::default();
    let mut documents = Vec::new();
    for file in files {
        if vmalert::is_command_line(file.text()) {
            vmalert::migrate(&vmalert::words_of(file), &mut migration);
            continue;
        }
        let parsed = yaml::parse_all(file);
        mistakes.append(parsed.diagnostics);
        for root in parsed.documents {
            unfold(file, root, &mut documents);
        }
    }
    // Secrets first, as others name them.
    for (file, root) in &documents {
        if what(root) == Some(What::Secret) {
            migration.deployment.secrets.learn(file, root);
        }
    }
    for (file, root) in &documents {
        match what(root) {
            Some(what) => one(what, file, root, circumstances, &mut migration),
            None => mistakes.push(
                Diagnostic::error(file, root.span, "this is nothing that can be migrated")
                    .hint("known are Prometheus, ThanosRuler and Alertmanager objects, values of kube-prometheus-stack, prometheus.yml, alertmanager.yml and command lines of vmalert"),
            ),
        }
    }
    if mistakes.has_errors() {
        return Err(mistakes);
    }
    migration.deployment.settle(&mut migration.notes);
    Ok(migration)
}

/// Lists of objects are their items.
fn unfold(file: &SourceFile, root: Node, documents: &mut Vec<(SourceFile, Node)>) {
    match (what(&root), root.get("items").and_then(Node::as_sequence)) {
        (Some(What::List), Some(items)) => items.iter().for_each(|item| unfold(file, item.clone(), documents)),
        _ if root.is_null() => {}
        _ => documents.push((file.clone(), root)),
    }
}

fn what(root: &Node) -> Option<What> {
    let text = |key| root.get(key).and_then(Node::as_text);
    let has = |keys: &[&str]| keys.iter().any(|key| root.get(key).is_some());
    match (text("apiVersion"), text("kind")) {
        (Some(_), Some("Prometheus")) => Some(What::Prometheus),
        (Some(_), Some("ThanosRuler")) => Some(What::ThanosRuler),
        (Some(_), Some("Alertmanager")) => Some(What::Alertmanager),
        (Some(_), Some("Secret")) => Some(What::Secret),
        (Some(_), Some(kind)) if kind.ends_with("List") => Some(What::List),
        (Some(_), Some(_)) => Some(What::OtherObject),
        _ if has(&["route"]) && has(&["receivers"]) => Some(What::AlertmanagerYml),
        _ if has(&["rule_files", "alerting", "scrape_configs"]) => Some(What::PrometheusYml),
        _ if has(&["prometheus", "alertmanager", "thanosRuler", "defaultRules", "prometheusOperator"]) => {
            Some(What::StackValues)
        }
        _ if has(&["global"]) => Some(What::PrometheusYml),
        _ => None,
    }
}

fn one(what: What, file: &SourceFile, root: &Node, circumstances: &Circumstances, migration: &mut Migration) {
    let workload = || {
        let metadata = |key: &str| root.get("metadata").and_then(|metadata| metadata.get(key)).and_then(Node::as_text);
        Workload {
            namespace: metadata("namespace").unwrap_or(&circumstances.namespace).to_owned(),
            name: metadata("name").unwrap_or("unnamed").to_owned(),
            spec: Section::of(file, "spec", root.get("spec")),
            selectors: None,
        }
    };
    match what {
        What::Prometheus => prometheus::migrate(workload(), migration),
        What::ThanosRuler => thanos_ruler::migrate(workload(), migration),
        What::Alertmanager => alertmanager::migrate(workload(), migration),
        What::StackValues => stack_values::migrate(Section::of(file, "", Some(root)), circumstances, migration),
        What::PrometheusYml => prometheus_yml::migrate(Section::of(file, "", Some(root)), migration),
        What::AlertmanagerYml => alertmanager_yml::migrate(file, root, migration),
        What::Secret | What::List => {}
        What::OtherObject => {
            let kind = root.get("kind").and_then(Node::as_text).unwrap_or_default();
            migration.notes.aside("objects that stay as they are", kind);
        }
    }
}

#[cfg(test)]
mod tests;
