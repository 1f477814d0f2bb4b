//! A ThanosRuler object: its rules move, Thanos Query is asked as before.

use yaml::Node;

use super::relabeling::snake_case;
use super::section::Known;
use super::tree::{list, map, plain, text, texts};
use super::{Migration, Workload, pods, prometheus};

const KNOWN: Known = Known {
    aside: &[
        (
            "Thanos' own storage and interfaces",
            &[
                "objectStorageConfig",
                "objectStorageConfigFile",
                "retention",
                "grpcServerTlsConfig",
                "grpcListenLocal",
                "tracingConfig",
                "tracingConfigFile",
                "prometheusRulesExcludedFromEnforce",
                "enableFeatures",
                "web",
                "replicas",
            ],
        ),
        ("pods, which the chart sets up in its own way", pods::OF_PODS),
    ],
    lost: &[
        ("queryConfig", "write its servers under query.urls of rulesConfig.content, with kind: thanos"),
        ("alertmanagersConfig", "write its servers under alerting.alertmanagers of rulesConfig.content"),
        ("alertRelabelConfigs", "put the list into alerting.alert_relabel_configs of rulesConfig.content"),
        ("alertRelabelConfigFile", "put the list into alerting.alert_relabel_configs of rulesConfig.content"),
        ("alertQueryUrl", "links lead to this service: set web.externalUrl to where people reach it"),
        ("externalPrefix", "set web.routePrefix"),
        ("routePrefix", "set web.routePrefix"),
        ("additionalArgs", "see whether a flag of `watchfire rules` says the same, and put it into extraArgs"),
    ],
};

/// Takes over what an object says.
pub(super) fn migrate(workload: Workload<'_>, migration: &mut Migration) {
    let Workload { namespace, name, mut spec, selectors } = workload;
    let Migration { deployment, notes } = migration;
    deployment.has_rules = true;
    deployment.is_kubernetes = true;
    let endpoints: Vec<&str> = spec
        .take("queryEndpoints")
        .and_then(Node::as_sequence)
        .unwrap_or_default()
        .iter()
        .filter_map(Node::as_text)
        .collect();
    let (records, endpoints): (Vec<&str>, Vec<&str>) = endpoints.into_iter().partition(|one| one.starts_with("dnssrv"));
    let records = records.iter().filter_map(|record| record.split_once('+').map(|(_, name)| name));
    let urls: Vec<String> = endpoints.iter().map(|endpoint| http_url(endpoint)).collect();
    let config = &mut deployment.rules_config;
    config.set(&["query", "kind"], text("thanos"));
    for name in records {
        config.push(&["query", "dns_sd_configs"], map([("names", texts([name]))]));
    }
    if !urls.is_empty() {
        config.set(&["query", "urls"], texts(urls.iter().map(String::as_str)));
    } else if config.get(&["query", "dns_sd_configs"]).is_none() {
        config.set(&["query", "url"], text(&format!("http://thanos-query.{namespace}.svc:9090")));
        notes.step("name the Thanos Query that is asked: rulesConfig.content.query.url");
    }
    config.set(&["global", "evaluation_interval"], text(spec.text("evaluationInterval").unwrap_or("15s")));
    if let Some(offset) = spec.text("ruleQueryOffset") {
        config.set(&["global", "rule_query_offset"], text(offset));
    }
    for (key, value) in spec.take("labels").and_then(Node::as_mapping).unwrap_or_default() {
        config.set(&["global", "external_labels", &key.text], text(value.as_text().unwrap_or_default()));
    }
    for label in spec.take("alertDropLabels").and_then(Node::as_sequence).unwrap_or_default() {
        let rule = map([("action", text("labeldrop")), ("regex", text(label.as_text().unwrap_or_default()))]);
        config.push(&["alerting", "alert_relabel_configs"], rule);
    }
    if let Some(writes) = spec.take("remoteWrite") {
        for (place, write) in writes.as_sequence().unwrap_or_default().iter().enumerate() {
            if write.get("url").is_some() {
                let kept = ["url", "name", "remoteTimeout", "writeRelabelConfigs"];
                let entries = write.as_mapping().unwrap_or_default().iter();
                let (same, other): (Vec<_>, Vec<_>) = entries.partition(|(key, _)| kept.contains(&key.text.as_str()));
                let same = map(same.into_iter().map(|(key, value)| (key.text.to_string(), value.clone())));
                config.push(&["remote_write"], snake_case(&same));
                for (key, value) in other {
                    let field = format!("spec.remoteWrite[{place}].{}", key.text);
                    notes.lose(
                        spec.file(),
                        value.span,
                        field,
                        "write it under remote_write of rulesConfig.content, Secrets as mounted files",
                    );
                }
            }
        }
    } else {
        notes.step("recorded series were kept by the ruler itself: name where they are written now, in remoteWriteUrl");
    }
    let addresses = spec.take("alertmanagersUrl").and_then(Node::as_sequence).unwrap_or_default();
    for address in addresses.iter().filter_map(Node::as_text) {
        deployment.notifiers.push((None, notifier(address)));
    }
    for (field, flag) in [
        ("ruleOutageTolerance", "rules.alert.for-outage-tolerance"),
        ("ruleGracePeriod", "rules.alert.for-grace-period"),
        ("resendDelay", "rules.alert.resend-delay"),
        ("ruleConcurrentEval", "rules.max-concurrent-evals"),
    ] {
        if let Some(value) = spec.text(field) {
            deployment.flag(flag, value);
        }
    }
    prometheus::selection(&mut spec, &namespace, selectors, migration);
    pods::migrate(&mut spec, migration);
    migration.notes.step(format!("once the rules are evaluated here, take {namespace}/{name} away"));
    migration.deployment.values.set(&["rbac", "create"], plain("true"));
    spec.finish(KNOWN, &mut migration.notes);
}

/// Thanos' address of a server, as a URL; its form `dns+` is a name for the resolver as well.
fn http_url(address: &str) -> String {
    let address = address.trim_start_matches("dns+");
    if address.contains("://") { address.to_owned() } else { format!("http://{address}") }
}

/// `http://am:9093/prefix`, `dns+http://…`, `dnssrv+_web._tcp.…`.
fn notifier(address: &str) -> Node {
    let (kind, url) = address.split_once('+').unwrap_or(("", address));
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut fields = vec![("scheme", text(scheme))];
    if !path.is_empty() {
        fields.push(("path_prefix", text(&format!("/{path}"))));
    }
    fields.push(match (kind, host.rsplit_once(':')) {
        ("dnssrv" | "dnssrvnoa", _) => ("dns_sd_configs", list(vec![map([("names", texts([host]))])])),
        ("dns", Some((name, port))) => {
            ("dns_sd_configs", list(vec![map([("names", texts([name])), ("type", text("A")), ("port", plain(port))])]))
        }
        _ => ("static_configs", list(vec![map([("targets", texts([host]))])])),
    });
    map(fields)
}
