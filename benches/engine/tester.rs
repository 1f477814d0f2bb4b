//! A program that runs unit tests of rules, and what a run of it takes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

/// `cutime` and `cstime` are counted in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// A file is run again until so much time has passed, so that short runs are measured too.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// A program that is measured.
pub(crate) struct Tester {
    pub(crate) name: &'static str,
    program: &'static str,
}

/// What one run takes, on average.
pub(crate) struct Ran {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

impl Tester {
    pub(crate) const WATCHFIRE: Self = Self { name: "watchfire", program: env!("CARGO_BIN_EXE_watchfire") };
    pub(crate) const PROMTOOL: Self = Self { name: "promtool", program: "promtool" };

    pub(crate) fn is_installed(&self) -> bool {
        let version = Command::new(self.program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    }

    /// Runs a test file, again and again if it is short. Where a file is newer than promtool its verdict does not count.
    pub(crate) fn run(&self, file: &Path, must_pass: bool) -> anyhow::Result<Ran> {
        let (began, cpu_before, mut runs) = (Instant::now(), children_cpu()?, 0);
        while runs == 0 || began.elapsed() < LONG_ENOUGH {
            let status = Command::new(self.program)
                .args(["test", "rules"])
                .arg(file)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .with_context(|| format!("cannot start {}", self.name))?;
            anyhow::ensure!(!must_pass || status.success(), "{}: {} fails", self.name, file.display());
            runs += 1;
        }
        Ok(Ran { wall: began.elapsed() / runs, cpu: (children_cpu()? - cpu_before) / runs })
    }
}

/// CPU time of all children that have ended.
fn children_cpu() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok()).context("cutime and cstime");
    Ok(TICK * (ticks(13)? + ticks(14)?))
}
