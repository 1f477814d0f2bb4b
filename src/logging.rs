//! Structured log lines on standard error.

use notifier::io::api::SILENCES_LOG;
use tracing_subscriber::EnvFilter;

use crate::cli::{LogFormat, LogLevel};
use crate::web::access::audit::AUDIT_LOG;

/// Starts logging; what people do with silences only if asked for, who changed what always. Calling it again changes nothing.
pub fn start(level: LogLevel, format: LogFormat, silences: bool) {
    let level = match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    // Libraries speak up only when something is odd; sled's chatter is about its own files.
    let ours = OURS.map(|name| format!("{name}={level}")).join(",");
    let silences = if silences { "info" } else { "off" };
    let filter = EnvFilter::new(format!("warn,sled=error,{ours},{SILENCES_LOG}={silences},{AUDIT_LOG}=info"));
    let started = match format {
        LogFormat::Logfmt => tracing_logfmt::builder()
            .with_target(false)
            .subscriber_builder()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .try_init(),
        LogFormat::Json => tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .try_init(),
    };
    // An error means a subscriber (a test's) is there already.
    drop(started);
}

/// The crates whose level `--log.level` sets.
const OURS: [&str; 5] = ["watchfire", "notifier", "rules_engine", "store", "outbound"];
