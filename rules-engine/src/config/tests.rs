use insta::assert_snapshot;

use super::*;

fn read_in(text: &str, base: &str) -> Result<(Config, Diagnostics), Diagnostics> {
    let environment = |name: &str| (name == "REGION").then(|| "eu".to_owned());
    Config::read(&SourceFile::new("prometheus.yml", text), Path::new(base), &environment)
}

fn read(text: &str) -> Config {
    read_in(text, "/etc/prom").unwrap_or_else(|mistakes| panic!("{mistakes}")).0
}

const FULL: &str = r#"
global:
  scrape_interval: 15s
  evaluation_interval: 30s
  rule_query_offset: 5s
  external_labels: {region: "$REGION", zone: "${REGION}-1", price: "5$$"}
rule_files: [rules/*.yml, /abs/*.yml]
scrape_configs: [{job_name: x}]
storage: {tsdb: {}}
alerting:
  alert_relabel_configs: [{regex: replica, action: labeldrop}]
  alertmanagers:
  - static_configs:
    - targets: [am-0:9093, am-1:9093]
    - targets: [am-0:9093]
      labels: {__scheme__: https, drop: "no"}
    - targets: [gone:9093]
      labels: {drop: "yes"}
    scheme: http
    path_prefix: /am/
    timeout: 3s
    api_version: v2
    basic_auth: {username: u, password_file: secret}
    relabel_configs: [{source_labels: [drop], regex: "yes", action: drop}]
    alert_relabel_configs: [{target_label: to, replacement: am}]
  - static_configs: [{targets: ["am-0:9093"]}]
    path_prefix: am
remote_write:
- url: http://user:pw@store:9090/api/v1/write?x=y
  remote_timeout: 5s
  headers: {X-Scope-OrgID: t}
  queue_config: {capacity: 5}
  write_relabel_configs: [{regex: a, action: labeldrop}]
- {url: "https://other/write", name: other, authorization: {credentials: c}}
query:
  url: http://prom:9090
  timeout: 20s
  headers: {X-Scope-OrgID: t}
  tls_config: {insecure_skip_verify: true}
"#;

#[test]
fn a_whole_file_is_read_as_meant() {
    let config = read(FULL);
    assert_eq!((config.evaluation_interval.as_secs(), config.query_offset.as_secs()), (30, 5));
    assert_eq!(config.external_labels.to_string(), r#"{price="5$", region="eu", zone="eu-1"}"#);
    assert_eq!(config.rule_globs, ["/etc/prom/rules/*.yml", "/abs/*.yml"]);
    assert_eq!(config.unused, ["scrape_configs", "storage"]);
    let urls: Vec<&str> = config.notifiers.iter().map(|target| target.url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "http://am-0:9093/am/api/v2/alerts",
            "http://am-1:9093/am/api/v2/alerts",
            "https://am-0:9093/am/api/v2/alerts"
        ]
    );
    let first = &config.notifiers[0];
    assert_eq!(first.timeout.as_secs(), 3);
    assert_ne!(first.http, HttpConfig::default());
    let alert = LabelSet::from_pairs([("a", "b"), ("replica", "1")]);
    let relabelled = first.relabeling.apply(&config.alert_relabeling.apply(&alert).unwrap()).unwrap();
    assert_eq!(relabelled.to_string(), r#"{a="b", to="am"}"#);
    let [store, other] = config.remote_writes.as_slice() else { panic!() };
    assert_eq!((store.name.as_str(), store.timeout.as_secs()), ("http://store:9090/api/v1/write", 5));
    assert_eq!(store.headers["x-scope-orgid"], "t");
    assert!(!store.relabeling.is_empty());
    assert_eq!((other.name.as_str(), other.timeout.as_secs()), ("other", 30));
    let shown = format!("{config:?}");
    assert!(!shown.contains("pw") && !shown.contains("x=y"), "{shown}");
    let query = &config.sources[0];
    assert_eq!((query.urls[0].as_str(), query.timeout.as_secs()), ("http://prom:9090", 20));
    assert!(query.http.tls.insecure_skip_verify);
    assert!(!format!("{:?} {:?}", config.notifiers, query.headers).contains("\"t\""), "header values may be secrets");
}

#[test]
fn no_file_and_an_empty_one_mean_the_defaults() {
    for text in ["", "# nothing\n", "global:\nalerting:\nrule_files:\n", "global: {evaluation_interval: 0s}"] {
        let config = read(text);
        assert_eq!((config.evaluation_interval.as_secs(), config.resend_delay.as_secs()), (60, 60));
        assert!(config.notifiers.is_empty() && config.sources.is_empty() && config.rule_globs.is_empty());
    }
}

#[test]
fn flags_win() {
    let flags = Flags {
        rule_globs: vec!["mine/*.yml".to_owned()],
        query_url: Some("http://other:9090/".to_owned()),
        notifier_urls: vec![
            "http://a:9093/x/".to_owned(),
            "http://a:9093/x".to_owned(),
            "https://b/api/v2/alerts".to_owned(),
        ],
        remote_write_url: Some("http://w/api/v1/write".to_owned()),
        evaluation_interval: Some(Duration::from_secs(7)),
        resend_delay: Some(Duration::from_secs(8)),
    };
    let config = read(FULL).with_flags(&flags).unwrap();
    assert_eq!(config.rule_globs, ["mine/*.yml"]);
    let urls: Vec<&str> = config.notifiers.iter().map(|target| target.url.as_str()).collect();
    assert_eq!(urls, ["http://a:9093/x/api/v2/alerts", "https://b/api/v2/alerts"]);
    let query = config.default_source().unwrap();
    assert_eq!((query.urls[0].as_str(), query.timeout.as_secs()), ("http://other:9090/", 20));
    assert_eq!(config.remote_writes.len(), 1);
    assert_eq!((config.rule_defaults().interval.as_secs(), config.resend_delay.as_secs()), (7, 8));
    assert_eq!(Config::default().with_flags(&Flags::default()).unwrap().evaluation_interval.as_secs(), 60);
    let bad = Flags { query_url: Some("prom:9090".to_owned()), ..Flags::default() };
    assert!(
        Config::default().with_flags(&bad).unwrap_err().to_string().starts_with("the query URL is not a usable URL: ")
    );
}

#[test]
fn every_mistake_at_once_and_no_secret_shown() {
    let text = r#"
global:
  evaluation_intervall: 1m
  rule_query_offset: 1
  external_labels: {__name__: x, unset: "$NOPE"}
  metric_name_validation_scheme: latin1
rule_file: [x]
alerting:
  alertmanagers:
  - consul_sd_configs: [{server: x}]
    static_configs: [{targets: ["http://am:9093", ""], label: {}}]
    api_version: v1
    scheme: ftp
    sigv4: {}
    basic_auth: {username: a}
    bearer_token: hunter2
remote_write:
- {remote_timeout: 5}
- url: "ftp://u:hunter2@x"
  headers: {Authorization: hunter2, Content-Type: a, "b c": d}
- {url: "http://x", name: n, protobuf_message: io.prometheus.write.v2.Request}
- {url: "http://y", name: n, queue: {}}
query: {timeout: 0s}
"#;
    let mistakes = read_in(text, "/").unwrap_err().to_string();
    assert!(!mistakes.contains("hunter2"), "{mistakes}");
    assert_snapshot!(mistakes);
}

const SOURCES: &str = r#"
query_sources:
- name: logs
  kind: loki
  url: http://loki:3100
  tenant: ops
  queries_max: 4
  groups: [{file: "loki/*.yml"}, {group: "logs-*", tenant: "a|b"}]
- name: thanos
  kind: thanos
  default: true
  urls: [http://thanos-0:10902, "http://thanos-1:10902/x"]
  static_configs: [{targets: ["thanos-2:10902"]}]
  path_prefix: /x
  params: {partial_response: "true", "max_source_resolution": [5m], dedup: ""}
  timeout: 20s
  answer_bytes_max: 1048576
  basic_auth: {username: u, password: p}
- name: vm
  kind: victoriametrics
  scheme: https
  dns_sd_configs: [{names: [_http._tcp.vm.example], refresh_interval: 10s}, {names: [vm], type: A, port: 8428}]
  file_sd_configs: [{files: [vm/*.json]}]
  relabel_configs: [{source_labels: [__address__], regex: "skip.*", action: drop}]
"#;

#[test]
fn query_sources_are_read_as_meant() {
    let config = read(SOURCES);
    let names: Vec<(&str, &str)> = config.named_sources().map(|(name, source)| (name, source.name.as_str())).collect();
    assert_eq!(names, [("", "thanos"), ("logs", "logs"), ("vm", "vm")]);
    let [thanos, logs, vm] = config.sources.as_slice() else { panic!() };
    assert_eq!(thanos.urls, ["http://thanos-0:10902", "http://thanos-1:10902/x", "http://thanos-2:10902/x"]);
    let params: Vec<String> = thanos.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(params, ["partial_response=true", "max_source_resolution=5m"], "an empty value leaves a default out");
    assert_eq!((thanos.timeout.as_secs(), thanos.queries_max, thanos.answer_bytes_max), (20, 64, 1 << 20));
    assert_eq!((logs.kind, &logs.headers["x-scope-orgid"]), (SourceKind::Loki, &"ops".parse().unwrap()));
    assert_eq!(logs.bounds().queries_max, 4);
    let found = vm.discovered.as_ref().unwrap();
    let dns = |names: &str, records, secs| Discovery::Dns {
        names: vec![names.to_owned()],
        records,
        refresh: Duration::from_secs(secs),
    };
    let file = Discovery::File { globs: vec!["/etc/prom/vm/*.json".to_owned()], refresh: Duration::from_secs(5) };
    assert_eq!(
        found.discoveries,
        [dns("_http._tcp.vm.example", DnsRecords::Srv, 10), dns("vm", DnsRecords::A(8428), 30), file]
    );
    let addresses = ["a:1", "skip:2", "b/c"].map(str::to_owned).to_vec();
    let (urls, mistakes) = found.urls(&[TargetGroup { addresses, labels: LabelSet::empty() }]);
    assert_eq!(urls, ["https://a:1"]);
    assert_eq!(mistakes, ["\"b/c\" is not a host with an optional port"]);

    let choices = config.rule_defaults().sources;
    assert_eq!(choices.choose("/r/loki/x.yml", "g", None).name, "logs");
    let tenants = choices.choose("/r/x.yml", "logs-a", None).headers;
    assert_eq!(tenants, [("X-Scope-OrgID".to_owned(), "a|b".to_owned())]);
    assert_eq!(choices.choose("/r/x.yml", "g", None).name, "");
    let flags = Flags { query_url: Some("http://mine".to_owned()), ..Flags::default() };
    assert_eq!(config.with_flags(&flags).unwrap().sources[0].urls, ["http://mine"]);
}

#[test]
fn groups_of_a_loki_source_are_not_read_as_promql() {
    let config = read(SOURCES);
    let text = "groups: [{name: g, rules: [{alert: A, expr: 'sum(rate({app=\"x\"} |= \"error\" [5m])) > 1'}]}]";
    let rules = |file: &str| crate::rule_file::read(&SourceFile::new(file, text), &config.rule_defaults());
    let (groups, _) = rules("/etc/loki/a.yml").unwrap();
    assert_eq!(groups[0].source.name, "logs");
    assert_eq!(groups[0].rules[0].shown_expr, groups[0].rules[0].expr);
    assert!(rules("/etc/other/a.yml").unwrap_err().to_string().contains("could not parse expression"));
}

#[test]
fn notifiers_may_be_found_at_run_time() {
    let config = read(
        "alerting: {alertmanagers: [{scheme: https, path_prefix: am, dns_sd_configs: [{names: [_web._tcp.am]}], \
         static_configs: [{targets: [fixed:9093]}]}, {static_configs: [{targets: [x:1]}]}]}",
    );
    assert_eq!(config.notifiers.len(), 2);
    let [section] = config.discovered_notifiers.as_slice() else { panic!() };
    let group = TargetGroup { addresses: vec!["am-0:9093".to_owned()], labels: LabelSet::empty() };
    assert_eq!(section.notifiers(&[group]).0[0].url, "https://am-0:9093/am/api/v2/alerts");
}

#[test]
fn mistakes_of_query_sources_are_told() {
    let text = r#"
query: {url: "http://a", default: true}
query_sources:
- {name: a, kind: influx, url: "http://b"}
- name: a
  urls: ["ftp://u:hunter2@x"]
  params: {time: "1"}
  queries_max: 0
- {name: "", url: "http://c", groups: [{tenant: x}, {file: "[", group: g}]}
- {name: d}
- {name: default, url: "http://e", default: true, dns_sd_configs: [{names: [x], type: A}, {names: [x], type: MX}]}
- {name: f, file_sd_configs: [{files: [x.txt]}], tenant: "a\nb"}
"#;
    let mistakes = read_in(text, "/").unwrap_err().to_string();
    assert!(!mistakes.contains("hunter2"), "{mistakes}");
    assert_snapshot!(mistakes);
}

#[test]
fn the_example_is_right() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/rule-service/prometheus.yml");
    let (config, warnings) = read_in(&std::fs::read_to_string(path).unwrap(), "/etc").unwrap();
    // the host's name is the only thing it takes from its surroundings
    assert!(warnings.iter().all(|warning| warning.to_string().contains("HOSTNAME")), "{warnings}");
    assert_eq!(config.sources.len(), 4);
    assert_eq!((config.discovered_notifiers.len(), config.remote_writes.len()), (2, 2));
    let long_term = &config.remote_writes[1];
    assert_eq!(long_term.protocol, WriteProtocol::V2);
    assert_eq!((long_term.samples_per_send, long_term.queue_bytes_max), (5000, 256 << 20));
    assert_eq!(
        (long_term.backoff_max, long_term.sample_age_max),
        (Duration::from_secs(30), Some(Duration::from_secs(7200)))
    );
    let vm = &config.sources[3];
    let params: Vec<String> = vm.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(params, ["step=5m", "round_digits=5"]);
}

#[test]
fn notifiers_among_the_objects_of_kubernetes() {
    let text = "alerting:\n  alertmanagers:\n  - path_prefix: /am\n    kubernetes_sd_configs:\n    - role: endpointslice\n      kubeconfig_file: kube.conf\n      namespaces: {own_namespace: true, names: [monitoring]}\n      selectors: [{role: pod, label: app=am}]\n    relabel_configs:\n    - {source_labels: [__meta_kubernetes_service_name], regex: main, action: keep}\n";
    let read = |text: &str| Config::read(&SourceFile::new("prometheus.yml", text), Path::new("/etc"), &|_| None);
    let (config, _) = read(text).unwrap();
    let section = &config.discovered_notifiers[0];
    let expected = KubernetesDiscovery {
        role: KubernetesRole::EndpointSlice,
        namespaces: vec!["monitoring".to_owned()],
        own_namespace: true,
        kubeconfig: Some("/etc/kube.conf".into()),
        selectors: vec![KubernetesSelector {
            role: KubernetesRole::Pod,
            label: "app=am".to_owned(),
            field: String::new(),
        }],
    };
    assert_eq!(section.discoveries, [Discovery::Kubernetes(expected)]);
    let target = |service: &str| TargetGroup {
        addresses: vec!["10.0.0.1:9093".to_owned()],
        labels: LabelSet::from_pairs([("__meta_kubernetes_service_name", service)]),
    };
    let (notifiers, mistakes) = section.notifiers(&[target("main"), target("other"), target("main")]);
    assert!(mistakes.is_empty());
    let urls: Vec<&str> = notifiers.iter().map(|notifier| notifier.url.as_str()).collect();
    assert_eq!(urls, ["http://10.0.0.1:9093/am/api/v2/alerts"; 2], "twice the same is one for whoever adopts them");
    let told = read("alerting: {alertmanagers: [{kubernetes_sd_configs: [{role: node, api_server: x}]}]}\n");
    let told = told.unwrap_err().to_string();
    for part in ["\"node\"", "\"api_server\"", "kubeconfig_file"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}
