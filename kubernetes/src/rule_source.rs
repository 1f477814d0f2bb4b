//! Which PrometheusRules are rules of ours: the settings, named as the Prometheus object names them, and what they select.

use std::path::{Path, PathBuf};

use yaml::{Decoder, Field, Node};

use crate::client::{Access, Scope};
use crate::object::{NAMESPACES, PROMETHEUS_RULES};
use crate::prometheus_rule::{Enforcement, Exclusion, PrometheusRule};
use crate::selector::{Labels, NamespaceSelector, ObjectSelector};

/// The kinds of objects that `excludedFromEnforcement` may name; rules are ours.
const ENFORCED_RESOURCES: [(&str, bool); 5] = [
    (PROMETHEUS_RULES.plural, true),
    ("servicemonitors", false),
    ("podmonitors", false),
    ("probes", false),
    ("scrapeconfigs", false),
];

/// Objects whose status says who has bound an object, as the custom resource definition allows them.
const WORKLOADS: [(&str, &str); 2] = [("prometheuses", "prometheuses"), ("thanosrulers", "thanosrulers")];

/// The section `kubernetes` of a rule service's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSource {
    /// How to reach the API server.
    pub access: Access,
    /// Where we are, for a namespace selector that is absent; without it, where the service account or context is.
    pub namespace: Option<String>,
    /// Which objects.
    pub rule_selector: ObjectSelector,
    /// Of which namespaces.
    pub namespace_selector: NamespaceSelector,
    /// The only namespaces that are looked at; empty for all.
    pub namespaces: Vec<String>,
    /// Namespaces that are not looked at.
    pub denied_namespaces: Vec<String>,
    /// The namespace label.
    pub enforcement: Enforcement,
    /// In whose name objects' status is written; nobody's if there is none.
    pub reports_for: Option<Workload>,
    /// The Lease, in the own namespace, by which one of several replicas is the one that reports; each does if there is none.
    pub lease: Option<String>,
}

/// An object of the operator in whose place we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// `prometheuses` or `thanosrulers`.
    pub resource: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Whether an object is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// It is.
    Selected,
    /// Its namespace is not looked at.
    NamespaceNotAllowed,
    /// Its namespace is not selected.
    NamespaceNotSelected,
    /// Its labels are not selected.
    NotSelected,
    /// The labels of its namespace are not known yet.
    Unknown,
}

impl RuleSource {
    /// Reads the section. Relative file names start at `base`.
    pub fn decode(node: &Node, decoder: &Decoder, base: &Path) -> Option<RuleSource> {
        let mut fields = decoder.mapping(node, "the kubernetes section")?;
        let kubeconfig = fields.optional("kubeconfig").string().map(|path| base.join(path.value));
        let context = fields.optional("context").string().map(|context| context.value);
        let namespace = fields.optional("namespace").string().map(|namespace| namespace.value);
        let selector = fields.optional("ruleSelector");
        if !selector.is_present() {
            decoder
                .warning(node.span, "there is no ruleSelector: no PrometheusRule is selected")
                .hint("ruleSelector: {} selects all, as in a Prometheus object");
        }
        let rule_selector = ObjectSelector::decode(selector);
        let namespace_selector = NamespaceSelector::decode(fields.optional("ruleNamespaceSelector"));
        let namespaces = names(fields.optional("namespaces"));
        let denied_namespaces = names(fields.optional("denyNamespaces"));
        let label = fields.optional("enforcedNamespaceLabel").string().map(|label| {
            if !is_label_name(&label.value) {
                decoder.error(label.span, format!("{:?} is not a valid label name", label.value));
            }
            label.value
        });
        let excluded = fields.optional("excludedFromEnforcement").sequence(decode_exclusion).unwrap_or_default();
        let reports_for = fields.optional("reportsFor").decode(Workload::decode);
        let lease = fields.optional("lease").string().map(|lease| lease.value);
        fields.finish();
        Some(RuleSource {
            access: Access { kubeconfig, context },
            namespace,
            rule_selector,
            namespace_selector,
            namespaces,
            denied_namespaces,
            enforcement: Enforcement { label, excluded: excluded.into_iter().flatten().collect() },
            reports_for,
            lease,
        })
    }

    /// The file that says how to reach the server.
    pub fn kubeconfig(&self) -> Option<&PathBuf> {
        self.access.kubeconfig.as_ref()
    }

    /// Where we are.
    pub fn own_namespace<'a>(&'a self, of_client: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(of_client)
    }

    /// What is to be followed: PrometheusRules first, of each namespace that is listed, of the own one, or of all; and all
    /// namespaces, where their labels decide.
    pub fn scopes(&self, own: &str) -> Vec<Scope> {
        let allowed = |namespace: &&String| !self.denied_namespaces.contains(namespace);
        let mut scopes: Vec<Scope> = match (&self.namespace_selector, self.namespaces.is_empty()) {
            (NamespaceSelector::Own, _) => vec![Scope::all(PROMETHEUS_RULES, Some(own.to_owned()))],
            (_, true) => vec![Scope::all(PROMETHEUS_RULES, None)],
            (_, false) => {
                let each = self.namespaces.iter().filter(allowed);
                each.map(|namespace| Scope::all(PROMETHEUS_RULES, Some(namespace.clone()))).collect()
            }
        };
        if self.namespace_selector.needs_labels() {
            scopes.push(Scope::all(NAMESPACES, None).only_metadata());
        }
        scopes
    }

    /// Whether an object is selected. `labels` are those of its namespace, as far as they are known.
    pub fn selection(&self, rule: &PrometheusRule, labels: Option<&Labels>, own: &str) -> Selection {
        let namespace = &rule.key.namespace;
        let is_listed = self.namespaces.is_empty() || self.namespaces.contains(namespace);
        if !is_listed || self.denied_namespaces.contains(namespace) {
            return Selection::NamespaceNotAllowed;
        }
        if !self.rule_selector.selects(&rule.labels) {
            return Selection::NotSelected;
        }
        let no_labels = Labels::new();
        let labels = match (labels, self.namespace_selector.needs_labels()) {
            (Some(labels), _) => labels,
            (None, false) => &no_labels,
            (None, true) => return Selection::Unknown,
        };
        match self.namespace_selector.selects(namespace, labels, own) {
            true => Selection::Selected,
            false => Selection::NamespaceNotSelected,
        }
    }
}

impl Workload {
    fn decode(node: &Node, decoder: &Decoder) -> Option<Workload> {
        let mut fields = decoder.mapping(node, "an object that is reported for")?;
        let resource = fields.required("resource").one_of(&WORKLOADS);
        let namespace = fields.required("namespace").string();
        let name = fields.required("name").string();
        fields.finish();
        Some(Workload { resource: resource?.value, namespace: namespace?.value, name: name?.value })
    }
}

fn names(field: Field<'_>) -> Vec<String> {
    field.string_list().unwrap_or_default().into_iter().map(|name| name.value).collect()
}

/// None for an exclusion of what are no rules.
fn decode_exclusion(node: &Node, decoder: &Decoder) -> Option<Option<Exclusion>> {
    let mut fields = decoder.mapping(node, "an excludedFromEnforcement entry")?;
    fields.ignore(&["group"]);
    let resource = fields.required("resource").one_of(&ENFORCED_RESOURCES);
    let namespace = fields.required("namespace").string();
    let name = fields.optional("name").string().map(|name| name.value).unwrap_or_default();
    fields.finish();
    let exclusion = Exclusion { namespace: namespace?.value, name };
    Some(resource.filter(|resource| resource.value).map(|_| exclusion))
}

fn is_label_name(name: &str) -> bool {
    let is_first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    name.starts_with(is_first) && name.chars().all(|letter| is_first(letter) || letter.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use model::source::SourceFile;
    use serde_json::json;

    use super::*;
    use crate::selector::LabelSelector;

    fn read(text: &str) -> Result<(RuleSource, String), String> {
        let file = SourceFile::new("prometheus.yml", text);
        let decoder = Decoder::new(&file);
        let source = decoder.first_document().and_then(|root| RuleSource::decode(&root, &decoder, Path::new("/etc/w")));
        let (source, warnings) = decoder.finish(source).map_err(|mistakes| mistakes.to_string())?;
        Ok((source, warnings.to_string()))
    }

    fn rule(namespace: &str, team: &str) -> PrometheusRule {
        let metadata = json!({"namespace": namespace, "name": "r", "labels": {"team": team}});
        PrometheusRule::of(&json!({"metadata": metadata})).unwrap()
    }

    #[test]
    fn the_section_is_written_as_in_a_prometheus_object() {
        let (source, warnings) = read(
            "kubeconfig: admin.conf\n\
             namespace: monitoring\n\
             ruleSelector: {matchLabels: {team: a}}\n\
             ruleNamespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [x, y]}]}\n\
             denyNamespaces: [y]\n\
             enforcedNamespaceLabel: namespace\n\
             excludedFromEnforcement:\n\
             - {group: monitoring.coreos.com, resource: prometheusrules, namespace: x, name: free}\n\
             - {resource: podmonitors, namespace: x}\n\
             reportsFor: {resource: prometheuses, namespace: monitoring, name: k8s}\n",
        )
        .unwrap();
        assert_eq!(warnings, "");
        assert_eq!(source.kubeconfig(), Some(&PathBuf::from("/etc/w/admin.conf")));
        assert_eq!(source.enforcement.excluded, [Exclusion { namespace: "x".to_owned(), name: "free".to_owned() }]);
        let scopes = source.scopes("monitoring");
        assert_eq!(scopes[0], Scope::all(PROMETHEUS_RULES, None));
        assert!(scopes[1].only_metadata && scopes[1].kind == NAMESPACES);
        let named = |name: &str| Labels::from([("kubernetes.io/metadata.name".to_owned(), name.to_owned())]);
        for (namespace, team, labels, expected) in [
            ("x", "a", Some(named("x")), Selection::Selected),
            ("x", "b", Some(named("x")), Selection::NotSelected),
            ("y", "a", Some(named("y")), Selection::NamespaceNotAllowed),
            ("z", "a", Some(named("z")), Selection::NamespaceNotSelected),
            ("z", "a", None, Selection::Unknown),
        ] {
            assert_eq!(source.selection(&rule(namespace, team), labels.as_ref(), "monitoring"), expected);
        }
    }

    #[test]
    fn what_is_left_out_means_what_it_means_to_the_operator() {
        let (source, warnings) = read("{}").unwrap();
        assert!(warnings.contains("no PrometheusRule is selected"), "{warnings}");
        assert_eq!(source.selection(&rule("us", "a"), None, "us"), Selection::NotSelected);
        let (source, warnings) = read("ruleSelector: {}").unwrap();
        assert_eq!(warnings, "");
        assert_eq!(source.scopes("us"), [Scope::all(PROMETHEUS_RULES, Some("us".to_owned()))], "a Role is enough");
        assert_eq!(source.selection(&rule("us", "a"), None, "us"), Selection::Selected);
        assert_eq!(source.selection(&rule("them", "a"), None, "us"), Selection::NamespaceNotSelected);
        let listed = RuleSource {
            namespaces: vec!["a".to_owned(), "b".to_owned()],
            namespace_selector: NamespaceSelector::Labelled(LabelSelector::default()),
            ..source
        };
        let watched: Vec<_> = listed.scopes("us").into_iter().map(|scope| scope.namespace).collect();
        assert_eq!(watched, [Some("a".to_owned()), Some("b".to_owned())], "one watch for each, no ClusterRole");
    }

    #[test]
    fn every_mistake_is_told() {
        let mistakes = read(
            "ruleSelectr: {}\nruleNamespaceSelector: {matchExpressions: [{key: a, operator: Is}]}\n\
             enforcedNamespaceLabel: name-space\nexcludedFromEnforcement: [{resource: pods, namespace: x}]\n\
             reportsFor: {resource: deployments, namespace: x, name: y}\n",
        )
        .unwrap_err();
        for part in ["ruleSelectr", "\"Is\" is no operator", "name-space", "pods", "deployments"] {
            assert!(mistakes.contains(part), "{part}: {mistakes}");
        }
    }
}
