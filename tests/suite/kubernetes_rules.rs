//! PrometheusRules of a cluster as rules of a running rule service: they follow within a moment, whatever the API server does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use serde_json::{Value, json};

use crate::api_server::{ApiServer, yaml_value};
use crate::conditions::{eventually, nothing_for, stopwatch};
use crate::peers::{client, get_json, installed, root};
use crate::stage::Watchfire;

mod schema;

/// What is promised is two seconds; a loaded machine gets more.
const PATIENCE: Duration = Duration::from_secs(30);

/// A query API in whose answers everything is up, once.
async fn query_api() -> String {
    let answer = json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {"pod": "a"}, "value": [0, "1"]}]}});
    let router = Router::new().route("/api/v1/query", post(move || async move { axum::Json(answer) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// A rule service that follows a cluster.
struct Stage {
    server: ApiServer,
    watchfire: Watchfire,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn open(server: ApiServer, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut args = vec![
            format!("--kubernetes.kubeconfig={}", server.kubeconfig(folder.path(), "monitoring").display()),
            format!("--query.url={}", query_api().await),
            format!("--storage.path={}", folder.path().join("data").display()),
            "--evaluation.interval=100ms".to_owned(),
        ];
        args.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let watchfire = Watchfire::start("rules", &args).await;
        Self { server, watchfire, _folder: folder }
    }

    /// The expressions in force, by object and name of the rule.
    async fn in_force(&self) -> BTreeMap<(String, String), String> {
        let rules = self.rules().await;
        rules.into_iter().map(|(key, rule)| (key, rule["query"].as_str().unwrap().to_owned())).collect()
    }

    /// Every rule, by object and name.
    async fn rules(&self) -> BTreeMap<(String, String), Value> {
        let page = get_json(&format!("{}/api/v1/rules", self.watchfire.url)).await;
        let mut found = BTreeMap::new();
        for group in page["data"]["groups"].as_array().unwrap() {
            let file = group["file"].as_str().unwrap();
            for rule in group["rules"].as_array().unwrap() {
                found.insert((object_of(file), rule["name"].as_str().unwrap().to_owned()), rule.clone());
            }
        }
        found
    }

    /// Waits until just these are in force; how long it took.
    async fn until(&self, what: &str, expected: &[(&str, &str, &str)]) -> Duration {
        let expected: BTreeMap<_, _> = expected
            .iter()
            .map(|(object, name, expr)| (((*object).to_owned(), (*name).to_owned()), (*expr).to_owned()))
            .collect();
        let begun = stopwatch();
        eventually(what, PATIENCE, || async { (self.in_force().await == expected).then_some(()) }).await;
        let took = begun.elapsed();
        eprintln!("{what}: {} ms", took.as_millis());
        took
    }

    async fn metric(&self, line: &str) -> Option<f64> {
        let page = client().get(format!("{}/metrics", self.watchfire.url)).send().await.unwrap().text().await.unwrap();
        page.lines().find_map(|one| one.strip_prefix(line)?.trim().parse().ok())
    }

    async fn until_metric(&self, line: &str, expected: f64) {
        eventually(line, PATIENCE, || async { (self.metric(line).await == Some(expected)).then_some(()) }).await;
    }
}

/// `kubernetes/NAMESPACE-NAME-UID.yaml` without the uid, which has a fixed length.
fn object_of(file: &str) -> String {
    let name = file.strip_prefix("kubernetes/").unwrap().strip_suffix(".yaml").unwrap();
    name[..name.len() - "-00000000-0000-4000-8000-000000000000".len()].to_owned()
}

fn rule(namespace: &str, name: &str, team: &str, rules: &Value) -> Value {
    json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",
        "metadata": {"namespace": namespace, "name": name, "labels": {"team": team}},
        "spec": {"groups": [{"name": "g", "rules": rules}]}})
}

fn record(expr: &str) -> Value {
    json!([{"record": "r", "expr": expr}])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_running_groups_follow_the_objects() {
    let server = ApiServer::open().await;
    server.put_namespace("prod", &[("env", "prod")]);
    server.put_namespace("test", &[("env", "test")]);
    let waiting = json!([{"alert": "Waits", "expr": "up", "for": "1h"}]);
    server.put(&rule("prod", "steady", "a", &waiting));
    let flags = ["--kubernetes.rule-selector=team=a", "--kubernetes.rule-namespace-selector=env=prod"];
    let stage = Stage::open(server, &flags).await;
    let steady = ("prod-steady", "Waits", "up");
    let mut slowest = stage.until("the objects there are at the start", &[steady]).await;
    let active_at = || async {
        let alerts = stage.watchfire.alerts_v1().await;
        alerts.first().map(|alert| alert["activeAt"].as_str().unwrap().to_owned())
    };
    let since = eventually("the alert waits", PATIENCE, active_at).await;

    let server = &stage.server;
    let mut step = async |what: &str, expected: &[(&str, &str, &str)]| {
        slowest = slowest.max(stage.until(what, expected).await);
    };
    server.put(&rule("prod", "web", "a", &record("a")));
    step("added", &[steady, ("prod-web", "r", "a")]).await;
    server.put(&rule("prod", "web", "a", &record("b")));
    step("changed", &[steady, ("prod-web", "r", "b")]).await;
    server.put(&rule("prod", "web", "b", &record("b")));
    step("relabelled out of the selector", &[steady]).await;
    server.put(&rule("prod", "web", "a", &record("b")));
    step("relabelled into the selector", &[steady, ("prod-web", "r", "b")]).await;
    server.put(&rule("test", "web", "a", &record("c")));
    server.put(&rule("prod", "other", "a", &record("d")));
    step(
        "one of two is in a namespace that is not selected",
        &[steady, ("prod-other", "r", "d"), ("prod-web", "r", "b")],
    )
    .await;
    server.put_namespace("test", &[("env", "prod")]);
    step(
        "its namespace is relabelled",
        &[steady, ("prod-other", "r", "d"), ("prod-web", "r", "b"), ("test-web", "r", "c")],
    )
    .await;
    server.put_namespace("test", &[]);
    step("and again", &[steady, ("prod-other", "r", "d"), ("prod-web", "r", "b")]).await;

    server.put(&rule("prod", "web", "a", &record("rate(b)")));
    server.put(&rule("prod", "other", "a", &record("e")));
    step(
        "made invalid: the last good version stays, the others go on",
        &[steady, ("prod-other", "r", "e"), ("prod-web", "r", "b")],
    )
    .await;
    stage.until_metric("watchfire_kubernetes_prometheus_rules{state=\"refused\"}", 1.0).await;
    stage.until_metric("watchfire_kubernetes_prometheus_rule_refused{namespace=\"prod\",name=\"web\"}", 1.0).await;
    let event = eventually("an Event", PATIENCE, || async { server.objects("events").first().cloned() }).await;
    assert_eq!((&event["reason"], &event["type"]), (&json!("InvalidConfiguration"), &json!("Warning")));
    assert_eq!(event["regarding"]["name"], "web");
    assert!(event["note"].as_str().unwrap().contains("group \"g\", rule 1 \"r\""), "{event}");
    server.put(&rule("prod", "web", "a", &record("f")));
    step("mended", &[steady, ("prod-other", "r", "e"), ("prod-web", "r", "f")]).await;
    server.delete("prometheusrules", "prod", "web");
    server.delete("prometheusrules", "prod", "other");
    step("deleted", &[steady]).await;

    assert_eq!(active_at().await, Some(since), "the rule that nobody changed kept its state");
    stage.until_metric("watchfire_kubernetes_connected{resource=\"prometheusrules\"}", 1.0).await;
    eprintln!("the slowest of these took {} ms; 2 s are promised", slowest.as_millis());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_rule_is_lost_over_a_thousand_disconnects() {
    let server = ApiServer::open().await;
    let waiting = json!([{"alert": "Waits", "expr": "up", "for": "1h"}]);
    server.put(&rule("prod", "steady", "a", &waiting));
    let flags = ["--kubernetes.rule-selector=", "--kubernetes.rule-namespace-selector="];
    let stage = Stage::open(server, &flags).await;
    stage.until("the object", &[("prod-steady", "Waits", "up")]).await;
    let active_at = || async { stage.watchfire.alerts_v1().await.first().map(|alert| alert["activeAt"].clone()) };
    let since = eventually("the alert waits", PATIENCE, active_at).await;

    let mut chance = fastrand::Rng::with_seed(20_261_122);
    let (begun, mut broken, mut changes) = (stopwatch(), 0, 0);
    while broken < 1_000 {
        for _ in 0..chance.usize(..3) {
            let name = format!("rule-{}", chance.usize(..20));
            match stage.server.get("prometheusrules", "prod", &name) {
                Some(_) if chance.usize(..3) == 0 => stage.server.delete("prometheusrules", "prod", &name),
                _ => drop(stage.server.put(&rule("prod", &name, "a", &record(&format!("x{changes}"))))),
            }
            changes += 1;
        }
        match chance.usize(..30) {
            0 => stage.server.compact(),
            1 => stage.server.cut_next_event(),
            _ => {}
        }
        // mostly a watch is broken, now and then a list or what opens one
        if chance.usize(..4) > 0 {
            eventually("a watch", PATIENCE, || async { (stage.server.open_watches() > 0).then_some(()) }).await;
            stage.server.put(&rule("prod", "rule-0", "a", &record(&format!("x{changes}"))));
        }
        nothing_for(Duration::from_millis(chance.u64(..10))).await;
        broken += stage.server.disconnect();
        if chance.usize(..25) == 0 {
            let there = stage.in_force().await;
            assert!(there.contains_key(&("prod-steady".to_owned(), "Waits".to_owned())), "{there:?}");
        }
    }
    let took = begun.elapsed();
    let objects = stage.server.objects("prometheusrules");
    let expected: BTreeMap<_, _> = objects
        .iter()
        .map(|object| {
            let (name, rule) = (object["metadata"]["name"].as_str().unwrap(), &object["spec"]["groups"][0]["rules"][0]);
            let of_rule = rule["alert"].as_str().or(rule["record"].as_str()).unwrap();
            ((format!("prod-{name}"), of_rule.to_owned()), rule["expr"].as_str().unwrap().to_owned())
        })
        .collect();
    let settled = stopwatch();
    eventually("every rule as it is", PATIENCE, || async { (stage.in_force().await == expected).then_some(()) }).await;
    assert_eq!(active_at().await, Some(since), "the rule that nobody changed kept its state");
    eprintln!(
        "{broken} broken connections and {changes} changes in {took:?}; {} rules as they are {} ms later",
        expected.len(),
        settled.elapsed().as_millis()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_evaluated_after_a_restart_while_the_api_server_is_away() {
    let server = ApiServer::open().await;
    server.put_namespace("prod", &[("env", "prod")]);
    server.put(&rule("prod", "web", "a", &record("a")));
    server.put(&rule("prod", "gone-soon", "a", &record("b")));
    let flags = ["--kubernetes.rule-selector=", "--kubernetes.rule-namespace-selector=env=prod"];
    let mut stage = Stage::open(server, &flags).await;
    let both = [("prod-gone-soon", "r", "b"), ("prod-web", "r", "a")];
    stage.until("both", &both).await;
    stage.server.put(&rule("prod", "web", "a", &record("rate(a)")));
    stage.until_metric("watchfire_kubernetes_prometheus_rules{state=\"refused\"}", 1.0).await;
    stage.server.close().await;
    stage.until_metric("watchfire_kubernetes_connected{resource=\"prometheusrules\"}", 0.0).await;
    stage.until("still both", &both).await;

    stage.watchfire.kill_and_restart().await;
    stage.until("both again, the last good version of the one that is invalid", &both).await;
    eventually("and they are evaluated", PATIENCE, || async {
        stage.rules().await.values().all(|rule| rule["health"] == "ok").then_some(())
    })
    .await;
    assert_eq!(stage.metric("watchfire_kubernetes_synced{resource=\"prometheusrules\"}").await, Some(0.0));

    stage.server.delete("prometheusrules", "prod", "gone-soon");
    stage.server.put(&rule("prod", "web", "a", &record("c")));
    stage.server.open_again().await;
    stage.until("what happened meanwhile", &[("prod-web", "r", "c")]).await;
    stage.until_metric("watchfire_kubernetes_synced{resource=\"prometheusrules\"}", 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_change_to_the_first_evaluation_of_the_new_rule() {
    let server = ApiServer::open().await;
    server.put(&rule("monitoring", "web", "a", &record("a")));
    let stage = Stage::open(server, &["--kubernetes.rule-selector="]).await;
    stage.until("the object", &[("monitoring-web", "r", "a")]).await;
    let mut took: Vec<Duration> = Vec::new();
    for number in 0..10 {
        let begun = stopwatch();
        stage.server.put(&rule("monitoring", "web", "a", &record(&format!("x{number}"))));
        eventually("the first evaluation", PATIENCE, || async {
            let rules = stage.rules().await;
            let rule = rules.values().next().filter(|rule| rule["query"] == format!("x{number}"))?;
            (rule["health"] == "ok").then_some(())
        })
        .await;
        took.push(begun.elapsed());
    }
    took.sort();
    eprintln!(
        "from an object's change to the first evaluation, at an interval of 100 ms: median {} ms, slowest {} ms",
        took[5].as_millis(),
        took[9].as_millis()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_rights_and_a_missing_definition_are_waited_out() {
    let server = ApiServer::open().await;
    server.withdraw("prometheusrules");
    let stage = Stage::open(server, &["--kubernetes.rule-selector="]).await;
    let failures = "watchfire_kubernetes_request_failures_total{resource=\"prometheusrules\",reason=\"not_found\"}";
    eventually("404 is counted", PATIENCE, || async { stage.metric(failures).await.filter(|count| *count >= 1.0) })
        .await;
    let ready = client().get(format!("{}/-/ready", stage.watchfire.url)).send().await.unwrap();
    assert!(ready.status().is_success(), "a cluster without the definition keeps nothing else from working");
    let log = stage.watchfire.process.lines().join("\n");
    assert!(log.contains("is its custom resource definition installed?"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_with_a_lease_one_reports_and_the_other_takes_over() {
    let server = ApiServer::open().await;
    server.put(&rule("monitoring", "bad", "a", &record("rate(a)")));
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, "kubernetes: {ruleSelector: {}, lease: watchfire-rules}\n").unwrap();
    let flag = format!("--config.file={}", config.display());
    let stages = [Stage::open(server.clone(), &[&flag]).await, Stage::open(server.clone(), &[&flag]).await];
    for stage in &stages {
        stage.until_metric("watchfire_kubernetes_prometheus_rules{state=\"refused\"}", 1.0).await;
    }
    let of_object =
        |name: &str| server.objects("events").iter().filter(|event| event["regarding"]["name"] == name).count();
    eventually("an Event", PATIENCE, || async { (of_object("bad") > 0).then_some(()) }).await;
    let holder = || server.get("leases", "monitoring", "watchfire-rules").unwrap()["spec"]["holderIdentity"].clone();
    let (first, renewed) = (holder(), server.requests().len());
    eventually("some attempts of both", PATIENCE, || async {
        let asked = server.requests().into_iter().skip(renewed).filter(|asked| asked.path.contains("leases"));
        (asked.count() > 6).then_some(())
    })
    .await;
    assert_eq!((holder(), of_object("bad")), (first.clone(), 1), "both found it, one told of it");

    let told = "watchfire_kubernetes_reports_total{kind=\"event\"}";
    let leader = if stages[0].metric(told).await == Some(1.0) { 0 } else { 1 };
    let mut stages = stages;
    stages[leader].watchfire.process.kill();
    server.put(&rule("monitoring", "worse", "a", &record("rate(b)")));
    let begun = stopwatch();
    eventually("the other takes over and tells", Duration::from_secs(60), || async {
        (of_object("worse") > 0).then_some(())
    })
    .await;
    assert_ne!(holder(), first);
    eprintln!("a Lease changed hands {} ms after its holder was killed", begun.elapsed().as_millis());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enforced_namespace_reaches_the_rules_in_force() {
    let server = ApiServer::open().await;
    server.put(&rule("monitoring", "web", "a", &record("sum(up) / count(up{namespace=\"other\"})")));
    server.put(&rule("monitoring", "free", "a", &record("up")));
    let flags = [
        "--kubernetes.rule-selector=",
        "--kubernetes.enforced-namespace-label=namespace",
        "--kubernetes.exclude-from-enforcement=monitoring/free",
    ];
    let stage = Stage::open(server, &flags).await;
    let enforced = "sum(up{namespace=\"monitoring\"}) / count(up{namespace=\"monitoring\"})";
    stage.until("both", &[("monitoring-free", "r", "up"), ("monitoring-web", "r", enforced)]).await;
    let rules = stage.rules().await;
    assert_eq!(rules[&("monitoring-web".to_owned(), "r".to_owned())]["labels"], json!({"namespace": "monitoring"}));
}

/// The objects of the corpus, and a few that promtool refuses.
fn corpus() -> Option<Vec<Value>> {
    let folder = root().join("../shared/corpus");
    let mut objects = Vec::new();
    for pattern in ["prometheusrules/*/*.yaml", "rules/rulefmt/*.yaml", "rules/promtool/*.yml"] {
        for path in glob::glob(&folder.join(pattern).display().to_string()).unwrap() {
            let path = path.unwrap();
            let Ok(value) = std::panic::catch_unwind(|| yaml_value(&std::fs::read_to_string(&path).unwrap())) else {
                continue;
            };
            let name = path.file_stem().unwrap().to_str().unwrap().to_lowercase().replace(['_', '.'], "-");
            match value["kind"].as_str() {
                Some(_) => objects.push(value),
                // two names in one file cannot be an object: the API server refuses it
                None if value["groups"].is_array() && !name.contains("duplicate") => {
                    objects.push(json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",
                        "metadata": {"namespace": "corpus", "name": name}, "spec": {"groups": value["groups"]}}));
                }
                None => {}
            }
        }
    }
    (!objects.is_empty()).then_some(objects)
}

/// What promtool says about an object's groups.
fn is_good(object: &Value, folder: &Path) -> bool {
    let path = folder.join("rules.json");
    std::fs::write(&path, json!({"groups": object["spec"]["groups"]}).to_string()).unwrap();
    let output = Command::new("promtool").args(["check", "rules", "--lint=none"]).arg(&path).output().unwrap();
    output.status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_object_of_the_corpus_gets_promtools_verdict_and_a_status_the_definition_allows() {
    let test = "every_object_of_the_corpus_gets_promtools_verdict_and_a_status_the_definition_allows";
    let Some(objects) = corpus() else { return eprintln!("skipped {test}: no corpus beside the project") };
    if !installed(test, &["promtool"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::open().await;
    let mut expected = BTreeMap::new();
    for object in &objects {
        let put = server.put(object);
        let metadata = &put["metadata"];
        let name = format!("{}/{}", metadata["namespace"].as_str().unwrap(), metadata["name"].as_str().unwrap());
        // Debian's promtool is older than what these are about: features of PromQL, names in UTF-8
        let is_newer = ["features", "utf-8-annotation-good", "legacy-validation-annotation-bad"];
        let is_newer = is_newer.iter().any(|newer| name.ends_with(newer));
        let good = if is_newer { !name.ends_with("features") } else { is_good(object, folder.path()) };
        expected.insert(name, good);
    }
    let config = folder.path().join("prometheus.yml");
    let section = "kubernetes:\n  ruleSelector: {}\n  ruleNamespaceSelector: {}\n  reportsFor: {resource: prometheuses, namespace: monitoring, name: k8s}\n";
    std::fs::write(&config, section).unwrap();
    let stage = Stage::open(server, &[&format!("--config.file={}", config.display())]).await;
    let status =
        |object: &Value| object["status"]["bindings"][0]["conditions"][0]["status"].as_str().map(|text| text == "True");
    let told = eventually("a status of every object", PATIENCE, || async {
        let found = stage.server.objects("prometheusrules");
        let told: BTreeMap<_, _> = found
            .iter()
            .filter_map(|object| {
                let metadata = &object["metadata"];
                let name = format!("{}/{}", metadata["namespace"].as_str()?, metadata["name"].as_str()?);
                Some((name, status(object)?))
            })
            .collect();
        (told.len() == expected.len()).then_some(told)
    })
    .await;
    let different: Vec<_> = told.iter().filter(|(name, good)| expected[*name] != **good).collect();
    assert!(different.is_empty(), "another verdict than promtool's: {different:?}");
    let (good, bad): (Vec<&bool>, Vec<&bool>) = told.values().partition(|good| **good);
    eprintln!("{} objects accepted and {} refused, as by promtool", good.len(), bad.len());
    assert!(good.len() > 5 && bad.len() > 5);

    let groups: BTreeSet<String> = stage.rules().await.into_keys().map(|(object, _)| object).collect();
    assert!(groups.iter().all(|object| told.iter().any(|(name, good)| *good && name.replace('/', "-") == *object)));
    let definition = root().join("../shared/corpus/crds/monitoring.coreos.com_prometheusrules.yaml");
    let definition = yaml_value(&std::fs::read_to_string(definition).unwrap());
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
    for object in stage.server.objects("prometheusrules") {
        let mistakes = schema::mistakes(schema, &object["status"]);
        assert!(mistakes.is_empty(), "{}: {mistakes:?}", object["metadata"]["name"]);
    }
}
