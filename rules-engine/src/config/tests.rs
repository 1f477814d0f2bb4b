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
    let query = config.query.unwrap();
    assert_eq!((query.url.as_str(), query.timeout.as_secs()), ("http://prom:9090", 20));
    assert!(query.http.tls.insecure_skip_verify);
    assert!(!format!("{:?} {:?}", config.notifiers, query.headers).contains("\"t\""), "header values may be secrets");
}

#[test]
fn no_file_and_an_empty_one_mean_the_defaults() {
    for text in ["", "# nothing\n", "global:\nalerting:\nrule_files:\n", "global: {evaluation_interval: 0s}"] {
        let config = read(text);
        assert_eq!((config.evaluation_interval.as_secs(), config.resend_delay.as_secs()), (60, 60));
        assert!(config.notifiers.is_empty() && config.query.is_none() && config.rule_globs.is_empty());
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
    let query = config.query.as_ref().unwrap();
    assert_eq!((query.url.as_str(), query.timeout.as_secs()), ("http://other:9090/", 20));
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
  - kubernetes_sd_configs: [{role: pod}]
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
