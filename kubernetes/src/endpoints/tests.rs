use serde_json::json;

use super::*;

fn service() -> Value {
    json!({
        "metadata": {"name": "alertmanager-main", "namespace": "monitoring", "labels": {"app.kubernetes.io/name": "alertmanager"},
            "annotations": {"a/b": ""}, "managedFields": [{"long": "and winding"}]},
        "spec": {"clusterIP": "10.96.0.7", "ipFamilies": ["IPv4", "IPv6"], "ports": [{"name": "web", "port": 9093, "protocol": "TCP"}]},
    })
}

fn pod(name: &str, ip: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "monitoring", "uid": "u-1", "labels": {"app": "am"},
            "ownerReferences": [{"kind": "StatefulSet", "name": "alertmanager-main", "controller": true}]},
        "spec": {"nodeName": "n1", "containers": [
            {"name": "alertmanager", "image": "am:1", "ports": [{"name": "web", "containerPort": 9093}, {"name": "mesh-udp", "containerPort": 9094, "protocol": "UDP"}]},
            {"name": "reloader", "image": "r:1"},
        ]},
        "status": {"podIP": ip, "hostIP": "192.168.0.1", "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "alertmanager", "containerID": "containerd://1"}]},
    })
}

fn slice(name: &str, address_type: &str, endpoints: Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "monitoring", "labels": {"kubernetes.io/service-name": "alertmanager-main"}},
        "addressType": address_type,
        "endpoints": endpoints,
        "ports": [{"name": "web", "port": 9093, "protocol": "TCP", "appProtocol": "http"}],
    })
}

fn targets(role: Role, objects: [Vec<Value>; 3]) -> Vec<Target> {
    let mut targets = Targets::new(role);
    for (kind, objects) in objects.into_iter().enumerate() {
        objects.into_iter().for_each(|object| targets.learn(kind, Change::Set(Box::new(object))));
    }
    targets.targets()
}

fn shown(target: &Target) -> String {
    let labels =
        target.labels.iter().map(|(name, value)| format!("{}={value}", name.trim_start_matches("__meta_kubernetes_")));
    format!("{} {}", target.address, labels.collect::<Vec<_>>().join(" "))
}

const OF_SERVICE: &str = "service_annotationpresent_a_b=true service_label_app_kubernetes_io_name=alertmanager service_labelpresent_app_kubernetes_io_name=true service_name=alertmanager-main";
const OF_POD: &str = "pod_controller_kind=StatefulSet pod_controller_name=alertmanager-main pod_host_ip=192.168.0.1 pod_ip=10.0.0.1 pod_label_app=am pod_labelpresent_app=true pod_name=am-0 pod_node_name=n1 pod_phase=Running pod_ready=true pod_uid=u-1";
const OF_WEB: &str = "pod_container_id=containerd://1 pod_container_image=am:1 pod_container_init=false pod_container_name=alertmanager pod_container_port_name=web pod_container_port_number=9093 pod_container_port_protocol=TCP";
const OF_MESH: &str = "pod_container_id=containerd://1 pod_container_image=am:1 pod_container_init=false pod_container_name=alertmanager pod_container_port_name=mesh-udp pod_container_port_number=9094 pod_container_port_protocol=UDP";

/// The words of a line, sorted: labels come by name, whatever table they stand in here.
fn words(lines: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = lines.iter().flat_map(|line| line.split(' ')).map(str::to_owned).collect();
    words.sort();
    words
}

#[track_caller]
fn assert_is(target: &Target, address: &str, labels: &[&str]) {
    assert_eq!(words(&[&shown(target)]), words(&[&[address], labels].concat()));
}

#[test]
fn a_slice_has_the_labels_of_its_service_and_of_the_pods_behind_it() {
    let endpoints = json!([
        {"addresses": ["10.0.0.1"], "conditions": {"ready": true, "serving": true, "terminating": false}, "nodeName": "n1", "zone": "z",
            "hostname": "am-0", "targetRef": {"kind": "Pod", "name": "am-0", "namespace": "monitoring"}},
        {"addresses": ["10.0.0.2"], "conditions": {"ready": false}},
    ]);
    let found = targets(
        Role::EndpointSlice,
        [vec![slice("s-1", "IPv4", endpoints)], vec![service()], vec![pod("am-0", "10.0.0.1")]],
    );
    let of_slice = "namespace=monitoring endpointslice_name=s-1 endpointslice_address_type=IPv4 endpointslice_label_kubernetes_io_service_name=alertmanager-main endpointslice_labelpresent_kubernetes_io_service_name=true";
    let of_first = "endpointslice_endpoint_conditions_ready=true endpointslice_endpoint_conditions_serving=true endpointslice_endpoint_conditions_terminating=false endpointslice_endpoint_node_name=n1 endpointslice_endpoint_zone=z endpointslice_endpoint_hostname=am-0 endpointslice_address_target_kind=Pod endpointslice_address_target_name=am-0";
    let of_port = "endpointslice_port=9093 endpointslice_port_name=web endpointslice_port_protocol=TCP endpointslice_port_app_protocol=http";
    assert_eq!(found.len(), 3);
    assert_is(&found[0], "10.0.0.1:9093", &[of_slice, OF_SERVICE, of_first, of_port, OF_POD, OF_WEB]);
    assert_is(&found[1], "10.0.0.1:9094", &[of_slice, OF_SERVICE, of_first, OF_POD, OF_MESH]);
    // not ready is a target too
    assert_is(
        &found[2],
        "10.0.0.2:9093",
        &[of_slice, OF_SERVICE, "endpointslice_endpoint_conditions_ready=false", of_port],
    );
}

#[test]
fn the_other_family_of_a_service_is_left_out_and_ipv6_is_bracketed() {
    let endpoint = json!([{"addresses": ["2001:db8::1"], "conditions": {"ready": true}}]);
    let six = slice("s-6", "IPv6", endpoint);
    assert!(targets(Role::EndpointSlice, [vec![six.clone()], vec![service()], Vec::new()]).is_empty());
    let found = targets(Role::EndpointSlice, [vec![six], Vec::new(), Vec::new()]);
    assert_eq!(found[0].address, "[2001:db8::1]:9093", "of a service that is not known, all are taken");
}

#[test]
fn endpoints_ready_or_not() {
    let endpoints = json!({
        "metadata": {"name": "alertmanager-main", "namespace": "monitoring"},
        "subsets": [{
            "addresses": [{"ip": "10.0.0.1", "nodeName": "n1", "hostname": "am-0", "targetRef": {"kind": "Pod", "name": "am-0", "namespace": "monitoring"}}],
            "notReadyAddresses": [{"ip": "10.0.0.2"}],
            "ports": [{"name": "web", "port": 9093}],
        }],
    });
    let found = targets(Role::Endpoints, [vec![endpoints], vec![service()], vec![pod("am-0", "10.0.0.1")]]);
    let shared = "namespace=monitoring endpoints_name=alertmanager-main";
    let first = "endpoint_ready=true endpoint_node_name=n1 endpoint_hostname=am-0 endpoint_address_target_kind=Pod endpoint_address_target_name=am-0";
    let port = "endpoint_port_name=web endpoint_port_protocol=TCP";
    assert_is(&found[0], "10.0.0.1:9093", &[shared, OF_SERVICE, first, port, OF_POD, OF_WEB]);
    assert_is(&found[1], "10.0.0.1:9094", &[shared, OF_SERVICE, first, OF_POD, OF_MESH]);
    assert_is(&found[2], "10.0.0.2:9093", &[shared, OF_SERVICE, "endpoint_ready=false", port]);
}

#[test]
fn pods_and_services() {
    let found = targets(Role::Pod, [vec![pod("am-0", "10.0.0.1"), pod("am-1", "")], Vec::new(), Vec::new()]);
    let addresses: Vec<&str> = found.iter().map(|target| target.address.as_str()).collect();
    assert_eq!(addresses, ["10.0.0.1:9093", "10.0.0.1:9094", "10.0.0.1"], "a pod without address is none");
    assert_is(&found[0], "10.0.0.1:9093", &["namespace=monitoring", OF_POD, OF_WEB]);
    let found = targets(Role::Service, [vec![service()], Vec::new(), Vec::new()]);
    let own = "namespace=monitoring service_cluster_ip=10.96.0.7 service_type=ClusterIP service_port_name=web service_port_number=9093 service_port_protocol=TCP";
    assert_is(&found[0], "alertmanager-main.monitoring.svc:9093", &[own, OF_SERVICE]);
}

#[test]
fn what_is_gone_has_no_targets() {
    let mut targets = Targets::new(Role::Service);
    targets.learn(0, Change::Set(Box::new(service())));
    assert!(targets.objects[0].values().all(|object| object["metadata"].get("managedFields").is_none()));
    targets.learn(0, Change::Gone(ObjectKey::new("monitoring", "alertmanager-main")));
    assert!(targets.targets().is_empty());
    assert_eq!(Role::EndpointSlice.kinds().len(), 3);
}

#[test]
fn odd_objects_make_no_targets_and_no_noise() {
    for object in [json!({}), json!({"metadata": {"name": "x"}, "endpoints": 7, "ports": {}}), json!([1])] {
        for role in [Role::Endpoints, Role::EndpointSlice, Role::Pod, Role::Service] {
            assert!(targets(role, [vec![object.clone()], Vec::new(), Vec::new()]).is_empty());
        }
    }
}
