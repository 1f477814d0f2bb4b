//! Real peers as child processes: found on the machine or skipped by name, ended with the test.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::conditions::eventually;

/// Debian's Prometheus.
pub const PROMETHEUS: &str = "prometheus";
/// Debian's Alertmanager.
pub const ALERTMANAGER: &str = "prometheus-alertmanager";
/// Debian's amtool.
pub const AMTOOL: &str = "amtool";

/// Whether all peers are installed. Says which is not; in CI a missing peer is a failure.
pub fn installed(test: &str, peers: &[&str]) -> bool {
    let missing: Vec<_> = peers.iter().filter(|peer| !found(peer)).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "{test}: {missing:?} must be installed in CI");
    eprintln!("skipped {test}: {missing:?} not installed");
    false
}

fn found(peer: &str) -> bool {
    match peer {
        "aiosmtpd" => Command::new("/usr/bin/python3")
            .args(["-c", "import aiosmtpd"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success()),
        program => std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file())),
    }
}

/// A child process, killed with the test; its output lies in a file and is shown if the test fails.
pub struct Process {
    child: Child,
    name: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts a program; both outputs are collected line by line.
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let outputs: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let lines = lines.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    lines.lock().unwrap().push(line);
                }
            });
        }
        Self { child, name: name.to_owned(), lines }
    }

    /// What it printed so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The most memory it has had resident, in MiB.
    pub fn peak_memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a field of the status");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }

    /// SIGKILL, and wait until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// SIGTERM, and the exit status.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill exists");
        self.child.wait().expect("a child can be waited for")
    }

    /// Any signal by name.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        Command::new("kill").args([&format!("-{signal}"), &pid]).status().expect("kill exists");
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {} printed:", self.name);
            for line in self.lines() {
                eprintln!("{line}");
            }
        }
        // Already gone is fine.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Starts our own binary with these arguments.
pub fn watchfire(args: &[String]) -> Process {
    Process::start("watchfire", Command::new(env!("CARGO_BIN_EXE_watchfire")).args(args))
}

/// Waits until a URL answers 200.
pub async fn ready(url: &str) {
    let client = client();
    eventually(url, Duration::from_secs(20), || async {
        client.get(url).send().await.ok().filter(|answer| answer.status().is_success()).map(drop)
    })
    .await;
}

/// An HTTP client for the tests.
pub fn client() -> reqwest::Client {
    watchfire::install_crypto();
    reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build().unwrap()
}

/// GET as JSON.
pub async fn get_json(url: &str) -> Value {
    client().get(url).send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
}

/// A Prometheus that scrapes `metrics` each second (none if `None`), in `folder`.
pub async fn prometheus(
    folder: &Path,
    metrics: Option<&str>,
    extra_config: &str,
    extra_args: &[&str],
) -> (Process, String) {
    let port = free_port();
    let scrape = metrics.map_or(String::new(), |target| {
        format!(
            "scrape_configs:\n- job_name: srs\n  honor_labels: true\n  scrape_interval: 1s\n  scrape_timeout: 900ms\n  static_configs:\n  - targets: ['{target}']\n"
        )
    });
    let config = folder.join("prometheus.yml");
    std::fs::write(&config, format!("global:\n  evaluation_interval: 1s\n{scrape}{extra_config}")).unwrap();
    let process = Process::start(
        PROMETHEUS,
        Command::new(PROMETHEUS)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--web.enable-remote-write-receiver", "--log.level=warn"])
            .args(extra_args),
    );
    let url = format!("http://127.0.0.1:{port}");
    ready(&format!("{url}/-/ready")).await;
    (process, url)
}
