//! The rule service with everything that can go wrong on the way to query APIs, notifiers and remote writes, all at once: what
//! each rule says of it, what metrics count, that the others notice nothing, and that nothing is lost when it is over.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use serde_json::{Value, json};

use crate::conditions::eventually;
use crate::fault_proxy::{Certificates, Fault, FaultProxy, Front};
use crate::peers::{client, get_json};
use crate::receiver_faults::{HTTP, HTTPS, Row, metrics, values};
use crate::sink::Sink;
use crate::stage::Watchfire;

/// The interval of groups whose source is in trouble.
const INTERVAL: Duration = Duration::from_secs(5);

/// One fault, before a query API, a notifier and a remote write.
struct Case {
    name: String,
    scheme: &'static str,
    fault: Fault,
    words: &'static str,
    query: FaultProxy,
    notifier: FaultProxy,
    write: FaultProxy,
}

impl Case {
    async fn open(prefix: &str, (fault, _, words): Row, front: &Front, api: SocketAddr, sink: SocketAddr) -> Self {
        let open = |upstream| FaultProxy::open(front.clone(), upstream, fault);
        // An answer beyond the bound is that, whatever its status.
        let is_long = matches!(fault, Fault::BodyEndless | Fault::BodyInflates);
        Self {
            name: format!("{prefix}-{fault:?}").to_lowercase(),
            scheme: if matches!(front, Front::Http) { "http" } else { "https" },
            fault,
            words: if is_long { "the answer is longer than 1048576 bytes" } else { words },
            query: open(api).await,
            notifier: open(sink).await,
            write: open(sink).await,
        }
    }

    fn set(&self, fault: Fault) {
        [&self.query, &self.notifier, &self.write].iter().for_each(|proxy| proxy.set(fault));
    }

    fn address(&self, proxy: &FaultProxy) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, proxy.port)
    }
}

/// A query API with one series for everything.
async fn query_api() -> SocketAddr {
    let answer = || async {
        let row = json!({"metric": {}, "value": [0, "1"]});
        axum::Json(json!({"status": "success", "data": {"resultType": "vector", "result": [row]}}))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/api/v1/query", post(answer))).await });
    address
}

fn config(cases: &[Case], folder: &Path, api: SocketAddr, sink: &Sink) -> String {
    let tls = format!("tls_config: {{ca_file: '{}'}}", folder.join("ca.pem").display());
    let source = |case: &Case| {
        let (name, url) = (&case.name, case.address(&case.query));
        format!(
            "- {{name: {name}, url: '{url}', timeout: 2s, answer_bytes_max: 1048576, {tls}, groups: [{{group: {name}}}]}}\n"
        )
    };
    let notifier = |case: &Case| {
        let (scheme, port, name) = (case.scheme, case.notifier.port, &case.name);
        format!(
            "  - {{scheme: {scheme}, path_prefix: /notify-{name}, timeout: 2s, {tls}, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
        )
    };
    let write = |case: &Case| {
        let (name, url) = (&case.name, case.address(&case.write));
        format!("- {{name: {name}, url: '{url}/write-{name}', remote_timeout: 2s, {tls}}}\n")
    };
    format!(
        "rule_files: ['{}']\nquery: {{url: 'http://{api}'}}\nquery_sources:\n{}alerting:\n  alertmanagers:\n  - {{path_prefix: /notify-good, static_configs: [{{targets: ['{}']}}]}}\n{}remote_write:\n- {{name: good, url: '{}'}}\n{}",
        folder.join("rules.yml").display(),
        cases.iter().map(source).collect::<String>(),
        sink.address,
        cases.iter().map(notifier).collect::<String>(),
        sink.url("/write-good"),
        cases.iter().map(write).collect::<String>(),
    )
}

/// Each group has one rule.
fn rules(cases: &[Case]) -> String {
    let group = |name: &str, interval: Duration| {
        let seconds = interval.as_secs();
        format!("- name: {name}\n  interval: {seconds}s\n  rules: [{{alert: '{name}', expr: up}}]\n")
    };
    let groups = cases.iter().map(|case| group(&case.name, INTERVAL)).collect::<String>();
    format!("groups:\n{}{groups}", group("good", Duration::from_secs(1)))
}

async fn rules_by_name(ours: &Watchfire) -> BTreeMap<String, Value> {
    let answer = get_json(&format!("{}/api/v1/rules", ours.url)).await;
    let groups = answer["data"]["groups"].as_array().unwrap().iter();
    groups.map(|group| (group["name"].as_str().unwrap().to_owned(), group["rules"][0].clone())).collect()
}

/// The value of a metric whose labels contain a text.
fn value(text: &str, metric: &str, label: &str) -> Option<f64> {
    values(text, metric).into_iter().find(|(labels, _)| labels.contains(label)).map(|(_, value)| value)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_before_everything_the_rule_service_speaks_to_is_seen_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::for_host("127.0.0.1");
    std::fs::write(folder.path().join("ca.pem"), certificates.authority.pem()).unwrap();
    let (api, sink) = (query_api().await, Sink::open().await);
    let mut cases = Vec::new();
    for row in HTTP {
        cases.push(Case::open("http", row, &Front::Http, api, sink.address).await);
    }
    for row in HTTPS {
        cases.push(Case::open("https", row, &Front::Https(certificates.clone()), api, sink.address).await);
    }
    let config_file = folder.path().join("prometheus.yml");
    std::fs::write(&config_file, config(&cases, folder.path(), api, &sink)).unwrap();
    std::fs::write(folder.path().join("rules.yml"), rules(&cases)).unwrap();
    let args = [
        format!("--config.file={}", config_file.display()),
        format!("--storage.path={}", folder.path().join("data").display()),
        "--rules.alert.resend-delay=5s".to_owned(),
    ];
    let ours = Watchfire::start("rules", &args).await;

    let seen = eventually("every rule has been evaluated", Duration::from_secs(90), || async {
        let healthy = client().get(format!("{}/-/healthy", ours.url)).send().await.unwrap();
        assert!(healthy.status().is_success());
        let rules = rules_by_name(&ours).await;
        rules.values().all(|rule| rule["health"] != "unknown").then_some(rules)
    })
    .await;
    let in_trouble =
        eventually("every notifier and every remote write has failed", Duration::from_secs(60), || async {
            let text = metrics(&ours).await;
            let has_failed = |case: &Case| {
                let (port, target) = (format!(":{}/", case.notifier.port), format!("\"{}\"", case.name));
                value(&text, "prometheus_notifications_errors_total", &port) > Some(0.0)
                    && value(&text, "watchfire_rules_remote_write_requests_failed_total", &target) > Some(0.0)
            };
            cases.iter().all(has_failed).then_some(text)
        })
        .await;
    let mut wrong = Vec::new();
    let mut longest = (0.0, "");
    for case in &cases {
        let rule = &seen[&case.name];
        let error = rule["lastError"].as_str().unwrap_or_default();
        if rule["health"] != "err" || !error.contains(case.words) || error.len() > 1000 {
            wrong.push(format!("{}: {} {error:?}, stated {:?}", case.name, rule["health"], case.words));
        }
        let took = rule["evaluationTime"].as_f64().unwrap();
        longest = if took > longest.0 { (took, case.name.as_str()) } else { longest };
        let label = format!("source=\"{}\"", case.name);
        // A server whose answer is too long is well; the question was not.
        let is_well = case.words.contains("longer");
        if value(&in_trouble, "watchfire_rules_query_requests_failed_total", &label) < Some(1.0) && !is_well {
            wrong.push(format!("{}: no failed query is counted", case.name));
        }
        if value(&in_trouble, "watchfire_rules_query_server_up", &label) != Some(0.0) && !is_well {
            wrong.push(format!("{}: its server is said to be up", case.name));
        }
    }
    // Three attempts of two seconds at most, the last begun before four fifths of the interval.
    assert!(longest.0 < 12.0, "{longest:?}");
    assert_eq!(seen["good"]["health"], "ok");
    let missed = value(&in_trouble, "prometheus_rule_group_iterations_missed_total", ";good\"").unwrap_or_default();
    let told = sink.told("/notify-good/api/v2/alerts");
    let is_good = |alert: &Value| alert["labels"]["alertname"] == "good";
    assert!(told.iter().any(|told| told.body.as_array().is_some_and(|alerts| alerts.iter().any(is_good))));

    cases.iter().for_each(|case| case.set(Fault::None));
    eventually("every rule works again", Duration::from_secs(60), || async {
        rules_by_name(&ours).await.values().all(|rule| rule["health"] == "ok").then_some(())
    })
    .await;
    eventually("every notifier and every remote write has everything", Duration::from_secs(90), || async {
        let is_told = |case: &Case| {
            let told = sink.told(&format!("/notify-{}/api/v2/alerts", case.name));
            told.iter().any(|told| told.body.as_array().is_some_and(|alerts| alerts.iter().any(is_good)))
        };
        let text = metrics(&ours).await;
        let is_written = |case: &Case| {
            value(&text, "watchfire_rules_remote_write_samples_total", &format!("\"{}\"", case.name)) > Some(0.0)
        };
        cases.iter().all(|case| is_told(case) && is_written(case)).then_some(())
    })
    .await;
    let after = metrics(&ours).await;
    for case in &cases {
        let port = format!(":{}/", case.notifier.port);
        if value(&after, "prometheus_notifications_dropped_total", &port).is_none_or(|dropped| dropped > 0.0) {
            wrong.push(format!("{}: alerts were dropped ({:?})", case.name, case.fault));
        }
    }
    let peak = ours.process.peak_memory_mib();
    eprintln!(
        "{} faults three times, longest evaluation {longest:?}, {missed} missed beside, peak memory {peak} MiB",
        cases.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(missed <= 2.0, "the rule beside them missed {missed} evaluations");
    assert!(peak < 300, "{peak} MiB");
}
