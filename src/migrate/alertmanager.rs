//! An Alertmanager object: its configuration and its limits, in a notifier of one replica.

use yaml::Node;

use super::deployment::NotifierConfig;
use super::section::{Known, Section};
use super::tree::{map, plain, text};
use super::{Migration, Workload, pods};

/// Where the operator mounts what `secrets` and `configMaps` name.
const MOUNTS: [(&str, &str, &str); 2] = [("secrets", "secret", "secretName"), ("configMaps", "configMap", "name")];

/// The Service that the operator makes of each Alertmanager.
const GOVERNING: &str = "alertmanager-operated";

const KNOWN: Known = Known {
    aside: &[
        ("pods, which the chart sets up in its own way", pods::OF_PODS),
        (
            "pods, which the chart sets up in its own way",
            &["automountServiceAccountToken", "podAntiAffinity", "podAntiAffinityTopologyKey", "useExistingSecret"],
        ),
    ],
    lost: &[
        ("additionalPeers", CLUSTER),
        ("clusterAdvertiseAddress", CLUSTER),
        ("clusterGossipInterval", CLUSTER),
        ("clusterLabel", CLUSTER),
        ("clusterPeerTimeout", CLUSTER),
        ("clusterPushpullInterval", CLUSTER),
        ("clusterTLS", CLUSTER),
        ("forceEnableClusterMode", CLUSTER),
        (
            "enableFeatures",
            "give those that have an effect in extraArgs: --enable-feature=classic-mode or utf8-strict-mode",
        ),
        ("alertmanagerConfigurationTemplates", "put the texts into templates"),
    ],
};

const CLUSTER: &str = "there is no gossip: one replica keeps its state on disk and is back within seconds";

/// Takes over what an object says.
pub(super) fn migrate(workload: Workload<'_>, migration: &mut Migration) {
    let Workload { namespace, name, mut spec, .. } = workload;
    let deployment = &mut migration.deployment;
    deployment.own_services.extend([format!("{namespace}/alertmanager-{name}"), format!("{namespace}/{GOVERNING}")]);
    let (file, field) = (spec.file(), spec.path_of("configSecret"));
    let given = spec.take("configSecret");
    let secret = given.and_then(Node::as_text).filter(|name| !name.is_empty()).map(str::to_owned);
    let secret = secret.unwrap_or_else(|| format!("alertmanager-{name}"));
    let written = ["alertmanager.yaml", "alertmanager.yml"]
        .iter()
        .find_map(|key| deployment.secrets.get(&namespace, &secret, key));
    match written.map(str::to_owned) {
        Some(written) => deployment.notifier_config = Some(NotifierConfig::Text(written)),
        None if spec.has("alertmanagerConfiguration") => {}
        None => {
            deployment.notifier_config = Some(NotifierConfig::Secret(secret.clone()));
            migration.notes.step(format!("Secret {namespace}/{secret} has its configuration under alertmanager.yaml; the chart reads alertmanager.yml: copy it to that key, and into the namespace of the release"));
            if let Some(node) = given {
                migration.notes.lose(file, node.span, field, "the chart reads the key alertmanager.yml of it");
            }
        }
    }
    self::spec(spec, &namespace, &name, migration);
}

/// Takes over a specification, but for where the configuration is.
pub(super) fn spec(mut spec: Section<'_>, namespace: &str, name: &str, migration: &mut Migration) {
    migration.deployment.has_notifier = true;
    migration.deployment.is_kubernetes = true;
    migration.deployment.own_services.push(format!("{namespace}/{name}"));
    objects(&mut spec, namespace, name, migration);
    let Migration { deployment, notes } = &mut *migration;
    let replicas = spec.path_of("replicas");
    if let Some(node) = spec.take("replicas").filter(|node| !matches!(node.as_text(), Some("0" | "1"))) {
        notes.lose(spec.file(), node.span, replicas, CLUSTER);
    }
    if let Some(url) = spec.text("externalUrl") {
        deployment.values.set(&["web", "externalUrl"], text(url));
    }
    if let Some(prefix) = spec.text("routePrefix").filter(|prefix| *prefix != "/") {
        deployment.values.set(&["web", "routePrefix"], text(prefix));
    }
    deployment.flag("data.retention", spec.text("retention").unwrap_or("120h"));
    if let Some(delay) = spec.text("dispatchStartDelay") {
        deployment.flag("dispatch.start-delay", delay);
    }
    let mut limits = spec.section("limits");
    for (field, flag) in
        [("maxSilences", "silences.max-silences"), ("maxPerSilenceBytes", "silences.max-silence-size-bytes")]
    {
        match limits.text(field).map(|value| (value, bytes(value))) {
            Some((_, Some(bytes))) => deployment.flag(flag, bytes),
            Some((value, None)) => notes.step(format!("give {value} as a number in extraArgs: --{flag}")),
            None => {}
        }
    }
    limits.finish(Known::default(), notes);
    let mut web = spec.section("web");
    if let Some(count) = web.text("getConcurrency") {
        deployment.flag("web.get-concurrency", count);
    }
    if let Some(seconds) = web.text("timeout") {
        deployment.flag("web.timeout", format!("{seconds}s"));
    }
    for field in ["tlsConfig", "httpConfig"] {
        web.lose(field, "write a web configuration file into a Secret and name that in web.configSecret", notes);
    }
    web.finish(Known { aside: &[("pods, which the chart sets up in its own way", &["pageTitle"])], lost: &[] }, notes);
    mounts(&mut spec, migration);
    additional_args(&mut spec, migration);
    pods::migrate(&mut spec, migration);
    spec.finish(KNOWN, &mut migration.notes);
}

/// Which AlertmanagerConfigs are merged.
fn objects(spec: &mut Section<'_>, namespace: &str, name: &str, migration: &mut Migration) {
    let values = &mut migration.deployment.values;
    let (selector, namespaces) =
        (spec.take("alertmanagerConfigSelector"), spec.take("alertmanagerConfigNamespaceSelector"));
    let strategy = spec.section("alertmanagerConfigMatcherStrategy").text("type");
    if spec.take("alertmanagerConfiguration").is_some() {
        values.set(&["alertmanagerConfigs", "enabled"], plain("true"));
        values.set(&["alertmanagerConfigs", "alertmanager"], text(&format!("{namespace}/{name}")));
        migration
            .notes
            .step(format!("{namespace}/{name} is read for its base configuration and its selectors: keep the object"));
        return;
    }
    let Some(selector) = selector else { return };
    values.set(&["alertmanagerConfigs", "enabled"], plain("true"));
    values.set(&["alertmanagerConfigs", "selector"], selector.clone());
    match namespaces {
        Some(namespaces) => values.set(&["alertmanagerConfigs", "namespaceSelector"], namespaces.clone()),
        None => {
            let label = map([("kubernetes.io/metadata.name", text(namespace))]);
            values.set(&["alertmanagerConfigs", "namespaceSelector"], map([("matchLabels", label)]));
        }
    }
    if let Some(strategy) = strategy {
        values.set(&["alertmanagerConfigs", "matcherStrategy"], text(strategy));
    }
}

fn mounts(spec: &mut Section<'_>, migration: &mut Migration) {
    for (field, kind, key) in MOUNTS {
        for name in spec.take(field).and_then(Node::as_sequence).unwrap_or_default().iter().filter_map(Node::as_text) {
            let volume = format!("{kind}-{name}").to_lowercase();
            let values = &mut migration.deployment.values;
            values.push(&["extraVolumes"], map([("name", text(&volume)), (kind, map([(key, text(name))]))]));
            let path = format!("/etc/alertmanager/{}/{name}", field.to_lowercase());
            values.push(
                &["extraVolumeMounts"],
                map([("name", text(&volume)), ("mountPath", text(&path)), ("readOnly", plain("true"))]),
            );
        }
    }
}

fn additional_args(spec: &mut Section<'_>, migration: &mut Migration) {
    for mut argument in spec.sections("additionalArgs") {
        let (name, value) = (argument.text("name").unwrap_or_default(), argument.text("value").unwrap_or_default());
        migration.deployment.flag(name, value);
        argument.finish(Known::default(), &mut migration.notes);
    }
}

/// A quantity as bytes: `10Mi`, `1M`, `512`.
fn bytes(quantity: &str) -> Option<String> {
    let digits = quantity.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = quantity.split_at_checked(digits)?;
    let unit: u64 = match unit {
        "" | "B" => 1,
        "k" | "KB" | "K" => 1_000,
        "M" | "MB" => 1_000_000,
        "G" | "GB" => 1_000_000_000,
        "Ki" | "KiB" => 1 << 10,
        "Mi" | "MiB" => 1 << 20,
        "Gi" | "GiB" => 1 << 30,
        _ => return None,
    };
    Some(number.parse::<u64>().ok()?.checked_mul(unit)?.to_string())
}
