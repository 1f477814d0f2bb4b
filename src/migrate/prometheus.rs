//! A Prometheus object: its rules move, the server stays and is asked.

use yaml::Node;

use super::relabeling::{relabelings, snake_case};
use super::section::{Known, Section};
use super::tree::{Tree, list, map, plain, text, texts};
use super::{Migration, Workload};

/// Nobody runs more replicas than this.
const REPLICAS_MAX: u32 = 10;

/// The label of alerts that names the Prometheus they come from, where nobody names another.
const EXTERNAL_LABEL: &str = "prometheus";

/// Where the operator's own Service leads.
const GOVERNING: (&str, &str) = ("prometheus-operated", "9090");

const KNOWN: Known = Known {
    aside: &[
        (
            "scraping",
            &[
                "serviceMonitorSelector",
                "serviceMonitorNamespaceSelector",
                "podMonitorSelector",
                "podMonitorNamespaceSelector",
                "probeSelector",
                "probeNamespaceSelector",
                "scrapeConfigSelector",
                "scrapeConfigNamespaceSelector",
                "additionalScrapeConfigs",
                "scrapeInterval",
                "scrapeTimeout",
                "scrapeProtocols",
                "scrapeFailureLogFile",
                "scrapeNativeHistograms",
                "scrapeClassicHistograms",
                "scrapeClasses",
                "convertClassicHistogramsToNHCB",
                "nameValidationScheme",
                "nameEscapingScheme",
                "enforcedBodySizeLimit",
                "enforcedKeepDroppedTargets",
                "enforcedLabelLimit",
                "enforcedLabelNameLengthLimit",
                "enforcedLabelValueLengthLimit",
                "enforcedSampleLimit",
                "enforcedTargetLimit",
                "bodySizeLimit",
                "sampleLimit",
                "targetLimit",
                "labelLimit",
                "labelNameLengthLimit",
                "labelValueLengthLimit",
                "keepDroppedTargets",
                "arbitraryFSAccessThroughSMs",
                "ignoreNamespaceSelectors",
                "overrideHonorLabels",
                "overrideHonorTimestamps",
                "podTargetLabels",
                "serviceDiscoveryRole",
                "bodySizeLimit",
                "hostNetwork",
                "apiserverConfig",
                "shardingStrategy",
                "serviceMonitorNamespaceSelectorNilUsesHelmValues",
            ],
        ),
        (
            "storage, and what Prometheus sends on",
            &[
                "retention",
                "retentionSize",
                "retentionConfig",
                "storage",
                "storageSpec",
                "walCompression",
                "disableCompaction",
                "tsdb",
                "exemplars",
                "remoteWrite",
                "remoteRead",
                "remoteWriteDashboards",
                "enableRemoteWriteReceiver",
                "enableOTLPReceiver",
                "remoteWriteReceiverMessageVersions",
                "otlp",
                "thanos",
                "tracingConfig",
                "queryLogFile",
                "enableAdminAPI",
                "runtime",
                "allowOverlappingBlocks",
            ],
        ),
        (
            "the server and its pods, which stay",
            &[
                "replicaExternalLabelName",
                "prometheusExternalLabelName",
                "resources",
                "nodeSelector",
                "tolerations",
                "affinity",
                "additionalAffinity",
                "podAntiAffinity",
                "podAntiAffinityTopologyKey",
                "topologySpreadConstraints",
                "additionalTopologySpreadConstraints",
                "priorityClassName",
                "imagePullSecrets",
                "terminationGracePeriodSeconds",
                "maximumStartupDurationSeconds",
                "volumes",
                "volumeMounts",
                "secrets",
                "configMaps",
                "containers",
                "initContainers",
                "web",
                "externalUrl",
                "enableFeatures",
                "additionalArgs",
                "additionalConfig",
                "additionalConfigString",
                "priorityClass",
                "enableServiceLinks",
                "paused",
                "portName",
                "rulesVolume",
                "prometheusRulesExcludedFromEnforceNil",
            ],
        ),
        ("the server and its pods, which stay", super::pods::OF_PODS),
    ],
    lost: &[],
};

/// Takes over what an object says, or the values of a chart that makes one.
pub(super) fn migrate(workload: Workload<'_>, migration: &mut Migration) {
    let Workload { namespace, name, mut spec, selectors } = workload;
    let (namespace, name) = (namespace.as_str(), name.as_str());
    migration.deployment.has_rules = true;
    migration.deployment.is_kubernetes = true;
    server(&mut spec, namespace, name, migration);
    selection(&mut spec, namespace, selectors, migration);
    globals(&mut spec, namespace, name, migration);
    timing(&mut spec, migration);
    alerting(&mut spec, namespace, migration);
    limits(&mut spec, migration);
    migration.notes.step(format!(
        "once the rules are evaluated here, let {namespace}/{name} select none: in its spec, ruleSelector: {{matchLabels: {{evaluated-by: nobody}}}}; until then alerts of both are the same, and a notifier tells them once"
    ));
    spec.finish(KNOWN, &mut migration.notes);
}

/// Whom to ask, and where results go, as they went into its own storage.
fn server(spec: &mut Section<'_>, namespace: &str, name: &str, migration: &mut Migration) {
    let prefix = spec.text("routePrefix").unwrap_or_default().trim_end_matches('/').to_owned();
    let (service, port) = GOVERNING;
    let url = format!("http://{service}.{namespace}.svc:{port}{prefix}");
    let Migration { deployment, notes } = migration;
    deployment.values.set(&["queryUrl"], text(&url));
    let shards = spec.path_of("shards");
    if let Some(node) = spec.take("shards").filter(|node| !matches!(node.as_text(), Some("0" | "1"))) {
        let instead = "each shard has its part of the series: ask a Thanos Query over all, in queryUrl";
        notes.lose(spec.file(), node.span, shards, instead);
    }
    match spec.text("replicas").and_then(|replicas| replicas.parse().ok()).unwrap_or(1) {
        0 | 1 => deployment.values.set(&["remoteWriteUrl"], text(&format!("{url}/api/v1/write"))),
        // Each replica evaluated the rules for itself.
        replicas => {
            for replica in 0..replicas.min(REPLICAS_MAX) {
                let pod =
                    format!("http://prometheus-{name}-{replica}.{service}.{namespace}.svc:{port}{prefix}/api/v1/write");
                deployment.rules_config.push(&["remote_write"], map([("url", text(&pod))]));
            }
        }
    }
    migration.notes.step(
        "Prometheus takes recorded series and ALERTS by remote write: in its spec, enableRemoteWriteReceiver: true",
    );
}

/// Which rules.
pub(super) fn selection(
    spec: &mut Section<'_>,
    namespace: &str,
    selectors: Option<(Node, Node)>,
    migration: &mut Migration,
) {
    let values = &mut migration.deployment.values;
    values.set(&["kubernetesRules", "enabled"], plain("true"));
    let (rules, namespaces) = selectors.unzip();
    match spec.take("ruleSelector").cloned().or(rules) {
        Some(selector) => values.set(&["kubernetesRules", "ruleSelector"], selector),
        None => {
            values.set(&["kubernetesRules", "enabled"], plain("false"));
            migration.notes.step("without ruleSelector the object selects no rules, and so does this");
        }
    }
    match spec.take("ruleNamespaceSelector").cloned().or(namespaces) {
        Some(selector) => values.set(&["kubernetesRules", "ruleNamespaceSelector"], selector),
        // null is the own namespace, which may be another one here
        None => values.set(&["kubernetesRules", "namespaces"], texts([namespace])),
    }
    if let Some(label) = spec.text("enforcedNamespaceLabel") {
        values.set(&["kubernetesRules", "enforcedNamespaceLabel"], text(label));
    }
    let mut excluded = Vec::new();
    for mut entry in spec.sections("excludedFromEnforcement") {
        let (resource, of, name) = (entry.text("resource"), entry.text("namespace"), entry.text("name"));
        entry.take("group");
        entry.finish(Known::default(), &mut migration.notes);
        if resource == Some("prometheusrules") {
            excluded.push(exclusion(of, name));
        }
    }
    for mut entry in spec.sections("prometheusRulesExcludedFromEnforce") {
        excluded.push(exclusion(entry.text("ruleNamespace"), entry.text("ruleName")));
        entry.finish(Known::default(), &mut migration.notes);
    }
    if !excluded.is_empty() {
        migration.deployment.values.set(&["kubernetesRules", "excludedFromEnforcement"], list(excluded));
    }
}

fn exclusion(namespace: Option<&str>, name: Option<&str>) -> Node {
    let fields = [("resource", Some("prometheusrules")), ("namespace", namespace), ("name", name)];
    map(fields.into_iter().filter_map(|(key, value)| Some((key, text(value?)))))
}

fn globals(spec: &mut Section<'_>, namespace: &str, name: &str, migration: &mut Migration) {
    let config = &mut migration.deployment.rules_config;
    config.set(&["global", "evaluation_interval"], text(spec.text("evaluationInterval").unwrap_or("30s")));
    if let Some(offset) = spec.text("ruleQueryOffset") {
        config.set(&["global", "rule_query_offset"], text(offset));
    }
    // Set, but empty, is no label.
    let is_named = spec.has("prometheusExternalLabelName");
    let label = spec.text("prometheusExternalLabelName").unwrap_or(if is_named { "" } else { EXTERNAL_LABEL });
    if !label.is_empty() {
        config.set(&["global", "external_labels", label], text(&format!("{namespace}/{name}")));
    }
    for (key, value) in spec.take("externalLabels").and_then(Node::as_mapping).unwrap_or_default() {
        config.set(&["global", "external_labels", &key.text], text(value.as_text().unwrap_or_default()));
    }
}

fn timing(spec: &mut Section<'_>, migration: &mut Migration) {
    let mut rules = spec.section("rules");
    let mut alert = rules.section("alert");
    for (field, flag) in [
        ("forOutageTolerance", "rules.alert.for-outage-tolerance"),
        ("forGracePeriod", "rules.alert.for-grace-period"),
        ("resendDelay", "rules.alert.resend-delay"),
    ] {
        if let Some(value) = alert.text(field) {
            migration.deployment.flag(flag, value);
        }
    }
    alert.finish(Known::default(), &mut migration.notes);
    rules.finish(Known::default(), &mut migration.notes);
}

fn limits(spec: &mut Section<'_>, migration: &mut Migration) {
    let mut query = spec.section("query");
    let given: Vec<_> = [("timeout", "timeout"), ("maxConcurrency", "queries_max")]
        .into_iter()
        .filter_map(|(field, key)| Some((key, query.text(field)?)))
        .collect();
    query.set_aside("the server and its pods, which stay", &mut migration.notes);
    if given.is_empty() {
        return;
    }
    // The section names whom to ask, too, and then the chart's queryUrl does not count.
    let url = migration.deployment.values.get(&["queryUrl"]).cloned();
    let config = &mut migration.deployment.rules_config;
    url.into_iter().for_each(|url| config.set(&["query", "url"], url));
    given.into_iter().for_each(|(key, value)| config.set(&["query", key], plain(value)));
}

fn alerting(spec: &mut Section<'_>, own_namespace: &str, migration: &mut Migration) {
    let mut section = spec.section("alerting");
    for entry in section.sections("alertmanagers") {
        let notifier = notifier(entry, own_namespace, migration);
        migration.deployment.notifiers.push(notifier);
    }
    section.finish(Known::default(), &mut migration.notes);
    for (field, path) in [
        ("additionalAlertManagerConfigs", &["alerting", "alertmanagers"][..]),
        ("additionalAlertRelabelConfigs", &["alerting", "alert_relabel_configs"]),
    ] {
        of_secret(spec, field, path, own_namespace, migration);
    }
}

/// A field that names a key of a Secret with a list to be added.
fn of_secret(spec: &mut Section<'_>, field: &str, path: &[&str], namespace: &str, migration: &mut Migration) {
    // A chart's values have the list itself.
    let (file, whole) = (spec.file(), spec.path_of(field));
    let Some(node) = spec.take(field) else { return };
    let Migration { deployment, notes } = migration;
    if let Some(items) = node.as_sequence() {
        items.iter().for_each(|item| deployment.rules_config.push(path, item.clone()));
        return;
    }
    let of = |key: &str| node.get(key).and_then(Node::as_text).unwrap_or_default();
    let items = deployment.secrets.get(namespace, of("name"), of("key")).map(|text| {
        let file = model::source::SourceFile::new(format!("Secret {}", of("name")), text);
        yaml::parse_first(&file).ok().and_then(|(root, _)| root.as_sequence().map(<[Node]>::to_vec))
    });
    match items.flatten() {
        Some(items) => items.into_iter().for_each(|item| deployment.rules_config.push(path, item)),
        None => notes.lose(
            file,
            node.span,
            whole,
            format!(
                "its text is in Secret {} (key {}): give that file too, or put the list into rulesConfig.content.{}",
                of("name"),
                of("key"),
                path.join(".")
            ),
        ),
    }
}

/// An entry of `alertmanagers`, found as the operator has Prometheus find it; and the Service it names.
fn notifier(mut entry: Section<'_>, own_namespace: &str, migration: &mut Migration) -> (Option<String>, Node) {
    let namespace = entry.text("namespace").unwrap_or(own_namespace).to_owned();
    let service = entry.text("name").unwrap_or_default().to_owned();
    let port = entry.text("port").unwrap_or_default().to_owned();
    entry.take("apiVersion");
    let mut made = Tree::default();
    for (field, key) in [
        ("scheme", "scheme"),
        ("pathPrefix", "path_prefix"),
        ("timeout", "timeout"),
        ("bearerTokenFile", "bearer_token_file"),
        ("enableHttp2", "enable_http2"),
    ] {
        if let Some(value) = entry.text(field) {
            made.set(&[key], if field == "enableHttp2" { plain(value) } else { text(value) });
        }
    }
    let mut tls = entry.section("tlsConfig");
    for (field, key) in [
        ("caFile", "ca_file"),
        ("certFile", "cert_file"),
        ("keyFile", "key_file"),
        ("serverName", "server_name"),
        ("insecureSkipVerify", "insecure_skip_verify"),
    ] {
        if let Some(value) = tls.text(field) {
            made.set(&["tls_config", key], if field == "insecureSkipVerify" { plain(value) } else { text(value) });
        }
    }
    for field in ["ca", "cert", "keySecret"] {
        tls.lose(field, "mount it with extraVolumes and name the file in tls_config", &mut migration.notes);
    }
    tls.finish(Known::default(), &mut migration.notes);
    for field in ["basicAuth", "authorization", "sigv4"] {
        entry.lose(field, "mount the Secret with extraVolumes and name the file: basic_auth.password_file, authorization.credentials_file; sigv4 needs a proxy that signs", &mut migration.notes);
    }
    let by_port = match port.parse::<u16>() {
        Ok(_) => "__meta_kubernetes_pod_container_port_number",
        Err(_) => "__meta_kubernetes_endpointslice_port_name",
    };
    made.set(
        &["kubernetes_sd_configs"],
        list(vec![map([
            ("role", text("endpointslice")),
            ("namespaces", map([("names", texts([namespace.as_str()]))])),
        ])]),
    );
    let keep = |label: &str, value: &str| {
        map([("action", text("keep")), ("source_labels", texts([label])), ("regex", text(value))])
    };
    let mut rules = vec![keep("__meta_kubernetes_service_name", &service), keep(by_port, &port)];
    if let Some(more) = entry.take("relabelings") {
        rules.extend(relabelings(more).as_sequence().unwrap_or_default().iter().cloned());
    }
    made.set(&["relabel_configs"], list(rules));
    if let Some(more) = entry.take("alertRelabelings") {
        made.set(&["alert_relabel_configs"], relabelings(more));
    }
    for field in ["proxyUrl", "noProxy", "proxyFromEnvironment"] {
        if let Some(node) = entry.take(field) {
            made.set(
                &[match field {
                    "proxyUrl" => "proxy_url",
                    "noProxy" => "no_proxy",
                    _ => "proxy_from_environment",
                }],
                snake_case(node),
            );
        }
    }
    entry.finish(
        Known { lost: &[("proxyConnectHeader", "write proxy_connect_header with the Secret's value")], aside: &[] },
        &mut migration.notes,
    );
    (Some(format!("{namespace}/{service}")), made.into_node())
}
