//! What the tests against real peers share: a scraped page whose values a test controls, a mail server, our own process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::conditions::eventually;
use crate::peers::{Process, free_port, ready, root, watchfire};

/// A metrics page with `stream_clients_clients` by pod.
#[derive(Clone)]
pub struct Members {
    pub address: SocketAddr,
    pods: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Members {
    pub async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let members = Self { address: listener.local_addr().unwrap(), pods: Arc::default() };
        let page = members.clone();
        let router = Router::new().route("/metrics", get(move || async move { page.text() }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        members
    }

    pub fn set(&self, pod: &str, count: u32) {
        self.pods.lock().unwrap().insert(pod.to_owned(), count);
    }

    fn text(&self) -> String {
        let line = |(pod, count): (&String, &u32)| {
            format!(
                "stream_clients_clients{{container=\"json-exporter\",name=\"live\",namespace=\"stu-srs\",pod=\"{pod}\"}} {count}\n"
            )
        };
        self.pods.lock().unwrap().iter().map(line).collect()
    }
}

/// A real SMTP server with STARTTLS and AUTH.
pub struct MailServer {
    pub port: u16,
    pub ca_file: PathBuf,
    process: Process,
}

pub const MAIL_USER: &str = "watch";
pub const MAIL_PASSWORD: &str = "s3cret-mail-password";

impl MailServer {
    pub async fn start(folder: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        Self::showing(folder, (&made.cert.pem(), &made.signing_key.serialize_pem())).await
    }

    /// With this certificate and its key; `ca_file` is the certificate.
    pub async fn showing(folder: &Path, (cert_pem, key_pem): (&str, &str)) -> Self {
        let (cert, key) = (folder.join("mail.pem"), folder.join("mail.key"));
        std::fs::write(&cert, cert_pem).unwrap();
        std::fs::write(&key, key_pem).unwrap();
        let arguments = [cert.to_str().unwrap(), key.to_str().unwrap(), MAIL_USER, MAIL_PASSWORD];
        let (port, process) = Self::listening(&arguments).await;
        Self { port, ca_file: cert, process }
    }

    /// Without TLS and without login, behind whoever sees to that.
    pub async fn plain() -> Self {
        let (port, process) = Self::listening(&["--plain"]).await;
        Self { port, ca_file: PathBuf::new(), process }
    }

    async fn listening(arguments: &[&str]) -> (u16, Process) {
        let port = free_port();
        let process = Process::start(
            "aiosmtpd",
            Command::new("/usr/bin/python3")
                .arg(root().join("tests/peers/smtp_server.py"))
                .arg(port.to_string())
                .args(arguments),
        );
        eventually("the mail server listens", Duration::from_secs(10), || async {
            (!process.lines().is_empty()).then_some(())
        })
        .await;
        (port, process)
    }

    /// Every message taken so far.
    pub fn mails(&self) -> Vec<Value> {
        let lines = self.process.lines();
        lines.iter().skip(1).filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// Our process on a port of its own, with its folder.
pub struct Watchfire {
    pub url: String,
    pub process: Process,
    args: Vec<String>,
}

impl Watchfire {
    pub async fn start(command: &str, args: &[String]) -> Self {
        let port = free_port();
        let mut all = vec![command.to_owned(), format!("--web.listen-address=127.0.0.1:{port}")];
        all.extend_from_slice(args);
        let url = format!("http://127.0.0.1:{port}");
        let process = watchfire(&all);
        ready(&format!("{url}/-/ready")).await;
        Self { url, process, args: all }
    }

    /// One that a test has started by itself.
    pub const fn of(url: String, process: Process) -> Self {
        Self { url, process, args: Vec::new() }
    }

    /// A notifier with this configuration; it and the store are kept in `folder`.
    pub async fn notifier(folder: &Path, config: &str) -> Self {
        let config_file = folder.join("alertmanager.yml");
        std::fs::write(&config_file, config).unwrap();
        let config = format!("--config.file={}", config_file.display());
        Self::start("notifier", &[config, format!("--storage.path={}", folder.join("data").display())]).await
    }

    /// Alerts as `POST /api/v2/alerts` takes them.
    pub async fn post_alerts(&self, alerts: &Value) {
        let url = format!("{}/api/v2/alerts", self.url);
        crate::peers::client().post(url).json(alerts).send().await.unwrap().error_for_status().unwrap();
    }

    /// SIGKILL and start again, on the same port and store.
    pub async fn kill_and_restart(&mut self) {
        self.process.kill();
        self.process = watchfire(&self.args);
        ready(&format!("{}/-/ready", self.url)).await;
    }

    pub async fn alerts_v1(&self) -> Vec<Value> {
        let answer = crate::peers::get_json(&format!("{}/api/v1/alerts", self.url)).await;
        answer["data"]["alerts"].as_array().cloned().unwrap_or_default()
    }
}

/// The quickstart's rules with another `for`.
pub fn quickstart_rules(folder: &Path, hold: &str) -> PathBuf {
    let text = std::fs::read_to_string(root().join("examples/quickstart/rules/srs.yaml")).unwrap();
    let path = folder.join("srs.yaml");
    assert!(text.contains("for: 5m"));
    std::fs::write(&path, text.replace("for: 5m", &format!("for: {hold}"))).unwrap();
    path
}

/// A query API whose one answer a test sets: the pods that are over their limit.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<Vec<(&'static str, u32)>>>);

impl Answers {
    pub async fn open(&self) -> String {
        let answers = self.clone();
        let query = move |body: String| {
            let is_alert = body.contains("1000");
            let rows: Vec<Value> = if is_alert { answers.rows() } else { Vec::new() };
            async move { axum::Json(json!({"status": "success", "data": {"resultType": "vector", "result": rows}})) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/api/v1/query", post(query))).await });
        format!("http://{address}")
    }

    pub fn set(&self, pods: &[(&'static str, u32)]) {
        *self.0.lock().unwrap() = pods.to_vec();
    }

    fn rows(&self) -> Vec<Value> {
        let row = |(pod, value): &(&str, u32)| json!({"metric": {"pod": pod}, "value": [0, value.to_string()]});
        self.0.lock().unwrap().iter().map(row).collect()
    }
}
