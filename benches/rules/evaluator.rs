//! A rule service as a child process.

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
    /// `{rules}`, `{world}`, `{port}`, `{data}` and `{resend}` are filled in.
    arguments: &'static [&'static str],
    /// Asks for the version.
    version: &'static str,
}

/// A running peer.
pub(crate) struct Evaluator {
    pub(crate) process: Running,
    _folder: tempfile::TempDir,
}

impl Peer {
    pub(crate) const WATCHFIRE: Self = Self {
        name: "watchfire",
        program: env!("CARGO_BIN_EXE_watchfire"),
        arguments: &[
            "rules",
            "--log.level=error",
            "--rule.file={rules}",
            "--query.url=http://127.0.0.1:{world}",
            "--remote-write.url=http://127.0.0.1:{world}/api/v1/write",
            "--notifier.url=http://127.0.0.1:{world}",
            "--rules.alert.resend-delay={resend}s",
            "--storage.path={data}",
            "--web.listen-address=127.0.0.1:{port}",
        ],
        version: "--version",
    };
    /// It resends at each evaluation unless told otherwise; here both do so once in the time that is measured.
    pub(crate) const VMALERT: Self = Self {
        name: "vmalert",
        program: "vmalert",
        arguments: &[
            "-loggerLevel=ERROR",
            "-rule={rules}",
            "-datasource.url=http://127.0.0.1:{world}",
            "-remoteWrite.url=http://127.0.0.1:{world}",
            "-notifier.url=http://127.0.0.1:{world}",
            "-rule.resendDelay={resend}s",
            "-httpListenAddr=127.0.0.1:{port}",
        ],
        version: "-version",
    };

    pub(crate) fn is_installed(&self) -> bool {
        let version = Command::new(self.program).arg(self.version).stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    }

    /// Starts it with these rules and an empty store; `world` is the port of everything around it. Alerts that go on firing
    /// are sent again after so many seconds.
    pub(crate) fn start(&self, rules: &str, world: u16, resend_secs: u64) -> anyhow::Result<Evaluator> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("rules.yml");
        fs::write(&file, rules)?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let fill = |argument: &&str| {
            argument
                .replace("{rules}", &file.display().to_string())
                .replace("{data}", &folder.path().join("data").display().to_string())
                .replace("{world}", &world.to_string())
                .replace("{resend}", &resend_secs.to_string())
                .replace("{port}", &port.to_string())
        };
        let child = Command::new(self.program)
            .args(self.arguments.iter().map(fill))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", self.name))?;
        let evaluator = Evaluator { process: Running(child), _folder: folder };
        let started = Instant::now();
        while !is_up(port) {
            anyhow::ensure!(started.elapsed() < Duration::from_secs(30), "{} does not get ready", self.name);
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(evaluator)
    }
}

fn is_up(port: u16) -> bool {
    let answer = Client::connect(port).and_then(|mut client| client.get("/metrics"));
    answer.is_ok_and(|answer| answer.status == 200)
}
