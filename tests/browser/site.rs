//! What the pages are looked at with: one `watchfire run` with alerts, silences, rules and receivers of every sort.

use serde_json::{Value, json};

use crate::conditions::eventually;
use crate::peers::{client, get_json};
use crate::query_api;
use crate::sink::Sink;
use crate::stage::Watchfire;

use crate::browser::SOON;

const RULES: &str = r#"groups:
- name: streams
  interval: 1s
  rules:
  - alert: StreamDown
    expr: up_streams < 100
    labels: {team: video, severity: warning, cluster: eu-1}
    annotations:
      summary: 'Only {{ $value }} streams on {{ $labels.pod }}'
      description: 'Viewers of {{ $labels.pod }} see a still picture.'
      runbook_url: https://runbooks.example.com/streams
  - alert: NeverSo
    expr: up_streams > 1e9 and never
    for: 10m
  - {record: 'streams:sum', expr: sum(up_streams)}
- name: quiet
  interval: 1m
  rules:
  - alert: DiskFull
    expr: never_full > 0.9
"#;

fn config(sink: &Sink) -> String {
    format!(
        r#"global: {{resolve_timeout: 6h}}
route:
  receiver: everybody
  group_by: [alertname, cluster]
  group_wait: 100ms
  group_interval: 2s
  routes:
  - matchers: [team="video"]
    receiver: video
    continue: true
    routes:
    - matchers: [severity="critical"]
      receiver: video-pager
      group_wait: 200ms
      repeat_interval: 30m
    - matchers: [severity=~"info|debug"]
      receiver: nobody
  - matchers: [team="storage"]
    receiver: storage
  - matchers: [team="night"]
    receiver: storage
    mute_time_intervals: [always]
  - matchers: [team="lost"]
    receiver: lost
receivers:
- name: everybody
  webhook_configs: [{{url: '{everybody}'}}]
- name: video
  webhook_configs: [{{url: '{video}'}}]
- name: video-pager
  webhook_configs: [{{url: '{pager}', http_config: {{authorization: {{credentials: hush-token}}}}}}]
- name: storage
  webhook_configs: [{{url: '{storage}'}}]
- name: lost
  webhook_configs: [{{url: 'http://127.0.0.1:1/lost'}}]
- name: nobody
inhibit_rules:
- source_matchers: [alertname="ClusterDown"]
  target_matchers: [severity="info"]
  equal: [cluster]
time_intervals:
- name: always
  time_intervals: [{{weekdays: ['sunday:saturday']}}]
"#,
        everybody = sink.url("/everybody"),
        video = sink.url("/video"),
        pager = sink.url("/pager"),
        storage = sink.url("/storage"),
    )
}

/// A running process with its receivers.
pub struct Site {
    pub ours: Watchfire,
    pub sink: Sink,
    _folder: tempfile::TempDir,
}

impl Site {
    /// Without alerts, but those of the rules.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sink = Sink::open().await;
        let query = query_api::open().await;
        let (rules, file) = (folder.path().join("rules.yml"), folder.path().join("alertmanager.yml"));
        std::fs::write(&rules, RULES).unwrap();
        std::fs::write(&file, config(&sink)).unwrap();
        let args = [
            format!("--config.file={}", file.display()),
            format!("--rule.file={}", rules.display()),
            format!("--query.url={query}"),
            format!("--storage.path={}", folder.path().join("data").display()),
        ];
        let ours = Watchfire::start("run", &args).await;
        Self { ours, sink, _folder: folder }
    }

    /// With alerts in every state, each told or hidden already.
    pub async fn populated() -> Self {
        let site = Self::start().await;
        site.silence(r#"alertname="HighLatency""#, "edge-2 is being replaced", 7200).await;
        site.silence(r#"alertname="Gone""#, "over soon", 3600).await;
        let mut alerts = Vec::new();
        for instance in ["db-1", "db-2", "db-3"] {
            alerts.push(json!({
                "labels": {"alertname": "ReplicationLag", "team": "storage", "severity": "critical", "cluster": "eu-1", "instance": instance},
                "annotations": {"summary": format!("{instance} is 40 s behind"), "runbook_url": "https://runbooks.example.com/lag"},
                "generatorURL": "https://prometheus.example.com/graph?g0.expr=lag%3E30",
            }));
        }
        for (name, severity, cluster) in [
            ("HighLatency", "warning", "eu-2"),
            ("ClusterDown", "critical", "eu-3"),
            ("SlowPods", "info", "eu-3"),
            ("EncoderStuck", "critical", "eu-1"),
        ] {
            alerts.push(json!({
                "labels": {"alertname": name, "team": "video", "severity": severity, "cluster": cluster},
                "annotations": {"summary": format!("{name} in {cluster}")},
            }));
        }
        alerts.push(json!({"labels": {"alertname": "BatchLate", "team": "night", "severity": "warning"}}));
        alerts.push(json!({"labels": {"alertname": "NobodyHears", "team": "lost", "severity": "warning"}}));
        site.post_alerts(&Value::from(alerts)).await;
        site.sink.wait_told("/video", 1, SOON).await;
        site.sink.wait_told("/pager", 2, SOON).await;
        eventually("the rule's alerts are there and something failed", SOON, || async {
            let alerts = get_json(&format!("{}/api/v2/alerts?filter=alertname=StreamDown", site.ours.url)).await;
            let failed = get_json(&format!("{}/api/v2/history?event=failed", site.ours.url)).await;
            (alerts.as_array()?.len() == 3 && !failed.as_array()?.is_empty()).then_some(())
        })
        .await;
        site
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.ours.url)
    }

    pub async fn post_alerts(&self, alerts: &Value) {
        let answer = client().post(self.url("/api/v2/alerts")).json(alerts).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// One alert that fires, with these labels.
    pub async fn fire(&self, labels: Value) {
        self.post_alerts(&json!([{"labels": labels}])).await;
    }

    /// Sets a silence through the API.
    pub async fn silence(&self, matcher: &str, comment: &str, seconds: i64) -> String {
        let (name, value) = matcher.split_once('=').unwrap();
        let answer = self.post_silence(&[(name, value.trim_matches('"'))], comment, "ann", seconds).await;
        let answer: Value = answer.error_for_status().unwrap().json().await.unwrap();
        answer["silenceID"].as_str().unwrap().to_owned()
    }

    /// Sets a silence unless it is refused.
    pub async fn try_silence(&self, labels: &[(&str, &str)], comment: &str, by: &str) {
        let answer = self.post_silence(labels, comment, by, 3600).await;
        assert!(!answer.status().is_server_error(), "{}", answer.text().await.unwrap());
    }

    async fn post_silence(&self, labels: &[(&str, &str)], comment: &str, by: &str, seconds: i64) -> reqwest::Response {
        let at = |more: i64| {
            #[expect(clippy::cast_possible_truncation, reason = "seconds of our time")]
            let now = crate::conditions::unix_now() as i64;
            model::Timestamp::from_secs(now + more).to_rfc3339()
        };
        let matcher =
            |(name, value): &(&str, &str)| json!({"name": name, "value": value, "isRegex": false, "isEqual": true});
        let silence = json!({
            "matchers": labels.iter().map(matcher).collect::<Vec<_>>(),
            "startsAt": at(0), "endsAt": at(seconds), "createdBy": by, "comment": comment,
        });
        client().post(self.url("/api/v2/silences")).json(&silence).send().await.unwrap()
    }

    /// What the API says of a list.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        get_json(&self.url(path)).await.as_array().cloned().unwrap()
    }
}
