//! Pods: a target for each port of each container.

use serde_json::Value;

use super::labels::{Labels, Target, at, joined, list, text};
use crate::object::ObjectKey;

/// A container's port, with what is known of both.
pub(super) struct ContainerPort {
    pub(super) number: String,
    pub(super) labels: Labels,
}

/// A target for each port; for a container without ports, one of the pod's address alone.
pub(super) fn targets(key: &ObjectKey, pod: &Value) -> Vec<Target> {
    let address = text(pod, &["status", "podIP"]);
    if address.is_empty() {
        return Vec::new();
    }
    let mut shared = Labels::default();
    shared.set("namespace", &key.namespace);
    shared.extend(&labels(key, pod));
    let ports = containers(pod).into_iter().flat_map(|container| {
        let mut ports = ports(&container);
        if ports.is_empty() {
            ports.push(ContainerPort { number: String::new(), labels: container.labels });
        }
        ports
    });
    let target = |port: ContainerPort| {
        let mut labels = shared.clone();
        labels.extend(&port.labels);
        Target { address: joined(&address, &port.number), labels }
    };
    ports.map(target).collect()
}

/// What is known of a pod itself.
pub(super) fn labels(key: &ObjectKey, pod: &Value) -> Labels {
    let mut labels = Labels::default();
    labels.set("pod_name", &key.name);
    labels.set_metadata("pod", pod);
    for (name, path) in [
        ("pod_ip", &["status", "podIP"][..]),
        ("pod_host_ip", &["status", "hostIP"]),
        ("pod_phase", &["status", "phase"]),
        ("pod_node_name", &["spec", "nodeName"]),
        ("pod_uid", &["metadata", "uid"]),
    ] {
        labels.set_text(name, pod, path);
    }
    let ready = list(pod, &["status", "conditions"]).iter().find(|condition| text(condition, &["type"]) == "Ready");
    labels.set("pod_ready", ready.map_or("unknown".to_owned(), |ready| text(ready, &["status"]).to_lowercase()));
    let owners = list(pod, &["metadata", "ownerReferences"]);
    if let Some(owner) = owners.iter().find(|owner| at(owner, &["controller"]) == Some(&Value::Bool(true))) {
        labels.set_text("pod_controller_kind", owner, &["kind"]);
        labels.set_text("pod_controller_name", owner, &["name"]);
    }
    labels
}

/// All ports of a pod's containers.
pub(super) fn container_ports(pod: &Value) -> Vec<ContainerPort> {
    containers(pod).iter().flat_map(ports).collect()
}

struct Container<'a> {
    written: &'a Value,
    labels: Labels,
}

fn containers(pod: &Value) -> Vec<Container<'_>> {
    let kinds = [("containers", "containerStatuses", "false"), ("initContainers", "initContainerStatuses", "true")];
    let mut containers = Vec::new();
    for (field, statuses, is_init) in kinds {
        for written in list(pod, &["spec", field]) {
            let name = text(written, &["name"]);
            let status = list(pod, &["status", statuses]).iter().find(|status| text(status, &["name"]) == name);
            let mut labels = Labels::default();
            labels.set("pod_container_name", name);
            labels.set_text("pod_container_image", written, &["image"]);
            labels.set("pod_container_init", is_init);
            labels.set("pod_container_id", status.map(|status| text(status, &["containerID"])).unwrap_or_default());
            containers.push(Container { written, labels });
        }
    }
    containers
}

fn ports(container: &Container<'_>) -> Vec<ContainerPort> {
    let port = |port: &Value| {
        let mut labels = container.labels.clone();
        let number = text(port, &["containerPort"]);
        labels.set_text("pod_container_port_name", port, &["name"]);
        labels.set("pod_container_port_number", &number);
        labels.set("pod_container_port_protocol", protocol(port));
        ContainerPort { number, labels }
    };
    list(container.written, &["ports"]).iter().map(port).collect()
}

/// TCP where nobody says.
pub(super) fn protocol(port: &Value) -> String {
    let protocol = text(port, &["protocol"]);
    if protocol.is_empty() { "TCP".to_owned() } else { protocol }
}
