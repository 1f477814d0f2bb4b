//! Services: a target for each port, by the name that the cluster resolves.

use serde_json::Value;

use super::labels::{Labels, Target, joined, list, text};
use super::pod::protocol;
use crate::object::ObjectKey;

/// A target for each port.
pub(super) fn targets(key: &ObjectKey, service: &Value) -> Vec<Target> {
    let mut shared = Labels::default();
    shared.set("namespace", &key.namespace);
    shared.extend(&labels(key, service));
    let kind = text(service, &["spec", "type"]);
    let (kind, address) = match kind.as_str() {
        "ExternalName" => (kind.as_str(), ("service_external_name", "externalName")),
        "" => ("ClusterIP", ("service_cluster_ip", "clusterIP")),
        _ => (kind.as_str(), ("service_cluster_ip", "clusterIP")),
    };
    shared.set_text(address.0, service, &["spec", address.1]);
    if kind == "LoadBalancer" {
        shared.set_text("service_loadbalancer_ip", service, &["spec", "loadBalancerIP"]);
    }
    shared.set("service_type", kind);
    let host = format!("{}.{}.svc", key.name, key.namespace);
    let target = |port: &Value| {
        let (number, mut labels) = (text(port, &["port"]), shared.clone());
        labels.set_text("service_port_name", port, &["name"]);
        labels.set("service_port_number", &number);
        labels.set("service_port_protocol", protocol(port));
        Target { address: joined(&host, &number), labels }
    };
    list(service, &["spec", "ports"]).iter().map(target).collect()
}

/// What targets behind a service know of it.
pub(super) fn labels(key: &ObjectKey, service: &Value) -> Labels {
    let mut labels = Labels::default();
    labels.set("service_name", &key.name);
    labels.set_metadata("service", service);
    labels
}
