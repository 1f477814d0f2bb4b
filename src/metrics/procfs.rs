//! What Linux says about this process: processor time, memory, files.

use std::fmt;
use std::fs::{read_dir, read_to_string};

use exposition::Page;

/// Ticks of processor time a second; Linux tells programs the same on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// Writes the metrics every client library of the family writes; those that cannot be read are left out.
pub(super) fn write(page: &mut Page<'_>) -> fmt::Result {
    if let Some(times) = Times::read() {
        page.counter("process_cpu_seconds", "Processor time used", times.cpu_seconds)?;
        page.gauge("process_start_time_seconds", "When the process started", times.started_at)?;
    }
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    for (key, name, help) in [
        ("VmRSS:", "process_resident_memory_bytes", "Memory in use"),
        ("VmSize:", "process_virtual_memory_bytes", "Address space in use"),
    ] {
        if let Some(kilobytes) = number_after(&status, key) {
            page.gauge(name, help, kilobytes * 1024.0)?;
        }
    }
    if let Some(count) = number_after(&status, "Threads:") {
        page.gauge("watchfire_process_threads", "Threads of the system", count)?;
    }
    if let Ok(files) = read_dir("/proc/self/fd") {
        // One of them is the folder itself.
        page.gauge("process_open_fds", "Open files and sockets", files.count().saturating_sub(1) as f64)?;
    }
    let limits = read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(most) = number_after(&limits, "Max open files") {
        page.gauge("process_max_fds", "Most files and sockets that may be open", most)?;
    }
    Ok(())
}

struct Times {
    cpu_seconds: f64,
    /// Unix time.
    started_at: f64,
}

impl Times {
    fn read() -> Option<Self> {
        Self::parse(&read_to_string("/proc/self/stat").ok()?, &read_to_string("/proc/stat").ok()?)
    }

    /// Fields 14, 15 and 22 of the process, and when the machine booted.
    fn parse(process: &str, machine: &str) -> Option<Self> {
        // The name before the parenthesis may hold blanks; after it comes field 3.
        let mut fields = process.rsplit_once(')')?.1.split_ascii_whitespace();
        let mut ticks = |skipped| fields.nth(skipped)?.parse::<f64>().ok();
        let (user, system, started) = (ticks(11)?, ticks(0)?, ticks(6)?);
        let booted = number_after(machine, "btime")?;
        let cpu_seconds = (user + system) / TICKS_PER_SECOND;
        Some(Self { cpu_seconds, started_at: booted + started / TICKS_PER_SECOND })
    }
}

/// The first number after a word at the beginning of a line.
fn number_after(text: &str, key: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_writes() {
        let process = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 20 0 3 0 1200 99 11";
        let times = Times::parse(process, "cpu 1 2\nbtime 1700000000\n").unwrap();
        assert_eq!((times.cpu_seconds, times.started_at), (3.0, 1_700_000_012.0));
        assert_eq!(number_after("VmSize:\t 10 kB\nVmRSS:\t  5 kB\n", "VmRSS:"), Some(5.0));
        assert!(Times::parse("", "").is_none());
    }
}
