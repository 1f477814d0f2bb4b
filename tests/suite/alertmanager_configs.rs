//! AlertmanagerConfig objects: what they merge to is accepted by the notifiers, shown by the command, and followed live.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};
use yaml::Node;

use crate::api_server::{ApiServer, yaml_value};
use crate::conditions::eventually;
use crate::peers::{installed, root};
use crate::reloading::becomes;
use crate::sink::Sink;
use crate::stage::Watchfire;

const SOON: Duration = Duration::from_secs(60);

fn corpus(path: &str) -> Option<PathBuf> {
    let path = root().join("../shared/corpus").join(path);
    let is_there = path.exists();
    if !is_there {
        eprintln!("skipped: {} is not there", path.display());
    }
    is_there.then_some(path)
}

/// What the operator makes of the corpus' objects, which is what we make of them.
fn merged_configurations() -> Vec<PathBuf> {
    let folders = ["merge", "global"].iter().filter_map(|name| corpus(&format!("alertmanagerconfigs/{name}")));
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut files: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with(".expected.yaml")).collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().replace(".expected.yaml", "")
}

#[test]
fn our_notifier_accepts_what_objects_merge_to() {
    let refused: Vec<String> = merged_configurations()
        .iter()
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            let mode = model::matcher::parse::ParseMode::Fallback;
            watchfire::service::alertmanager_configs::acceptance::read(&text, &[], Path::new(""), mode).is_err()
        })
        .map(|path| name(path))
        .collect();
    // its address has no scheme, which the schema of the object would not let in
    assert!(refused.iter().all(|name| name == "valid-global-config-with-pagerduty-url"), "{refused:?}");
}

/// Fields that came after the amtool that is installed, and the address without a scheme.
const NEWER_THAN_AMTOOL: [&str; 13] = [
    "cr-with-emailconfig-with-forceimplicittls",
    "cr-with-msteams-receiver",
    "cr-with-msteams-receiver-with-partial-conf",
    "cr-with-msteamsv2-receiver-with-partial-conf",
    "cr-with-slack-receiver-with-updatemessage",
    "cr-with-sns-receiver-with-rolearn-and-externalid",
    "cr-with-sns-receiver-with-useawshttpclient",
    "cr-with-webhook-receiver-and-timeout-setup",
    "valid-global-config",
    "valid-global-config-jira-api-url",
    "valid-global-config-mattermost-webhook-url",
    "valid-global-config-with-pagerduty-url",
    "valid-smtpconfig-forceimplicittls",
];

#[test]
fn amtool_accepts_what_it_knows_of_them() {
    if !installed("amtool_accepts_what_it_knows_of_them", &["amtool"]) {
        return;
    }
    for path in merged_configurations() {
        let answer = Command::new("amtool").arg("check-config").arg(&path).output().unwrap();
        let expected = !NEWER_THAN_AMTOOL.contains(&name(&path).as_str());
        assert_eq!(answer.status.success(), expected, "{}: {}", name(&path), String::from_utf8_lossy(&answer.stderr));
    }
}

const MANIFESTS: &str = r##"
apiVersion: monitoring.coreos.com/v1
kind: Alertmanager
metadata: {name: main, namespace: monitoring}
spec:
  alertmanagerConfigSelector: {matchLabels: {routing: "yes"}}
  alertmanagerConfigNamespaceSelector: {matchLabels: {tenant: "yes"}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {tenant: "yes"}}
---
apiVersion: v1
kind: Secret
metadata: {name: alertmanager-main, namespace: monitoring}
stringData:
  alertmanager.yaml: |
    route: {receiver: ops}
    receivers: [{name: ops}]
    templates: ['/etc/alertmanager/config/*.tmpl']
  a.tmpl: '{{ define "shop" }}hello{{ end }}'
---
apiVersion: v1
kind: Secret
metadata: {name: chat, namespace: shop}
data: {url: aHR0cHM6Ly9ob29rcy5leGFtcGxlL3MzY3JldAo=}
---
apiVersion: monitoring.coreos.com/v1alpha1
kind: AlertmanagerConfig
metadata: {name: team, namespace: shop, labels: {routing: "yes"}}
spec:
  route: {receiver: chat, groupBy: [alertname], typo: 1}
  receivers:
  - name: chat
    slackConfigs: [{apiURL: {name: chat, key: url}, text: '{{ template "shop" . }}'}]
---
apiVersion: monitoring.coreos.com/v1alpha1
kind: AlertmanagerConfig
metadata: {name: without-label, namespace: shop}
spec: {route: {receiver: nothing}}
---
apiVersion: monitoring.coreos.com/v1alpha1
kind: AlertmanagerConfig
metadata: {name: elsewhere, namespace: garden, labels: {routing: "yes"}}
spec: {route: {receiver: nothing}}
"##;

const BAD: &str = "
---
apiVersion: monitoring.coreos.com/v1beta1
kind: AlertmanagerConfig
metadata: {name: bad, namespace: shop, labels: {routing: 'yes'}}
spec:
  route: {receiver: chat}
  receivers: [{name: chat, slackConfigs: [{apiURL: {name: chat, key: address}}]}]
---
apiVersion: monitoring.coreos.com/v1alpha1
kind: AlertmanagerConfig
metadata: {name: worse, namespace: shop, labels: {routing: 'yes'}}
spec:
  route: {receiver: mail}
  receivers: [{name: mail, webhookConfigs: [{url: 'https://x.example/{{ nofunction }}'}]}]
";

fn from_kubernetes(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_watchfire")).args(["config", "from-kubernetes"]).args(args).output().unwrap()
}

#[test]
fn the_command_shows_what_manifests_merge_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.yaml");
    std::fs::write(&path, MANIFESTS).unwrap();
    let shown = from_kubernetes(&[path.to_str().unwrap(), "--show-secrets"]);
    let expected = "\
route:
    receiver: ops
    routes:
        - receiver: shop/team/chat
          group_by:
            - alertname
          matchers:
            - namespace=\"shop\"
          continue: true
receivers:
    - name: ops
    - name: shop/team/chat
      slack_configs:
        - api_url: https://hooks.example/s3cret
          text: '{{ template \"shop\" . }}'
templates:
    - /etc/alertmanager/config/*.tmpl
    - /etc/alertmanager/templates/a.tmpl
";
    assert_eq!(String::from_utf8_lossy(&shown.stdout), expected);
    assert!(shown.status.success());
    let told = String::from_utf8_lossy(&shown.stderr);
    assert!(told.contains("all.yaml:32:49: warning: unknown field \"typo\" in a route"), "{told}");

    let masked = from_kubernetes(&[path.to_str().unwrap()]);
    assert!(masked.status.success());
    assert!(!String::from_utf8_lossy(&masked.stdout).contains("s3cret"));

    std::fs::write(folder.path().join("bad.yaml"), BAD).unwrap();
    let with_bad = from_kubernetes(&[folder.path().to_str().unwrap(), "--show-secrets"]);
    assert_eq!(String::from_utf8_lossy(&with_bad.stdout), expected, "the others are as before");
    assert_eq!(with_bad.status.code(), Some(1));
    let told = String::from_utf8_lossy(&with_bad.stderr);
    for part in [
        "AlertmanagerConfig shop/bad is refused",
        "key \"address\" of Secret shop/chat does not exist; the keys there are url",
        "AlertmanagerConfig shop/worse is refused",
        "nofunction",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn the_command_says_what_it_cannot_do() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| {
        let path = folder.path().join("all.yaml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let error = |args: &[&str]| {
        let answer = from_kubernetes(args);
        assert_eq!(answer.status.code(), Some(1));
        String::from_utf8_lossy(&answer.stderr).into_owned()
    };
    let path = write(MANIFESTS);
    assert!(error(&[&path, "--alertmanager=monitoring/other"]).contains("there is no Alertmanager monitoring/other"));
    let path = write(&MANIFESTS.replace("route: {receiver: ops}", "route: {receiver: ops, continue: true}"));
    assert!(error(&[&path]).contains("the root route takes every alert and has no \"continue\""));
    let path = write("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: '%'}\n");
    let told = error(&[&path]);
    assert!(told.contains("key \"a\" of the Secret is not base64") && told.contains("all.yaml:4:11"), "{told}");
}

fn secret(namespace: &str, name: &str, key: &str, value: &str) -> Value {
    use base64::Engine;
    let value = base64::engine::general_purpose::STANDARD.encode(value);
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name}, "data": {key: value}})
}

fn webhook_object(receiver: &str) -> Value {
    yaml_value(&format!(
        "{{apiVersion: monitoring.coreos.com/v1alpha1, kind: AlertmanagerConfig, metadata: {{namespace: shop, name: team}}, \
         spec: {{route: {{receiver: {receiver}}}, receivers: [{{name: hook, webhookConfigs: [{{urlSecret: {{name: hook, key: url}}}}]}}]}}}}"
    ))
}

async fn fire(notifier: &Watchfire, name: &str) {
    let labels = json!({"alertname": name, "namespace": "shop"});
    notifier.post_alerts(&json!([{ "labels": labels }])).await;
}

fn base(sink: &Sink) -> String {
    let ops = sink.url("/ops");
    format!(
        "route: {{receiver: ops, group_wait: 0s, group_by: [alertname], routes: [{{receiver: ops}}]}}\nreceivers: [{{name: ops, webhook_configs: [{{url: '{ops}'}}]}}]\n"
    )
}

async fn following(folder: &Path, server: &ApiServer, config: &str, flags: &[&str]) -> Watchfire {
    let config_file = folder.join("alertmanager.yml");
    std::fs::write(&config_file, config).unwrap();
    let mut args = vec![
        format!("--config.file={}", config_file.display()),
        format!("--storage.path={}", folder.join("data").display()),
        format!("--kubernetes.kubeconfig={}", server.kubeconfig(folder, "monitoring").display()),
    ];
    args.extend(flags.iter().map(|flag| (*flag).to_owned()));
    Watchfire::start("notifier", &args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_followed_with_their_secrets_and_a_bad_one_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (server, sink) = (ApiServer::open().await, Sink::open().await);
    server.put_namespace("shop", &[]);
    server.put(&secret("shop", "hook", "url", &sink.url("/one")));
    server.put(&webhook_object("hook"));
    let flags = ["--kubernetes.alertmanager-configs", "--kubernetes.alertmanager-config-namespace-selector="];
    let notifier = following(folder.path(), &server, &base(&sink), &flags).await;
    fire(&notifier, "First").await;
    sink.wait_told("/one", 1, SOON).await;
    sink.wait_told("/ops", 1, SOON).await;

    let merges = "watchfire_alertmanagerconfig_merges_total";
    becomes(&notifier.url, merges, 1.0).await;
    server.put(&secret("shop", "hook", "url", &format!("{}\n", sink.url("/two"))));
    becomes(&notifier.url, merges, 2.0).await;
    fire(&notifier, "Second").await;
    sink.wait_told("/two", 1, SOON).await;

    server.put(&webhook_object("gone"));
    becomes(&notifier.url, "watchfire_alertmanagerconfig_objects{state=\"rejected\"}", 1.0).await;
    becomes(&notifier.url, "watchfire_alertmanagerconfig_objects{state=\"stale\"}", 1.0).await;
    let event = eventually("an Event about it", SOON, || async { server.objects("events").pop() }).await;
    assert_eq!(event["reason"], "InvalidConfiguration");
    assert_eq!(event["regarding"]["name"], "team");
    assert!(event["note"].as_str().unwrap().contains("receiver \"gone\" is not defined"), "{event}");
    fire(&notifier, "Third").await;
    sink.wait_told("/two", 2, SOON).await;

    server.delete("alertmanagerconfigs", "shop", "team");
    becomes(&notifier.url, "watchfire_alertmanagerconfig_objects{state=\"selected\"}", 0.0).await;
    fire(&notifier, "Fourth").await;
    sink.wait_told("/ops", 4, SOON).await;
    assert_eq!((sink.told("/one").len(), sink.told("/two").len()), (1, 2));
    let secret = sink.url("/two");
    assert!(!notifier.process.lines().iter().any(|line| line.contains(&secret)), "no secret in the log");
    for path in
        ["/metrics", "/api/v2/status", "/api/v2/receivers", "/api/v2/history", "/routing", "/history", "/status"]
    {
        let page = crate::peers::client().get(format!("{}{path}", notifier.url)).send().await.unwrap();
        assert!(!page.text().await.unwrap().contains(&secret), "no secret in {path}");
    }
    crate::secrets::none_stored(&folder.path().join("data"), &[secret]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alertmanager_object_says_it_all_and_the_status_fits_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let (server, sink) = (ApiServer::open().await, Sink::open().await);
    server.put_namespace("shop", &[]);
    server.put_yaml(
        "{apiVersion: monitoring.coreos.com/v1, kind: Alertmanager, metadata: {namespace: monitoring, name: main}, \
         spec: {alertmanagerConfigSelector: {}, alertmanagerConfigNamespaceSelector: {}}}",
    );
    server.put(&secret("monitoring", "alertmanager-main", "alertmanager.yaml", &base(&sink)));
    server.put(&secret("shop", "hook", "url", &sink.url("/one")));
    server.put(&webhook_object("hook"));
    let flags = ["--kubernetes.alertmanager=main", "--kubernetes.alertmanager-config-status"];
    let notifier = following(folder.path(), &server, "not: read", &flags).await;
    fire(&notifier, "First").await;
    sink.wait_told("/one", 1, SOON).await;

    let condition = |status: &'static str| {
        let server = &server;
        eventually(status, SOON, move || async move {
            let object = server.get("alertmanagerconfigs", "shop", "team")?;
            let condition = &object["status"]["bindings"][0]["conditions"][0];
            (condition["status"] == status).then(|| object["status"].clone())
        })
    };
    let accepted = condition("True").await;
    assert_eq!(accepted["bindings"][0]["name"], "main");
    server.put(&webhook_object("gone"));
    let refused = condition("False").await;
    let message = refused["bindings"][0]["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("receiver \"gone\" is not defined"), "{message}");

    let Some(path) = corpus("crds/monitoring.coreos.com_alertmanagerconfigs.yaml") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let (crd, _) = yaml::parse_first(&model::source::SourceFile::new("crd", text)).unwrap();
    let version = &crd.get("spec").unwrap().get("versions").unwrap().as_sequence().unwrap()[0];
    let schema =
        ["schema", "openAPIV3Schema", "properties", "status"].iter().fold(version, |node, key| node.get(key).unwrap());
    for status in [accepted, refused] {
        let mut violations = Vec::new();
        violations_of(schema, &status, "status", &mut violations);
        assert!(violations.is_empty(), "{violations:?}");
    }
}

/// As much of the schema of a custom resource as a status needs: types, required and unknown fields, words.
fn violations_of(schema: &Node, value: &Value, place: &str, found: &mut Vec<String>) {
    let kind = schema.get("type").and_then(Node::as_text).unwrap_or_default();
    let fits = match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        other => panic!("{place}: type {other} is not known here"),
    };
    if !fits {
        found.push(format!("{place}: {value} is not of type {kind}"));
    }
    let words = schema.get("enum").and_then(Node::as_sequence);
    if words.is_some_and(|words| !words.iter().any(|word| word.as_text() == value.as_str())) {
        found.push(format!("{place}: {value} is none of the words"));
    }
    for field in schema.get("required").and_then(Node::as_sequence).unwrap_or_default() {
        if value.get(field.as_text().unwrap()).is_none() {
            found.push(format!("{place}: {field:?} is missing"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        violations_of(schema.get("items").unwrap(), item, place, found);
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        match schema.get("properties").and_then(|properties| properties.get(name)) {
            Some(schema) => violations_of(schema, value, &format!("{place}.{name}"), found),
            None => found.push(format!("{place}.{name} is unknown")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_asks_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::open().await;
    server.put(&secret("shop", "hook", "url", "https://hooks.example/s3cret"));
    server.put(&webhook_object("hook"));
    let kubeconfig = server.kubeconfig(folder.path(), "monitoring");
    let kubeconfig = format!("--kubernetes.kubeconfig={}", kubeconfig.display());
    let answer = tokio::task::spawn_blocking(move || from_kubernetes(&["--live", &kubeconfig, "--show-secrets"]));
    let answer = answer.await.unwrap();
    let (text, told) = (String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
    assert!(answer.status.success(), "{told}");
    assert!(text.contains("receiver: shop/team/hook") && text.contains("https://hooks.example/s3cret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_cluster_the_notifier_starts_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let (server, sink) = (ApiServer::open().await, Sink::open().await);
    server.put_namespace("shop", &[]);
    server.put(&secret("shop", "hook", "url", &sink.url("/one")));
    server.put(&webhook_object("hook"));
    server.close().await;
    let flags = ["--kubernetes.alertmanager-configs", "--kubernetes.alertmanager-config-namespace-selector="];
    let notifier = following(folder.path(), &server, &base(&sink), &flags).await;
    fire(&notifier, "First").await;
    sink.wait_told("/ops", 1, SOON).await;
    server.open_again().await;
    becomes(&notifier.url, "watchfire_alertmanagerconfig_objects{state=\"selected\"}", 1.0).await;
    fire(&notifier, "Second").await;
    sink.wait_told("/one", 1, SOON).await;
}
