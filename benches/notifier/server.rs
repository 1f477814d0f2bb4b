//! A notifier as a child process, and what the system says about it.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::client::Client;
use crate::process::Running;

/// A program that is measured.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
}

/// A running peer.
pub(crate) struct Server {
    pub(crate) port: u16,
    /// From exec to the first good answer of `/-/ready`.
    pub(crate) ready_after: Duration,
    pub(crate) process: Running,
    _folder: tempfile::TempDir,
}

impl Peer {
    pub(crate) const WATCHFIRE: Self = Self {
        name: "watchfire",
        program: env!("CARGO_BIN_EXE_watchfire"),
        arguments: &["notifier", "--log.level=error"],
    };
    pub(crate) const ALERTMANAGER: Self = Self {
        name: "prometheus-alertmanager",
        program: "prometheus-alertmanager",
        arguments: &["--log.level=error", "--cluster.listen-address="],
    };

    pub(crate) fn is_installed(&self) -> bool {
        let version = Command::new(self.program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    }

    /// Starts it with a configuration and an empty store on disk.
    pub(crate) fn start(&self, config: &str) -> anyhow::Result<Server> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("alertmanager.yml");
        fs::write(&file, config)?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let started = Instant::now();
        let child = Command::new(self.program)
            .args(self.arguments)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", self.name))?;
        let mut server = Server { port, ready_after: Duration::ZERO, process: Running(child), _folder: folder };
        while !server.is_ready() {
            anyhow::ensure!(started.elapsed() < Duration::from_secs(20), "{} does not get ready", self.name);
            std::thread::sleep(Duration::from_millis(1));
        }
        server.ready_after = started.elapsed();
        Ok(server)
    }
}

impl Server {
    fn is_ready(&self) -> bool {
        let answer = Client::connect(self.port).and_then(|mut client| client.get("/-/ready"));
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// CPU time that some work costs, until the process is idle again.
    pub(crate) fn cost(&self, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
        let before = self.process.cpu_when_idle()?;
        work()?;
        Ok(self.process.cpu_when_idle()? - before)
    }
}
