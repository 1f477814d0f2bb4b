//! What the system says about a process: its CPU time and its memory.

use std::fs;
use std::process::Child;
use std::time::Duration;

use anyhow::Context;

/// `utime` and `stime` are counted in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// A process that is measured; killed when dropped.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// CPU time of the process so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok()).context("utime and stime");
        Ok(TICK * (ticks(11)? + ticks(12)?))
    }

    /// CPU time so far, once the process is idle.
    pub(crate) fn cpu_when_idle(&self) -> anyhow::Result<Duration> {
        let mut before = self.cpu()?;
        for _ in 0..400 {
            std::thread::sleep(Duration::from_millis(500));
            let after = self.cpu()?;
            if after - before <= TICK {
                return Ok(after);
            }
            before = after;
        }
        Ok(before)
    }

    /// Resident memory now, in MiB.
    pub(crate) fn memory_mib(&self) -> anyhow::Result<f64> {
        self.status("VmRSS:")
    }

    /// The most resident memory since the start, in MiB.
    pub(crate) fn peak_memory_mib(&self) -> anyhow::Result<f64> {
        self.status("VmHWM:")
    }

    /// A field of the process' status that is in kB, in MiB.
    pub(crate) fn status(&self, field: &str) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)).context("a field of the status")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
