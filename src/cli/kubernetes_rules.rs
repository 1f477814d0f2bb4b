//! Flags of rules from a cluster.

use clap::Args;
use kubernetes::client::Access;
use kubernetes::prometheus_rule::Exclusion;
use kubernetes::rule_source::RuleSource;
use kubernetes::selector::{LabelSelector, NamespaceSelector, ObjectSelector};

/// PrometheusRules of a cluster as rules; each flag overrides the section `kubernetes` of the configuration, and
/// `--kubernetes.rule-selector` stands for it where there is none.
#[derive(Clone, Debug, Default, Args)]
pub struct KubernetesRulesFlags {
    /// Evaluate the PrometheusRules of a cluster that have such labels, as kubectl takes a selector; "" is all.
    #[arg(long = "kubernetes.rule-selector", value_parser = LabelSelector::parse, value_name = "SELECTOR")]
    pub rule_selector: Option<LabelSelector>,
    /// Those of namespaces with such labels; "" is all. [default: the own namespace]
    #[arg(long = "kubernetes.rule-namespace-selector", value_parser = LabelSelector::parse, value_name = "SELECTOR")]
    pub rule_namespace_selector: Option<LabelSelector>,
    /// The only namespaces that are looked at, comma separated; rights in these are enough. [default: all]
    #[arg(long = "kubernetes.namespaces", value_delimiter = ',', value_name = "NAMES")]
    pub rule_namespaces: Vec<String>,
    /// Namespaces that are not looked at, comma separated.
    #[arg(long = "kubernetes.deny-namespaces", value_delimiter = ',', value_name = "NAMES")]
    pub denied_namespaces: Vec<String>,
    /// Give every rule this label with its object's namespace, and let its expression read only such series.
    #[arg(long = "kubernetes.enforced-namespace-label", value_name = "LABEL")]
    pub enforced_namespace_label: Option<String>,
    /// Objects that are left alone by that: NAMESPACE or NAMESPACE/NAME, repeatable.
    #[arg(long = "kubernetes.exclude-from-enforcement", value_name = "OBJECT")]
    pub excluded_from_enforcement: Vec<String>,
    /// The own namespace. [default: that of the service account or context]
    #[arg(long = "kubernetes.namespace", value_name = "NAME")]
    pub own_namespace: Option<String>,
}

impl KubernetesRulesFlags {
    /// The settings with what these flags and those of the access say; none if there are none to be.
    pub fn over(&self, access: &Access, configured: Option<RuleSource>) -> Option<RuleSource> {
        let mut source = match (configured, &self.rule_selector) {
            (Some(configured), _) => configured,
            (None, Some(_)) => RuleSource::default(),
            (None, None) => return None,
        };
        if let Some(selector) = &self.rule_selector {
            source.rule_selector = ObjectSelector::Labelled(selector.clone());
        }
        if let Some(selector) = &self.rule_namespace_selector {
            source.namespace_selector = NamespaceSelector::Labelled(selector.clone());
        }
        if !self.rule_namespaces.is_empty() {
            source.namespaces.clone_from(&self.rule_namespaces);
        }
        if !self.denied_namespaces.is_empty() {
            source.denied_namespaces.clone_from(&self.denied_namespaces);
        }
        if self.enforced_namespace_label.is_some() {
            source.enforcement.label.clone_from(&self.enforced_namespace_label);
        }
        if !self.excluded_from_enforcement.is_empty() {
            source.enforcement.excluded =
                self.excluded_from_enforcement.iter().map(|object| exclusion(object)).collect();
        }
        source.access.kubeconfig = access.kubeconfig.clone().or(source.access.kubeconfig.take());
        source.access.context = access.context.clone().or(source.access.context.take());
        source.namespace = self.own_namespace.clone().or(source.namespace.take());
        Some(source)
    }
}

fn exclusion(object: &str) -> Exclusion {
    let (namespace, name) = object.split_once('/').unwrap_or((object, ""));
    Exclusion { namespace: namespace.to_owned(), name: name.to_owned() }
}
