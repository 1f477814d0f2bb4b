//! What workload objects say about their pods, and the chart takes as it is.

use super::Migration;
use super::section::Section;
use super::tree::{plain, text};

/// Fields of a workload object, and the keys of the chart's values that mean the same.
const SAME: [(&str, &str); 10] = [
    ("resources", "resources"),
    ("nodeSelector", "nodeSelector"),
    ("tolerations", "tolerations"),
    ("affinity", "affinity"),
    ("topologySpreadConstraints", "topologySpreadConstraints"),
    ("priorityClassName", "priorityClassName"),
    ("imagePullSecrets", "imagePullSecrets"),
    ("terminationGracePeriodSeconds", "terminationGracePeriodSeconds"),
    ("volumes", "extraVolumes"),
    ("volumeMounts", "extraVolumeMounts"),
];

/// What the chart sets in its own way.
pub(super) const OF_PODS: &[&str] = &[
    "image",
    "version",
    "baseImage",
    "tag",
    "sha",
    "imagePullPolicy",
    "securityContext",
    "serviceAccountName",
    "automountServiceAccountToken",
    "podMetadata",
    "podManagementPolicy",
    "updateStrategy",
    "minReadySeconds",
    "hostAliases",
    "hostNetwork",
    "hostUsers",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "serviceName",
    "portName",
    "logLevel",
    "logFormat",
    "listenLocal",
    "paused",
    "persistentVolumeClaimRetentionPolicy",
    "schedulerName",
    "reloadStrategy",
    "containers",
    "initContainers",
    "resourceClaims",
];

/// Takes what concerns the pods of a notifier, whose pods ours replace.
pub(super) fn migrate(spec: &mut Section<'_>, migration: &mut Migration) {
    let values = &mut migration.deployment.values;
    for (field, key) in SAME {
        let node = spec.take(field).filter(|node| {
            node.as_sequence().is_none_or(|items| !items.is_empty())
                && node.as_mapping().is_none_or(|entries| !entries.is_empty())
                && node.as_text() != Some("")
        });
        if let Some(node) = node {
            values.set(&[key], node.clone());
        }
    }
    let mut storage = spec.section("storage");
    let mut template = storage.section("volumeClaimTemplate");
    let mut claim = template.section("spec");
    let mut resources = claim.section("resources");
    if let Some(size) = resources.section("requests").text("storage") {
        values.set(&["persistence", "size"], text(size));
    }
    if let Some(class) = claim.text("storageClassName") {
        values.set(&["persistence", "storageClass"], text(class));
    }
    if let Some(modes) = claim.take("accessModes") {
        values.set(&["persistence", "accessModes"], modes.clone());
    }
    if storage.has("emptyDir") {
        values.set(&["persistence", "enabled"], plain("false"));
    }
    for rest in [storage, template, claim, resources] {
        rest.set_aside("volumes", &mut migration.notes);
    }
}
