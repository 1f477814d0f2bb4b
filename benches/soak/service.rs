//! The program under test, with both its halves, and what the system says about it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::client::Client;
use crate::plan::Plan;
use crate::process::Running;
use crate::rules;
use crate::story::Team;

pub(crate) const GROUP_WAIT: Duration = Duration::from_secs(5);
pub(crate) const GROUP_INTERVAL: Duration = Duration::from_secs(30);

/// What is kept is dropped after minutes, not days: else half an hour would only show how it gathers.
const ARGUMENTS: &[&str] = &[
    "run",
    "--log.level=warn",
    "--alerts.gc-interval=1m",
    "--data.retention=4m",
    "--data.maintenance-interval=30s",
    "--history.retention=4m",
];

/// The running program.
pub(crate) struct Service {
    pub(crate) port: u16,
    pub(crate) log: PathBuf,
    process: Running,
    folder: tempfile::TempDir,
    /// For how long each thread waited for a processor, in nanoseconds.
    waited: HashMap<String, u64>,
}

/// What the system says.
pub(crate) struct Facts {
    pub(crate) memory_mib: f64,
    /// Of the program and its mapped files.
    pub(crate) file_mib: f64,
    pub(crate) cpu: Duration,
    pub(crate) threads: usize,
    pub(crate) files: usize,
    pub(crate) store_mib: f64,
    /// How long a thread waited for a processor at most since the last look.
    pub(crate) waited: Duration,
}

impl Service {
    pub(crate) fn start(plan: &Plan, receivers: u16, world: u16) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let place = |name: &str| folder.path().join(name);
        fs::write(place("alertmanager.yml"), config(receivers))?;
        fs::write(place("rules.yml"), rules::rule_file(plan.rules))?;
        let log = plan.out.join("watchfire.log");
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(&plan.binary)
            .args(ARGUMENTS)
            .arg(format!("--config.file={}", place("alertmanager.yml").display()))
            .arg(format!("--rule.file={}", place("rules.yml").display()))
            .arg(format!("--query.url=http://127.0.0.1:{world}"))
            .arg(format!("--remote-write.url=http://127.0.0.1:{world}/api/v1/write"))
            .arg(format!("--storage.path={}", place("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            // As the units and the image have it.
            .env("MALLOC_ARENA_MAX", "2")
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?)
            .spawn()
            .with_context(|| format!("cannot start {}", plan.binary.display()))?;
        let mut service = Self { port, log, process: Running(child), folder, waited: HashMap::new() };
        let started = Instant::now();
        while !service.is_ready() {
            let is_hopeless = service.has_ended()? || started.elapsed() > Duration::from_secs(60);
            anyhow::ensure!(!is_hopeless, "it does not get ready; see {}", service.log.display());
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(service)
    }

    fn is_ready(&self) -> bool {
        let answer = Client::connect(self.port).and_then(|mut client| client.get("/-/ready"));
        answer.is_ok_and(|answer| answer.status == 200)
    }

    pub(crate) fn facts(&mut self) -> anyhow::Result<Facts> {
        let id = self.process.0.id();
        let entries = |what: &str| anyhow::Ok(fs::read_dir(format!("/proc/{id}/{what}"))?.count());
        Ok(Facts {
            memory_mib: self.process.status("RssAnon:")?,
            file_mib: self.process.status("RssFile:")?,
            cpu: self.process.cpu()?,
            threads: entries("task")?,
            files: entries("fd")?,
            store_mib: bytes(&self.folder.path().join("data")) as f64 / f64::from(1 << 20),
            waited: self.waited(),
        })
    }

    fn waited(&mut self) -> Duration {
        let mut most = 0;
        let threads = fs::read_dir(format!("/proc/{}/task", self.process.0.id())).into_iter().flatten().flatten();
        for thread in threads {
            let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            let Some(now) = text.split(' ').nth(1).and_then(|ns| ns.parse::<u64>().ok()) else { continue };
            let before = self.waited.insert(thread.file_name().to_string_lossy().into_owned(), now);
            most = most.max(now.saturating_sub(before.unwrap_or(now)));
        }
        Duration::from_nanos(most)
    }

    /// Asks it to end, and says whether it did so in good order.
    pub(crate) fn end(mut self) -> anyhow::Result<bool> {
        let id = self.process.0.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.process.0.try_wait()? {
                return Ok(status.success());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(false)
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.process.0.try_wait()?.is_some())
    }
}

/// Of all files below.
fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => bytes(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// A route for each team and one for rules; sources inhibit what has the same service.
fn config(receivers: u16) -> String {
    let (wait, interval) = (GROUP_WAIT.as_secs(), GROUP_INTERVAL.as_secs());
    let mut text = format!(
        "route:\n  receiver: fast-0\n  group_by: [alertname, service]\n  group_wait: {wait}s\n  group_interval: \
         {interval}s\n  repeat_interval: 4h\n  routes:\n  - matchers: ['source=\"rules\"']\n    receiver: rules\n    group_by: \
         [alertname]\n"
    );
    for team in Team::ALL.map(Team::name) {
        let _ = write!(text, "  - matchers: ['team=\"{team}\"']\n    receiver: {team}\n");
    }
    text.push_str(
        "inhibit_rules:\n- source_matchers: ['alertname=\"SourceIsDown\"']\n  target_matchers: \
         ['severity=\"warning\"']\n  equal: [service]\nreceivers:\n",
    );
    for name in Team::ALL.map(Team::name).iter().chain(&["rules"]) {
        let _ = write!(text, "- name: {name}\n  webhook_configs: [{{url: 'http://127.0.0.1:{receivers}/{name}'}}]\n");
    }
    text
}
