#![expect(clippy::print_stderr, reason = "tests that skip say so")]

use std::path::{Path, PathBuf};

use clap::Parser;
use model::matcher::parse::ParseMode;

use super::*;
use crate::cli::{Cli, Command};

fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    path.exists().then_some(path)
}

fn migrated(files: &[(&str, &str)]) -> Migration {
    let files: Vec<_> = files.iter().map(|(name, text)| SourceFile::new(*name, *text)).collect();
    let migration = migrate(&files, &Circumstances::default()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    check(&migration.deployment);
    migration
}

/// What came out, and what was told.
fn shown(migration: &Migration) -> String {
    let outputs = migration.deployment.outputs();
    let outputs = outputs.iter().map(|output| format!("# {}\n{}", output.name, output.text));
    format!("{}{}", outputs.collect::<String>(), migration.notes)
}

/// Every configuration that comes out can be used, and every flag is known.
fn check(deployment: &Deployment) {
    for output in deployment.outputs() {
        let file = SourceFile::new(output.name, output.text.as_str());
        match output.name {
            "prometheus.yml" => check_rules(&file),
            "alertmanager.yml" => check_notifier(&file),
            "values.yaml" => check_values(&file),
            "watchfire.sh" => {
                check_flags(output.text.replace("\\\n", " ").split_whitespace().map(|word| word.trim_matches('\'')))
            }
            other => panic!("{other}"),
        }
    }
}

fn check_rules(file: &SourceFile) {
    let read = rules_engine::config::Config::read(file, Path::new(""), &|_| Some("set".to_owned()));
    let (config, warnings) = read.unwrap_or_else(|mistakes| panic!("{mistakes}\n{}", file.text()));
    assert!(warnings.is_empty(), "{warnings}");
    assert!(config.default_source().is_some() || file.text().contains("kubernetes"), "{}", file.text());
    assert!(config.unused.is_empty(), "{:?}", config.unused);
}

fn check_notifier(file: &SourceFile) {
    let nowhere = |_: &Path| Ok(String::new());
    let read = ::notifier::config::Config::parse(file, Path::new(""), ParseMode::default(), &nowhere);
    read.unwrap_or_else(|mistakes| panic!("{mistakes}\n{}", file.text()));
}

fn check_flags<'a>(words: impl Iterator<Item = &'a str>) {
    let words: Vec<&str> = words.collect();
    match Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{words:?}: {error}")).command {
        Command::Run(_) | Command::Rules(_) | Command::Notifier(_) => {}
        other => panic!("{other:?}"),
    }
}

/// Keys of values are those of our chart; what is inside is checked as files are.
fn check_values(file: &SourceFile) {
    let (values, _) = yaml::parse_first(file).unwrap_or_else(|mistakes| panic!("{mistakes}\n{}", file.text()));
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/helm/watchfire/values.yaml");
    let chart = SourceFile::new("values.yaml", std::fs::read_to_string(chart).unwrap());
    let (chart, _) = yaml::parse_first(&chart).unwrap();
    for (key, value) in values.as_mapping().unwrap() {
        let known = chart.get(&key.text).unwrap_or_else(|| panic!("the chart has no {}", key.text));
        let is_free = ["nodeSelector", "affinity", "resources", "templates"].contains(&key.text.as_str());
        for (inner, _) in value.as_mapping().filter(|_| !is_free).unwrap_or_default() {
            assert!(known.get(&inner.text).is_some(), "the chart has no {}.{}", key.text, inner.text);
        }
    }
    let inside = |part: &str| values.get(part).and_then(|part| part.get("content")).map(yaml::emit);
    if let Some(config) = inside("rulesConfig") {
        // As the chart does, where the file names nobody to ask.
        let config = if config.contains("query") { config } else { format!("{config}query: {{url: 'http://p'}}\n") };
        check_rules(&SourceFile::new("prometheus.yml", config));
    }
    if let Some(config) = inside("notifierConfig") {
        check_notifier(&SourceFile::new("alertmanager.yml", config));
    }
    let mode = values.get("mode").and_then(Node::as_text).unwrap();
    let flags = values.get("extraArgs").and_then(Node::as_sequence).unwrap_or_default();
    check_flags(["watchfire", mode].into_iter().chain(flags.iter().filter_map(Node::as_text)));
}

const FULL_PROMETHEUS: &str = r#"
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: k8s, namespace: monitoring}
spec:
  replicas: 2
  ruleSelector: {matchLabels: {role: alert-rules}}
  evaluationInterval: 15s
  ruleQueryOffset: 10s
  externalLabels: {cluster: eu-1}
  enforcedNamespaceLabel: namespace
  excludedFromEnforcement: [{group: monitoring.coreos.com, resource: prometheusrules, namespace: kube-system}]
  rules: {alert: {resendDelay: 2m, forGracePeriod: 5m}}
  query: {timeout: 30s, maxConcurrency: 8, maxSamples: 1000}
  routePrefix: /prom/
  remoteWrite: [{url: "http://mimir/push"}]
  shards: 2
  fieldOfTomorrow: {a: b}
  additionalAlertRelabelConfigs: {name: extra, key: relabel.yaml}
  additionalAlertManagerConfigs: {name: nowhere, key: am.yaml}
  alerting:
    alertmanagers:
    - namespace: other
      name: am
      port: 9093
      pathPrefix: /am
      timeout: 5s
      basicAuth: {username: {name: s, key: u}, password: {name: s, key: p}}
      relabelings: [{sourceLabels: [__meta_kubernetes_pod_name], regex: am-0, action: Keep}]
      alertRelabelings: [{action: LabelDrop, regex: pod}]
---
apiVersion: v1
kind: Secret
metadata: {name: extra, namespace: monitoring}
stringData: {relabel.yaml: "- {action: labeldrop, regex: replica}\n"}
"#;

#[test]
fn a_prometheus_object() {
    insta::assert_snapshot!(shown(&migrated(&[("prometheus.yaml", FULL_PROMETHEUS)])));
}

#[test]
fn a_prometheus_and_the_alertmanager_it_tells_become_one_process() {
    let prometheus = "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: k8s, namespace: monitoring}\nspec:\n  ruleSelector: {}\n  ruleNamespaceSelector: {}\n  alerting: {alertmanagers: [{namespace: monitoring, name: alertmanager-main, port: web}]}\n";
    let alertmanager = "apiVersion: monitoring.coreos.com/v1\nkind: Alertmanager\nmetadata: {name: main, namespace: monitoring}\nspec:\n  replicas: 3\n  retention: 240h\n  alertmanagerConfigSelector: {}\n  externalUrl: https://am.example.com\n  clusterGossipInterval: 1s\n  secrets: [tokens]\n  limits: {maxSilences: 500, maxPerSilenceBytes: 1Mi}\n  storage: {volumeClaimTemplate: {spec: {storageClassName: fast, resources: {requests: {storage: 4Gi}}}}}\n  resources: {limits: {memory: 100Mi}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: alertmanager-main, namespace: monitoring}\nstringData:\n  alertmanager.yaml: |\n    route: {receiver: nobody}\n    receivers: [{name: nobody}]\n";
    insta::assert_snapshot!(shown(&migrated(&[("prometheus.yaml", prometheus), ("alertmanager.yaml", alertmanager)])));
}

#[test]
fn a_thanos_ruler() {
    let text = "apiVersion: monitoring.coreos.com/v1\nkind: ThanosRuler\nmetadata: {name: rule, namespace: default}\nspec:\n  ruleSelector: {matchLabels: {role: thanos}}\n  queryEndpoints: ['dnssrv+_http._tcp.query', 'http://query-1:9090']\n  labels: {ruler: a}\n  alertDropLabels: [replica]\n  alertmanagersUrl: ['http://am:9093/prefix', 'dns+http://am:9093', 'dnssrv+_web._tcp.am']\n  ruleOutageTolerance: 2h\n  objectStorageConfig: {name: s, key: k}\n  alertRelabelConfigs: {name: s, key: r}\n  remoteWrite: [{url: 'http://mimir/push', remoteTimeout: 10s, basicAuth: {username: {}}}]\n";
    insta::assert_snapshot!(shown(&migrated(&[("ruler.yaml", text)])));
}

#[test]
fn values_of_kube_prometheus_stack() {
    let text = "prometheus:\n  prometheusSpec:\n    retention: 10d\n    externalLabels: {cluster: a}\n    storageSpec: {emptyDir: {}}\n  ingress: {enabled: true}\nalertmanager:\n  config:\n    route: {receiver: 'null', group_by: [namespace]}\n    receivers: [{name: 'null'}]\n    templates: [/etc/alertmanager/config/*.tmpl]\n  alertmanagerSpec: {retention: 72h, replicas: 1}\ngrafana: {enabled: false}\nthanosRuler: {enabled: false, thanosRulerSpec: {retention: 1d}}\nsurprise: 1\n";
    insta::assert_snapshot!(shown(&migrated(&[("values.yaml", text)])));
}

#[test]
fn prometheus_yml_and_alertmanager_yml() {
    let prometheus = "global: {scrape_interval: 5s, evaluation_interval: 30s, external_labels: {a: b}}\nrule_files: [rules/*.yml]\nscrape_configs: [{job_name: x}]\nalerting:\n  alert_relabel_configs: [{action: labeldrop, regex: replica}]\n  alertmanagers:\n  - static_configs: [{targets: ['am:9093']}]\n  - consul_sd_configs: [{server: c}]\n  - scheme: https\n    kubernetes_sd_configs: [{role: endpoints, api_server: 'https://k', namespaces: {names: [m]}}]\nremote_read: [{url: 'http://x'}]\n";
    let alertmanager = "route: {receiver: a}\nreceivers: [{name: a}]\n";
    insta::assert_snapshot!(shown(&migrated(&[("prometheus.yml", prometheus), ("alertmanager.yml", alertmanager)])));
}

#[test]
fn a_command_line_of_vmalert() {
    let text = "/usr/bin/vmalert -rule=/etc/a.yml,/etc/b/*.yml \\\n  -datasource.url=http://vm:8428 -datasource.basicAuth.username=u --datasource.basicAuth.passwordFile /run/p \\\n  -notifier.url=https://am:9093/x -notifier.url='http://am-2:9093' -notifier.tlsInsecureSkipVerify \\\n  -remoteWrite.url=http://vm:8428 -remoteWrite.concurrency=4 -remoteRead.url=http://vm:8428 \\\n  -external.label=dc=eu -external.url=http://vmalert -evaluationInterval=15s -rule.evalDelay=30s \\\n  -datasource.headers='X-A: b^^X-C: d' -replay.timeFrom=2020-01-01 -unheardOf=1 stray\n";
    insta::assert_snapshot!(shown(&migrated(&[("vmalert.sh", text)])));
    let of_pod = "- -rule=/etc/a.yml\n- '-datasource.url=http://vm:8428'\n- \"-notifier.url=http://am:9093\"\n";
    let migration = migrated(&[("args.txt", of_pod)]);
    assert_eq!(migration.notes.lost(), 0, "{}", migration.notes);
    assert!(shown(&migration).contains("--rule.file=/etc/a.yml"));
}

#[test]
fn what_is_not_known_is_told_with_its_place() {
    let files = [SourceFile::new("a.yaml", "hello: world\n"), SourceFile::new("b.yaml", "[1, 2\n")];
    let told = migrate(&files, &Circumstances::default()).unwrap_err().to_string();
    assert!(told.contains("a.yaml:1:1") && told.contains("b.yaml:"), "{told}");
}

/// No field is passed over: each is in what comes out, or told of, or set aside.
#[test]
fn no_field_is_passed_over() {
    for field in
        ["fieldOfTomorrow", "shards", "maxSamples", "remoteWrite", "additionalAlertManagerConfigs", "basicAuth"]
    {
        let notes = migrated(&[("p.yaml", FULL_PROMETHEUS)]).notes.to_string();
        assert!(notes.contains(field), "{field} in {notes}");
    }
}

#[test]
fn the_workloads_of_the_corpus_come_out_usable() {
    let Some(folder) = shared("corpus/workloads") else {
        eprintln!("skipped the_workloads_of_the_corpus_come_out_usable: no ../shared");
        return;
    };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let migration = migrated(&[(path.file_name().unwrap().to_str().unwrap(), &text)]);
        let unknown = migration.notes.to_string();
        assert!(!unknown.contains("not known here"), "{}: {unknown}", path.display());
        count += 1;
    }
    assert!(count >= 6, "{count}");
}

#[test]
fn every_alertmanager_configuration_of_the_corpus_comes_out_as_it_is() {
    let Some(folder) = shared("corpus/alertmanager") else {
        eprintln!("skipped every_alertmanager_configuration_of_the_corpus_comes_out_as_it_is: no ../shared");
        return;
    };
    let good = |path: &Path| {
        let text = std::fs::read_to_string(path).ok()?;
        let file = SourceFile::new("alertmanager.yml", text);
        let nowhere = |_: &Path| Ok(String::new());
        ::notifier::config::Config::parse(&file, Path::new(""), ParseMode::default(), &nowhere).is_ok().then_some(file)
    };
    let pattern = format!("{}/**/*.y*ml", folder.display());
    let files: Vec<SourceFile> = glob::glob(&pattern).unwrap().filter_map(|path| good(&path.unwrap())).collect();
    assert!(files.len() > 20, "{}", files.len());
    for file in files {
        let migration = migrated(&[(file.name(), file.text())]);
        let outputs = migration.deployment.outputs();
        let written = outputs.iter().find(|output| output.name == "alertmanager.yml").unwrap();
        assert_eq!(written.text, file.text());
    }
}
