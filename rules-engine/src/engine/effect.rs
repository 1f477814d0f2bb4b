//! What the engine wants done: the shell performs it and reports back where an id says so.

use std::fmt;
use std::sync::Arc;

use model::{Alert, Timestamp};

use crate::rule::Source;
use crate::sample::Sample;

/// Names a query until it is answered with [`Engine::queried`](super::Engine::queried). Never reused by an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(pub u64);

/// Names a write until it is reported with [`Engine::written`](super::Engine::written). Never reused by an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub u64);

/// Something to do. Effects are to be started in the order given; only those with an id are answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask the query API for `expr` at an instant.
    Query {
        /// To answer with. Several rules may wait for the one answer.
        id: QueryId,
        /// Who is asked.
        source: Arc<Source>,
        /// PromQL, as written in the rule file or by a template.
        expr: Arc<str>,
        /// The instant to evaluate at; Prometheus' precision is milliseconds.
        at: Timestamp,
        /// Report an error at this time at the latest; a little later the engine gives up by itself.
        deadline: Timestamp,
    },
    /// Store samples.
    Write {
        /// To report with.
        id: WriteId,
        /// Whether rules read the samples in this evaluation: they wait for the report, which must come once the samples
        /// can be queried. Otherwise it may come as soon as the samples are in safe keeping.
        is_awaited: bool,
        /// In order; stale markers among them.
        samples: Vec<Sample>,
        /// Report an error at this time at the latest; a little later the engine gives up by itself.
        deadline: Timestamp,
    },
    /// Hand these alerts on: first relabelling, then every notifier. Never empty.
    Send(Vec<Alert>),
    /// Remember a record, in place of an older one.
    Persist {
        /// `alert/…` or `group/…`, under whatever prefix the shell gives this engine. At most 80 bytes.
        key: String,
        /// A [`Record`](crate::record::Record) as JSON.
        value: Vec<u8>,
        /// Whether the older one would do for a moment: after a crash an alert is told once more at most.
        may_wait: bool,
    },
    /// Drop a record.
    Forget {
        /// As given with [`Effect::Persist`].
        key: String,
    },
    /// Tell the operator.
    Log(LogLine),
}

/// A line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How bad it is.
    pub level: LogLevel,
    /// `file;group`, "" if none is concerned.
    pub group: Arc<str>,
    /// The rule's name, "" if none is concerned.
    pub rule: Arc<str>,
    /// What happened.
    pub text: String,
}

/// How bad a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Good to know.
    Info,
    /// Something did not work, the rest goes on.
    Warn,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warn => "warn",
        })
    }
}
