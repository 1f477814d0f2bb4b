//! Endpoints and EndpointSlices: a target for each address and port, and for the ports of the pods behind them that the
//! Service does not have.

use serde_json::Value;

use super::labels::{Labels, Target, at, joined, list, text};
use super::{Known, pod, service};
use crate::object::ObjectKey;

/// Names the Service of a slice.
const SERVICE_OF_SLICE: &str = "kubernetes.io/service-name";

/// One port of an object, with the labels it gives.
struct Port {
    number: String,
    labels: Labels,
}

/// One address, with the labels it gives and the pod behind it.
struct Address<'a> {
    host: String,
    labels: Labels,
    pod: Option<(ObjectKey, &'a Value)>,
}

/// The targets of an EndpointSlice.
pub(super) fn of_slice(key: &ObjectKey, slice: &Value, known: Known<'_>) -> Vec<Target> {
    let service = text(slice, &["metadata", "labels", SERVICE_OF_SLICE]);
    let service = ObjectKey::new(&key.namespace, &service);
    let address_type = text(slice, &["addressType"]);
    if is_secondary_family(known.services.get(&service), &address_type) {
        return Vec::new();
    }
    let mut shared = shared("endpointslice", key, slice, &service, known);
    shared.set("endpointslice_address_type", address_type);
    let mut addresses = Vec::new();
    for endpoint in list(slice, &["endpoints"]) {
        let mut labels = Labels::default();
        for condition in ["ready", "serving", "terminating"] {
            let name = format!("endpointslice_endpoint_conditions_{condition}");
            labels.set_text(&name, endpoint, &["conditions", condition]);
        }
        for (name, path) in [
            ("endpointslice_endpoint_hostname", &["hostname"][..]),
            ("endpointslice_endpoint_node_name", &["nodeName"]),
            ("endpointslice_endpoint_zone", &["zone"]),
            ("endpointslice_address_target_kind", &["targetRef", "kind"]),
            ("endpointslice_address_target_name", &["targetRef", "name"]),
        ] {
            labels.set_text(name, endpoint, path);
        }
        let pod = pod_behind(endpoint, key, known);
        let hosts = list(endpoint, &["addresses"]).iter().filter_map(Value::as_str);
        addresses.extend(hosts.map(|host| Address { host: host.to_owned(), labels: labels.clone(), pod: pod.clone() }));
    }
    let ports = list(slice, &["ports"]).iter().map(|port| port_of("endpointslice_port", port, "endpointslice_port"));
    targets(&shared, &addresses, &ports.collect::<Vec<_>>())
}

/// The targets of an Endpoints object.
pub(super) fn of_endpoints(key: &ObjectKey, endpoints: &Value, known: Known<'_>) -> Vec<Target> {
    let shared = shared("endpoints", key, endpoints, key, known);
    let mut found = Vec::new();
    for subset in list(endpoints, &["subsets"]) {
        let mut addresses = Vec::new();
        for (field, ready) in [("addresses", "true"), ("notReadyAddresses", "false")] {
            for address in list(subset, &[field]) {
                let mut labels = Labels::default();
                labels.set("endpoint_ready", ready);
                for (name, path) in [
                    ("endpoint_hostname", &["hostname"][..]),
                    ("endpoint_node_name", &["nodeName"]),
                    ("endpoint_address_target_kind", &["targetRef", "kind"]),
                    ("endpoint_address_target_name", &["targetRef", "name"]),
                ] {
                    labels.set_text(name, address, path);
                }
                addresses.push(Address { host: text(address, &["ip"]), labels, pod: pod_behind(address, key, known) });
            }
        }
        let ports = list(subset, &["ports"]).iter().map(|port| port_of("endpoint_port", port, ""));
        found.extend(targets(&shared, &addresses, &ports.collect::<Vec<_>>()));
    }
    found
}

/// What all targets of an object have.
fn shared(prefix: &str, key: &ObjectKey, object: &Value, service: &ObjectKey, known: Known<'_>) -> Labels {
    let mut labels = Labels::default();
    labels.set("namespace", &key.namespace);
    labels.set(&format!("{prefix}_name"), &key.name);
    labels.set_metadata(prefix, object);
    if let Some(object) = known.services.get(service) {
        labels.extend(&service::labels(service, object));
    }
    labels
}

/// `number_label` is empty where Prometheus gives the number no label.
fn port_of(prefix: &str, port: &Value, number_label: &str) -> Port {
    let (number, mut labels) = (text(port, &["port"]), Labels::default());
    labels.set_text(&format!("{prefix}_name"), port, &["name"]);
    labels.set(&format!("{prefix}_protocol"), pod::protocol(port));
    if !number_label.is_empty() {
        labels.set(number_label, &number);
        labels.set_text(&format!("{prefix}_app_protocol"), port, &["appProtocol"]);
    }
    Port { number, labels }
}

fn pod_behind<'a>(endpoint: &Value, key: &ObjectKey, known: Known<'a>) -> Option<(ObjectKey, &'a Value)> {
    let target = at(endpoint, &["targetRef"]).filter(|target| text(target, &["kind"]) == "Pod")?;
    let namespace = text(target, &["namespace"]);
    let namespace = if namespace.is_empty() { key.namespace.clone() } else { namespace };
    let pod = ObjectKey::new(&namespace, &text(target, &["name"]));
    let object = known.pods.get(&pod)?;
    Some((pod, object))
}

fn targets(shared: &Labels, addresses: &[Address<'_>], ports: &[Port]) -> Vec<Target> {
    let mut found = Vec::new();
    for address in addresses.iter().filter(|address| !address.host.is_empty()) {
        let mut common = shared.clone();
        common.extend(&address.labels);
        let of_pod = address.pod.as_ref().map(|(key, pod)| (pod::labels(key, pod), pod::container_ports(pod)));
        if let Some((labels, _)) = &of_pod {
            common.extend(labels);
        }
        let of_pod = of_pod.map(|(_, ports)| ports).unwrap_or_default();
        for port in ports {
            let mut labels = common.clone();
            labels.extend(&port.labels);
            if let Some(of_container) = of_pod.iter().find(|one| one.number == port.number) {
                labels.extend(&of_container.labels);
            }
            found.push(Target { address: joined(&address.host, &port.number), labels });
        }
        for port in of_pod.iter().filter(|one| !ports.iter().any(|port| port.number == one.number)) {
            let mut labels = common.clone();
            labels.extend(&port.labels);
            found.push(Target { address: joined(&address.host, &port.number), labels });
        }
    }
    found
}

/// Whether a slice has the other family's addresses of a Service of both: the same pods a second time.
fn is_secondary_family(service: Option<&Value>, address_type: &str) -> bool {
    let families = service.map(|service| list(service, &["spec", "ipFamilies"])).unwrap_or_default();
    families
        .first()
        .and_then(Value::as_str)
        .is_some_and(|primary| matches!(address_type, "IPv4" | "IPv6") && primary != address_type && families.len() > 1)
}
