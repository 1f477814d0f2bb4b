//! Grafana's calls, and mimirtool's: the requests they make, and the statuses and shapes they look for in the answers.

use std::time::Duration;

use serde_json::Value;

use crate::conditions::eventually;
use crate::peers::client;
use crate::stage::{Answers, Watchfire};

const SOON: Duration = Duration::from_secs(20);

const FILE_RULES: &str = "groups:
- name: from-file
  interval: 1s
  rules:
  - alert: Crowded
    expr: clients > 1000
    for: 10m
    labels: {severity: page}
    annotations: {summary: '{{ $labels.pod }} has {{ $value }}'}
  - {record: 'clients:sum', expr: sum(clients)}
";

/// What Grafana's editor posts.
const GROUP: &str = "name: from grafana\ninterval: 1s\nrules:\n  - alert: Crowded
    expr: clients > 1000\n    for: 5m\n    labels:\n      severity: page\n    annotations:\n      summary: \"{{ $value }} clients\"\n";

struct Asked {
    status: u16,
    content_type: String,
    text: String,
}

async fn ask(method: &str, url: &str, body: &str) -> Asked {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = client().request(method, url).header("content-type", "application/yaml");
    // A tenant is sent along by whoever has one configured, and means nothing here.
    let answer = request.header("x-scope-orgid", "anonymous").body(body.to_owned()).send().await.unwrap();
    let content_type = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let (status, content_type) = (answer.status().as_u16(), content_type.unwrap_or_default());
    Asked { status, content_type, text: answer.text().await.unwrap() }
}

async fn start(folder: &std::path::Path, query: &str, more: &[&str]) -> Watchfire {
    let rules = folder.join("rules.yml");
    std::fs::write(&rules, FILE_RULES).unwrap();
    let mut args = vec![
        format!("--rule.file={}", rules.display()),
        format!("--query.url={query}"),
        format!("--storage.path={}", folder.join("data").display()),
    ];
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    Watchfire::start("rules", &args).await
}

/// One request of a table: method, path, body; status, content type, and what the answer holds.
type Call<'a> = (&'a str, &'a str, &'a str, u16, &'a str, &'a [&'a str]);

async fn check(ours: &Watchfire, calls: &[Call<'_>]) {
    for (method, path, body, status, content_type, holds) in calls {
        let answer = ask(method, &format!("{}{path}", ours.url), body).await;
        assert_eq!(answer.status, *status, "{method} {path}: {}", answer.text);
        assert_eq!(answer.content_type, *content_type, "{method} {path}: {}", answer.text);
        for part in *holds {
            assert!(answer.text.contains(part), "{method} {path} lacks {part:?}: {}", answer.text);
        }
    }
}

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const TEXT: &str = "text/plain; charset=utf-8";

/// A data source whose rules are read only: Grafana sees Prometheus.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_rule_service_looks_like_prometheus() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::default();
    answers.set(&[("edge", 1200)]);
    let ours = start(folder.path(), &answers.open().await, &[]).await;
    eventually("pending", SOON, || async { ours.alerts_v1().await.into_iter().next() }).await;

    let build = ask("GET", &format!("{}/api/v1/status/buildinfo", ours.url), "").await;
    let build: Value = serde_json::from_str(&build.text).unwrap();
    assert_eq!(build["data"].get("features"), None, "Grafana takes who has features for Mimir: {build}");
    let alert = "{\"labels\":{\"alertname\":\"Crowded\",\"pod\":\"edge\",\"severity\":\"page\"},\"annotations\":{\"summary\":\"edge has 1200\"},\"state\":\"pending\",\"activeAt\":\"";
    check(
        &ours,
        &[
            // Grafana takes whoever answers this for Thanos.
            ("GET", "/api/v1/status/flags", "", 404, TEXT, &["page not found"]),
            (
                "GET",
                "/api/v1/rules",
                "",
                200,
                JSON,
                &["{\"status\":\"success\",\"data\":{\"groups\":[{\"name\":\"from-file\",\"file\":\"", alert],
            ),
            ("GET", "/prometheus/api/v1/rules", "", 200, JSON, &[alert]),
            ("GET", "/api/v1/rules?type=alert&exclude_alerts=true", "", 200, JSON, &["\"alerts\":null"]),
            ("GET", "/api/v1/rules?group_limit=40", "", 200, JSON, &["from-file"]),
            (
                "GET",
                "/api/v1/rules?rule_group[]=none",
                "",
                200,
                JSON,
                &["{\"status\":\"success\",\"data\":{\"groups\":[]}}"],
            ),
            ("GET", "/api/v1/rules?group_limit=x", "", 400, JSON, &["\"errorType\":\"bad_data\""]),
            ("GET", "/api/v1/alerts", "", 200, JSON, &[alert, "\"value\":\"1.2e+03\""]),
            (
                "GET",
                "/api/v1/alertmanagers",
                "",
                200,
                JSON,
                &["{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}"],
            ),
            ("POST", "/config/v1/rules/ns", GROUP, 403, TEXT, &["--rules.enable-api"]),
            ("DELETE", "/config/v1/rules/ns/g", "", 403, TEXT, &["--rules.enable-api"]),
        ],
    )
    .await;
}

/// The calls of Grafana's rule editor on a data source of flavour Mimir, and of mimirtool and lokitool.
#[tokio::test(flavor = "multi_thread")]
async fn rules_are_edited_as_in_mimir() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::default();
    answers.set(&[("edge", 1200)]);
    let query = answers.open().await;
    let mut ours = start(folder.path(), &query, &["--rules.enable-api"]).await;
    let file = folder.path().join("rules.yml").display().to_string();
    let in_file = format!("/config/v1/rules/{}", file.replace('/', "%2F"));
    let shown =
        "name: from grafana\ninterval: 1s\nrules:\n    - alert: Crowded\n      expr: clients > 1000\n      for: 5m\n";
    check(
        &ours,
        &[
            (
                "GET",
                "/api/v1/status/buildinfo",
                "",
                200,
                JSON,
                &["\"application\":\"Grafana Mimir\"", "\"features\":{\"ruler_config_api\":\"true\"}"],
            ),
            // How Grafana finds out whether there is such an API at all.
            ("GET", "/config/v1/rules/test/test", "", 404, TEXT, &["group does not exist"]),
            ("GET", "/config/v1/rules", "", 200, YAML, &[&format!("{file}:\n    - name: from-file\n")]),
            ("GET", "/config/v1/rules/none", "", 404, TEXT, &["no rule groups found"]),
            (
                "POST",
                "/config/v1/rules/team%2Fa",
                GROUP,
                202,
                JSON,
                &["{\"status\":\"success\",\"data\":null,\"errorType\":\"\",\"error\":\"\"}"],
            ),
            ("GET", "/config/v1/rules/team%2Fa/from%20grafana", "", 200, YAML, &[shown]),
            (
                "GET",
                "/config/v1/rules/team%2Fa",
                "",
                200,
                YAML,
                &["team/a:\n    - name: from grafana\n      interval: 1s\n"],
            ),
            ("GET", "/prometheus/config/v1/rules", "", 200, YAML, &["team/a:\n", &file]),
            ("GET", "/loki/api/v1/rules/team%2Fa/from%20grafana", "", 200, YAML, &[shown]),
            ("GET", "/api/prom/rules", "", 200, YAML, &["team/a:\n"]),
            ("GET", "/api/v1/rules/team%2Fa/from%20grafana", "", 200, YAML, &[shown]),
            ("GET", "/api/v1/rules?file[]=team/a", "", 200, JSON, &["\"name\":\"from grafana\",\"file\":\"team/a\""]),
            // Mistakes, each with its place; nothing changes.
            (
                "POST",
                "/config/v1/rules/team%2Fa",
                "name: from grafana\nrules:\n- {alert: A, expr: 'up =='}\n",
                400,
                TEXT,
                &["rule group:3:", "rule 1 \"A\""],
            ),
            ("POST", "/config/v1/rules/team%2Fa", "", 400, TEXT, &["expected a rule group"]),
            ("POST", &in_file, GROUP, 403, TEXT, &["come from a rule file"]),
            ("DELETE", &in_file, "", 403, TEXT, &["come from a rule file"]),
            ("DELETE", "/config/v1/rules/team%2Fa/none", "", 404, TEXT, &["group does not exist"]),
            ("DELETE", "/config/v1/rules/none", "", 404, TEXT, &["group namespace does not exist"]),
            ("GET", "/config/v1/rules/team%2Fa/from%20grafana", "", 200, YAML, &[shown]),
        ],
    )
    .await;

    // Evaluated at once, and what is known of an alert outlives a change of its rule and a kill.
    let of_set = async |ours: &Watchfire| {
        let alerts = ours.alerts_v1().await;
        alerts
            .into_iter()
            .find(|alert| alert["annotations"]["summary"].as_str().is_some_and(|text| text.contains("clients")))
    };
    let active_at = |alert: &Value| alert["activeAt"].as_str().unwrap().to_owned();
    let first = eventually("the new rule has an alert", SOON, || of_set(&ours)).await;
    let changed = GROUP.replace("{{ $value }} clients", "{{ $value }} clients!");
    check(&ours, &[("POST", "/config/v1/rules/team%2Fa", &changed, 202, JSON, &[])]).await;
    ours.kill_and_restart().await;
    let after = eventually("the changed rule is there after a kill", SOON, || async {
        of_set(&ours).await.filter(|alert| alert["annotations"]["summary"] == "1200 clients!")
    })
    .await;
    assert_eq!(active_at(&after), active_at(&first), "`for` goes on");

    check(
        &ours,
        &[
            ("POST", "/config/v1/rules/b", "name: x\nrules: [{record: r, expr: up}]\n", 202, JSON, &[]),
            ("POST", "/config/v1/rules/b", "name: yy\nrules: [{record: r, expr: up}]\n", 202, JSON, &[]),
            ("DELETE", "/config/v1/rules/b/x", "", 202, JSON, &["success"]),
            ("GET", "/config/v1/rules/b", "", 200, YAML, &["b:\n    - name: yy\n"]),
            ("DELETE", "/config/v1/rules/b", "", 202, JSON, &["success"]),
            ("DELETE", "/config/v1/rules/team%2Fa", "", 202, JSON, &["success"]),
            ("GET", "/config/v1/rules/team%2Fa", "", 404, TEXT, &["no rule groups found"]),
        ],
    )
    .await;
    assert!(of_set(&ours).await.is_none(), "gone with its rule");
    ours.kill_and_restart().await;
    check(
        &ours,
        &[("GET", "/config/v1/rules/b", "", 404, TEXT, &[]), ("GET", &in_file, "", 200, YAML, &["from-file"])],
    )
    .await;
}
