//! Values of the chart kube-prometheus-stack.

use yaml::Node;

use super::deployment::NotifierConfig;
use super::section::{Known, Section};
use super::tree::{map, text};
use super::{Circumstances, Migration, Workload, alertmanager, prometheus, thanos_ruler};

const CHART: &str = "kube-prometheus-stack";

/// The chart cuts its names here.
const NAME_MAX: usize = 26;

const KNOWN: Known = Known {
    aside: &[
        (
            "rules as objects, which the chart goes on making",
            &["defaultRules", "additionalPrometheusRules", "additionalPrometheusRulesMap", "customRules"],
        ),
        (
            "other parts of the chart",
            &[
                "nameOverride",
                "fullnameOverride",
                "namespaceOverride",
                "kubeTargetVersionOverride",
                "kubeVersionOverride",
                "commonLabels",
                "crds",
                "global",
                "windowsMonitoring",
                "prometheus-windows-exporter",
                "grafana",
                "kubernetesServiceMonitors",
                "kubeApiServer",
                "kubelet",
                "kubeControllerManager",
                "coreDns",
                "kubeDns",
                "kubeEtcd",
                "kubeScheduler",
                "kubeProxy",
                "kubeStateMetrics",
                "kube-state-metrics",
                "nodeExporter",
                "prometheus-node-exporter",
                "prometheusOperator",
                "cleanPrometheusOperatorObjectNames",
                "extraManifests",
            ],
        ),
    ],
    lost: &[],
};

/// What stands beside a specification: services, routes, monitors.
const BESIDE: &[&str] = &[
    "enabled",
    "annotations",
    "labels",
    "additionalLabels",
    "agentMode",
    "apiVersion",
    "enableFeatures",
    "service",
    "servicePerReplica",
    "thanosService",
    "thanosServiceMonitor",
    "thanosServiceExternal",
    "thanosIngress",
    "podDisruptionBudget",
    "networkPolicy",
    "serviceAccount",
    "serviceMonitor",
    "ingress",
    "ingressPerReplica",
    "route",
    "routePerReplica",
    "secret",
    "podSecurityPolicy",
    "additionalPodMonitors",
    "additionalServiceMonitors",
    "additionalRulesForClusterRole",
    "extraSecret",
    "forceDeployDashboards",
    "verticalPodAutoscaler",
    "namespaceOverride",
];

/// Takes over values.
pub(super) fn migrate(mut values: Section<'_>, circumstances: &Circumstances, migration: &mut Migration) {
    migration.deployment.is_kubernetes = true;
    let full_name = full_name(&mut values, &circumstances.release);
    let namespace = values.text("namespaceOverride").unwrap_or(&circumstances.namespace).to_owned();
    let stack = Stack { release: &circumstances.release, full_name, namespace };
    stack.alertmanager(values.section("alertmanager"), migration);
    stack.prometheus(values.section("prometheus"), migration);
    stack.thanos_ruler(values.section("thanosRuler"), migration);
    values.finish(KNOWN, &mut migration.notes);
}

fn full_name(values: &mut Section<'_>, release: &str) -> String {
    if let Some(name) = values.text("fullnameOverride") {
        return name.chars().take(NAME_MAX).collect();
    }
    let chart = values.text("nameOverride").unwrap_or(CHART);
    let name = if release.contains(chart) { release.to_owned() } else { format!("{release}-{chart}") };
    name.chars().take(NAME_MAX).collect::<String>().trim_end_matches('-').to_owned()
}

struct Stack<'s> {
    release: &'s str,
    full_name: String,
    namespace: String,
}

impl Stack<'_> {
    /// A Prometheus is there unless somebody says otherwise, and tells the chart's Alertmanager.
    fn prometheus(&self, mut part: Section<'_>, migration: &mut Migration) {
        if part.text("enabled") == Some("false") {
            part.set_aside("parts that are switched off", &mut migration.notes);
            return;
        }
        let mut spec = part.section("prometheusSpec");
        let selectors = Some(self.nil_uses_release(&mut spec));
        let has_notifiers = spec.has("alertingEndpoints");
        let endpoints = spec.take("alertingEndpoints").and_then(Node::as_sequence).unwrap_or_default();
        let (file, path) = (spec.file(), spec.path_of("alertingEndpoints"));
        let name = format!("{}-prometheus", self.full_name);
        prometheus::migrate(Workload { namespace: self.namespace.clone(), name, spec, selectors }, migration);
        if !endpoints.is_empty() {
            let span = endpoints.first().map(|endpoint| endpoint.span).unwrap_or_default();
            let instead = "write them under alerting.alertmanagers of rulesConfig.content, as in prometheus.yml";
            migration.notes.lose(file, span, path, instead);
        } else if !has_notifiers && migration.deployment.has_notifier {
            migration
                .notes
                .step("alerts are handed over within the process, as the chart's Alertmanager is migrated too");
        } else if !migration.deployment.has_notifier {
            migration.notes.step("the values name no notifier: say in notifierUrls who is told of alerts");
        }
        for name in BESIDE {
            if part.take(name).is_some() {
                migration.notes.aside("the server and its pods, which stay", part.path_of(name));
            }
        }
        part.finish(Known::default(), &mut migration.notes);
    }

    /// Selectors that are left empty are not: the chart selects what its own release made.
    fn nil_uses_release(&self, spec: &mut Section<'_>) -> (Node, Node) {
        let uses = spec.text("ruleSelectorNilUsesHelmValues") != Some("false");
        let selector =
            spec.take("ruleSelector").filter(|node| node.as_mapping().is_some_and(|entries| !entries.is_empty()));
        let by_release = || map([("matchLabels", map([("release", text(self.release))]))]);
        let nothing = || map(Vec::<(&str, Node)>::new());
        let selector = selector.cloned().unwrap_or_else(|| if uses { by_release() } else { nothing() });
        let namespaces = spec.take("ruleNamespaceSelector").cloned().unwrap_or_else(nothing);
        for other in ["serviceMonitor", "podMonitor", "probe", "scrapeConfig"] {
            spec.take(&format!("{other}SelectorNilUsesHelmValues"));
        }
        (selector, namespaces)
    }

    fn alertmanager(&self, mut part: Section<'_>, migration: &mut Migration) {
        if part.text("enabled") == Some("false") {
            part.set_aside("parts that are switched off", &mut migration.notes);
            return;
        }
        let name = format!("{}-alertmanager", self.full_name);
        let config = part.take("config");
        let written = part.text("stringConfig");
        part.take("tplConfig");
        let deployment = &mut migration.deployment;
        match (written, config) {
            (Some(written), _) => deployment.notifier_config = Some(NotifierConfig::Text(written.to_owned())),
            (None, Some(config)) => deployment.notifier_config = Some(NotifierConfig::Tree(config.clone())),
            (None, None) => migration.notes.step(
                "the chart's own configuration of Alertmanager is not among its values: add notifierConfig.content, as `helm get values --all` shows it under alertmanager.config",
            ),
        }
        for (key, value) in part.take("templateFiles").and_then(Node::as_mapping).unwrap_or_default() {
            migration.deployment.values.set(&["templates", &key.text], value.clone());
            migration.notes.step("templates are mounted in /etc/watchfire/templates: name them so under templates of notifierConfig.content");
        }
        // By default all objects are merged.
        let mut spec = part.section("alertmanagerSpec");
        if !spec.has("alertmanagerConfigSelector") {
            let all = map(Vec::<(&str, Node)>::new());
            for key in ["selector", "namespaceSelector"] {
                migration.deployment.values.set(&["alertmanagerConfigs", key], all.clone());
            }
            migration.deployment.values.set(&["alertmanagerConfigs", "enabled"], super::tree::plain("true"));
        }
        if let Some(url) = spec.text("configSecret") {
            migration.deployment.notifier_config = Some(NotifierConfig::Secret(url.to_owned()));
            migration.notes.step(format!("Secret {url}: the chart reads its key alertmanager.yml"));
        }
        alertmanager::spec(spec, &self.namespace, &name, migration);
        for name in BESIDE {
            if part.take(name).is_some() {
                migration
                    .notes
                    .aside("Services, routes and rights, which the chart sets up in its own way", part.path_of(name));
            }
        }
        part.finish(Known::default(), &mut migration.notes);
    }

    fn thanos_ruler(&self, mut part: Section<'_>, migration: &mut Migration) {
        if !part.is_true("enabled") {
            part.set_aside("parts that are switched off", &mut migration.notes);
            return;
        }
        let mut spec = part.section("thanosRulerSpec");
        let selectors = Some(self.nil_uses_release(&mut spec));
        let name = format!("{}-thanos-ruler", self.full_name);
        thanos_ruler::migrate(Workload { namespace: self.namespace.clone(), name, spec, selectors }, migration);
        for name in BESIDE {
            if part.take(name).is_some() {
                migration
                    .notes
                    .aside("Services, routes and rights, which the chart sets up in its own way", part.path_of(name));
            }
        }
        part.finish(Known::default(), &mut migration.notes);
    }
}
