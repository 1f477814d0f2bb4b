//! Notifiers among the objects of Kubernetes: alerts go where the EndpointSlices of a Service lead, as they change.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api_server::ApiServer;
use crate::conditions::{eventually, nothing_for, stopwatch};
use crate::sink::Sink;
use crate::stage::{Answers, Watchfire};

const SOON: Duration = Duration::from_secs(40);

fn slice(name: &str, service: &str, sinks: &[&Sink]) -> Value {
    let port = |sink: &Sink| json!({"name": "web", "port": sink.address.port(), "protocol": "TCP"});
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "monitoring", "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": true}}],
        "ports": sinks.iter().map(|sink| port(sink)).collect::<Vec<_>>(),
    })
}

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "monitoring"},
        "spec": {"ports": [{"name": "web", "port": 9093}]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_go_where_a_service_leads_as_it_changes() {
    let (folder, api, answers) = (tempfile::tempdir().unwrap(), ApiServer::open().await, Answers::default());
    let (first, second, other) = (Sink::open().await, Sink::open().await, Sink::open().await);
    answers.set(&[("edge", 1200)]);
    let query = answers.open().await;
    for name in ["am", "not-ours"] {
        api.put(&service(name));
    }
    api.put(&slice("am-1", "am", &[&first]));
    api.put(&slice("not-ours-1", "not-ours", &[&other]));
    let kubeconfig = api.kubeconfig(folder.path(), "monitoring");
    let rules = folder.path().join("rules.yml");
    fs::write(&rules, "groups:\n- name: g\n  rules:\n  - {alert: Full, expr: stream_clients_clients > 1000}\n")
        .unwrap();
    let config = folder.path().join("prometheus.yml");
    let text = format!(
        "global: {{evaluation_interval: 1s}}\nrule_files: [rules.yml]\nquery: {{url: '{query}'}}\nalerting:\n  alertmanagers:\n  - kubernetes_sd_configs:\n    - {{role: endpointslice, kubeconfig_file: {}, namespaces: {{names: [monitoring]}}}}\n    relabel_configs:\n    - {{source_labels: [__meta_kubernetes_service_name, __meta_kubernetes_endpointslice_port_name], regex: am;web, action: keep}}\n",
        kubeconfig.display()
    );
    fs::write(&config, &text).unwrap();
    let args = [
        format!("--config.file={}", config.display()),
        "--storage.path=".to_owned(),
        "--rules.alert.resend-delay=1s".to_owned(),
    ];
    let ours = Watchfire::start("rules", &args).await;
    first.wait_told("/api/v2/alerts", 1, SOON).await;

    // Another pod: both are told.
    api.put(&slice("am-1", "am", &[&first, &second]));
    let moved = stopwatch();
    second.wait_told("/api/v2/alerts", 1, SOON).await;
    eprintln!("a new endpoint was told after {:?}", moved.elapsed());

    // A reload while the API is away takes nobody away.
    api.close().await;
    fs::write(&config, text.replace("evaluation_interval: 1s", "evaluation_interval: 2s")).unwrap();
    ours.process.signal("HUP");
    eventually("reloaded", SOON, || async {
        ours.process.lines().iter().any(|line| line.contains("configuration reloaded")).then_some(())
    })
    .await;
    let before = second.told("/api/v2/alerts").len();
    second.wait_told("/api/v2/alerts", before + 2, SOON).await;

    // The pod goes: nobody tells it any more, once what was under way is over.
    api.open_again().await;
    api.put(&slice("am-1", "am", &[&first]));
    eventually("the pod that is gone is told no more", SOON, || async {
        let before = second.told("/api/v2/alerts").len();
        nothing_for(Duration::from_secs(5)).await;
        (second.told("/api/v2/alerts").len() == before).then_some(())
    })
    .await;
    assert!(other.told("/api/v2/alerts").is_empty(), "a Service that relabeling drops");
}
