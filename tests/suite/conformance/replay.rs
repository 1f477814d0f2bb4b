//! One scenario, played in real time against our notifier.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::block_in_place;

use super::comparison::Comparison;
use super::log::Log;
use super::placeholders::Placeholders;
use super::scenario::{Action, Request, Scenario, Silence};
use super::{Manner, Ports, amtool, exceptions, http_sink, smtp_sink};
use crate::conditions::{eventually, nothing_for, unix_now};
use crate::peers::{Process, client, free_port, watchfire};

/// Between readiness and t0.
const LEAD_SECS: f64 = 0.3;
const START_DEADLINE: Duration = Duration::from_secs(30);

/// Plays it; answers what differs from the recording.
pub async fn replay(scenario: &Scenario, manner: Manner, verbose: bool) -> Vec<String> {
    let log = Arc::new(Log::new(scenario.faults.clone()));
    let mut stage = Stage::set(scenario, manner, &log).await;
    let started = stage.start().await;
    if started != "ready" || scenario.expected.started != "ready" {
        let text = format!("started: expected {}, was {started}\n{}", scenario.expected.started, stage.printed());
        return if started == scenario.expected.started { Vec::new() } else { vec![text] };
    }
    stage.placeholders.t0 = unix_now() + LEAD_SECS;
    log.begin(stage.placeholders.t0);
    let mut responses = Vec::new();
    for entry in &scenario.timeline {
        stage.wait_until(entry.t).await;
        responses.extend(stage.act(&entry.action).await);
    }
    stage.wait_until(scenario.duration).await;
    let deliveries = log.deliveries();
    let printed = stage.printed();
    let mut comparison = Comparison::new(scenario, &mut stage.placeholders);
    for (expected, actual) in scenario.expected.responses.iter().zip(&responses) {
        comparison.response(expected, actual);
    }
    comparison.deliveries(&deliveries);
    let mut differences = comparison.differences();
    if responses.len() != scenario.expected.responses.len() {
        differences.push(format!("{} responses expected, {} seen", scenario.expected.responses.len(), responses.len()));
    }
    if verbose {
        differences.push(format!("the notifier printed:\n{printed}"));
    }
    differences
}

/// What a scenario plays on.
struct Stage<'a> {
    scenario: &'a Scenario,
    manner: Manner,
    folder: TempDir,
    url: String,
    placeholders: Placeholders,
    process: Option<Process>,
    http: Client,
}

impl<'a> Stage<'a> {
    async fn set(scenario: &'a Scenario, manner: Manner, log: &Arc<Log>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sink = http_sink::open(log.clone()).await;
        let smtp = smtp_sink::open(scenario.smtp.clone(), log.clone()).await;
        let ports = Ports { notifier: free_port(), sink, smtp };
        let placeholders = Placeholders::new(ports, folder.path());
        let url = format!("http://127.0.0.1:{}", ports.notifier);
        let stage = Self { scenario, manner, folder, url, placeholders, process: None, http: client() };
        stage.write(Some(&scenario.config), &scenario.files);
        stage
    }

    fn write(&self, config: Option<&String>, files: &BTreeMap<String, String>) {
        if let Some(config) = config {
            std::fs::write(self.folder.path().join("alertmanager.yml"), self.placeholders.fill(config)).unwrap();
        }
        for (name, text) in files {
            std::fs::write(self.folder.path().join(name), self.placeholders.fill(text)).unwrap();
        }
    }

    /// Starts the notifier; `ready`, or how it ended.
    async fn start(&mut self) -> String {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let mut args = vec![
            "notifier".to_owned(),
            format!("--config.file={}", path("alertmanager.yml")),
            format!("--storage.path={}", path("data")),
            format!("--web.listen-address={}", self.url.trim_start_matches("http://")),
            "--cluster.listen-address=".to_owned(),
            "--log.level=debug".to_owned(),
        ];
        args.extend(exceptions::mode(&self.scenario.id).map(|feature| format!("--enable-feature={feature}")));
        if self.manner == Manner::Alertmanagers {
            args.push("--compat=alertmanager".to_owned());
        }
        args.extend(self.scenario.args.iter().map(|arg| self.placeholders.fill(arg)));
        let process = self.process.insert(watchfire(&args));
        let ready = format!("{}/-/ready", self.url);
        let http = self.http.clone();
        let shared = std::sync::Mutex::new(process);
        eventually("ready or gone", START_DEADLINE, || async {
            if let Some(status) = shared.lock().unwrap().ended() {
                return Some(if status.success() { "exit, success" } else { "exit, failure status" }.to_owned());
            }
            http.get(&ready).send().await.ok().filter(|answer| answer.status().is_success()).map(|_| "ready".to_owned())
        })
        .await
    }

    fn printed(&self) -> String {
        self.process.as_ref().map_or_else(String::new, |process| process.lines().join("\n"))
    }

    async fn wait_until(&self, t: f64) {
        nothing_for(Duration::from_secs_f64((self.placeholders.t0 + t - unix_now()).max(0.0))).await;
    }

    /// Does it; answers what came back, in the shape of the recording, if anything does.
    async fn act(&mut self, action: &Action) -> Option<Value> {
        match action {
            Action::Alerts { alerts } => Some(self.post("/api/v2/alerts", &self.alerts(alerts)).await),
            Action::Silence(silence) => Some(self.silence(silence, None).await),
            Action::SilenceUpdate(silence) => {
                let id = self.placeholders.silence(&silence.name).to_owned();
                let mut response = self.silence(silence, Some(&id)).await;
                response["same_id"] = json!(id == self.placeholders.silence(&silence.name));
                Some(response)
            }
            Action::SilenceExpire { name } => {
                let path = format!("/api/v2/silence/{}", self.placeholders.silence(name));
                Some(self.request(&request("DELETE", &path), &[]).await)
            }
            Action::Get { path, contains } => Some(self.request(&request("GET", path), contains).await),
            Action::Http(request) => Some(self.request(request, &[]).await),
            Action::Reload { config, files, via } => {
                self.write(config.as_ref(), files);
                Some(match via.as_deref() {
                    Some("hup") => self.hang_up().await,
                    _ => self.request(&request("POST", "/-/reload"), &[]).await,
                })
            }
            Action::TryConfig { config } => {
                self.write(Some(config), &BTreeMap::new());
                Some(self.request(&request("POST", "/-/reload"), &[]).await)
            }
            Action::Restart { how } => {
                let stopped = self.stop(how.as_deref());
                assert_eq!(self.start().await, "ready");
                stopped
            }
            Action::Stop { how } => self.stop(how.as_deref()),
            Action::Start => {
                assert_eq!(self.start().await, "ready");
                None
            }
            Action::Amtool(call) => {
                let args: Vec<String> = call.args.iter().map(|arg| self.placeholders.fill(arg)).collect();
                let response = block_in_place(|| amtool::run(call, &args, &self.url, self.folder.path()));
                if let (Some(name), Some(id)) = (&call.handle, response["out"][0].as_str()) {
                    self.placeholders.learn_silence(name, id);
                }
                Some(response)
            }
            Action::ProbeAlive => Some(self.alive()),
        }
    }

    fn stop(&mut self, how: Option<&str>) -> Option<Value> {
        let process = self.process.as_mut().expect("a notifier runs");
        if how == Some("kill") {
            block_in_place(|| process.kill());
            return None;
        }
        Some(json!({"code": block_in_place(|| process.terminate()).code()}))
    }

    async fn hang_up(&mut self) -> Value {
        self.process.as_ref().expect("a notifier runs").signal("HUP");
        // Long enough to die of it.
        nothing_for(Duration::from_millis(150)).await;
        self.alive()
    }

    fn alive(&mut self) -> Value {
        json!({"alive": self.process.as_mut().is_some_and(|process| process.ended().is_none())})
    }

    fn alerts(&self, alerts: &Value) -> Value {
        let mut alerts = self.placeholders.fill_times(alerts);
        for alert in alerts.as_array_mut().unwrap() {
            for key in ["startsAt", "endsAt"] {
                if let Some(time) = alert.get_mut(key) {
                    *time = self.placeholders.time(time);
                }
            }
        }
        alerts
    }

    async fn silence(&mut self, silence: &Silence, id: Option<&str>) -> Value {
        let mut body = json!({
            "matchers": silence.matchers,
            "startsAt": self.placeholders.time(&silence.starts_at),
            "endsAt": self.placeholders.time(&silence.ends_at),
            "createdBy": silence.created_by,
            "comment": silence.comment,
        });
        if let Some(id) = id {
            body["id"] = json!(id);
        }
        let response = self.post("/api/v2/silences", &body).await;
        if let Some(id) = response["body"]["json"]["silenceID"].as_str() {
            self.placeholders.learn_silence(&silence.name, id);
        }
        response
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.request(&Request { data: Some(body.clone()), ..request("POST", path) }, &[]).await
    }

    async fn request(&self, request: &Request, contains: &[String]) -> Value {
        let method: Method = request.method.parse().unwrap();
        let mut builder = self.http.request(method, format!("{}{}", self.url, self.placeholders.fill(&request.path)));
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(data) = &request.data {
            let ctype = request.ctype.as_deref().unwrap_or("application/json");
            if !ctype.is_empty() {
                builder = builder.header("content-type", ctype);
            }
            builder = builder.body(match data {
                Value::String(text) => self.placeholders.fill(text),
                other => self.placeholders.fill_times(other).to_string(),
            });
        }
        match builder.send().await {
            Ok(answer) => response(answer, contains).await,
            Err(error) => json!({"status": null, "body": format!("{error:#}")}),
        }
    }
}

fn request(method: &str, path: &str) -> Request {
    Request { method: method.to_owned(), path: path.to_owned(), data: None, ctype: None, headers: BTreeMap::new() }
}

async fn response(answer: reqwest::Response, contains: &[String]) -> Value {
    let status = answer.status().as_u16();
    let ctype = answer.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let ctype = ctype.split(';').next().unwrap_or_default().trim().to_owned();
    let text = answer.text().await.unwrap_or_default();
    let parsed = serde_json::from_str::<Value>(&text).ok();
    // `<` may be escaped in JSON but need not be.
    let plain = parsed.as_ref().map_or_else(|| text.clone(), Value::to_string);
    let contained: BTreeMap<_, _> = contains.iter().map(|part| (part, plain.contains(part.as_str()))).collect();
    let body = parsed.map_or_else(|| json!({"text": text}), |body| json!({"json": body}));
    json!({"status": status, "ctype": ctype, "body": body, "contains": contained})
}
