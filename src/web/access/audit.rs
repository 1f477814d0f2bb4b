//! The book of who changed what, and who was refused: lines of the log, and of a file of their own where there is one.

mod file;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::caller::{Book, Caller, Deed};
use serde::Serialize;

use self::file::AuditFile;
use crate::live;
use crate::web::request_rate::RequestRate;
use crate::web::settings::RateLimit;

/// The target of log lines about changes.
pub const AUDIT_LOG: &str = "audit";
/// A longer text is cut.
const TEXT_BYTES_MAX: usize = 1000;
/// Refusals that are noted: who hammers at the door fills no disk.
const REFUSALS: RateLimit = RateLimit { interval: Duration::from_secs(1), burst: 30 };

/// A line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    time: String,
    action: &'a str,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    known_by: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a str>,
}

/// The book.
pub struct AuditBook {
    file: Option<AuditFile>,
    refusals: RequestRate,
    /// Refusals since the last that was noted.
    unnoted: Mutex<u64>,
    /// What was refused, 401 and 403.
    strangers: AtomicU64,
    forbidden: AtomicU64,
    lines: AtomicU64,
}

impl AuditBook {
    /// With a file beside the log, of so many bytes at most before it is put aside.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(file: Option<PathBuf>, bytes_max: u64) -> anyhow::Result<Arc<Self>> {
        let file = file.map(|path| AuditFile::open(path, bytes_max)).transpose()?;
        Ok(Arc::new(Self {
            file,
            refusals: RequestRate::new(REFUSALS, live::now()),
            unnoted: Mutex::default(),
            strangers: AtomicU64::new(0),
            forbidden: AtomicU64::new(0),
            lines: AtomicU64::new(0),
        }))
    }

    /// Notes that somebody was refused: 401 or 403.
    pub fn refused(&self, caller: &Caller, status: u16, what: &str, why: &str) {
        let count = if status == 401 { &self.strangers } else { &self.forbidden };
        count.fetch_add(1, Ordering::Relaxed);
        let mut unnoted = self.unnoted.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.refusals.allows(live::now()) {
            *unnoted += 1;
            return;
        }
        let others = match std::mem::take(&mut *unnoted) {
            0 => String::new(),
            count => format!("; {count} more refusals were not noted"),
        };
        drop(unnoted);
        let deed = Deed { failure: format!("{why}{others}"), ..Deed::new("refused", what) };
        self.write(caller, &deed, "refused");
    }

    /// Comes back once what was noted is on disk, or cannot be: that is told in the log, and holds nobody up.
    pub async fn settled(&self) {
        if let Some(file) = &self.file {
            file.settled().await;
        }
    }

    /// Requests that were refused as 401 and as 403, lines noted, and lines that could not be written to the file.
    pub fn counts(&self) -> [u64; 4] {
        let [strangers, forbidden, lines] =
            [&self.strangers, &self.forbidden, &self.lines].map(|count| count.load(Ordering::Relaxed));
        [strangers, forbidden, lines, self.file.as_ref().map_or(0, AuditFile::lost)]
    }

    fn write(&self, caller: &Caller, deed: &Deed, outcome: &str) {
        self.lines.fetch_add(1, Ordering::Relaxed);
        let address = caller.address.map(|address| address.to_string());
        let line = Line {
            time: live::now().to_rfc3339_millis(),
            action: deed.action,
            outcome,
            by: caller.name.as_deref().map(cut),
            known_by: caller.known_by.as_str(),
            role: caller.role.as_str(),
            address: address.as_deref(),
            id: given(&deed.id),
            about: given(&deed.about),
            until: given(&deed.until),
            comment: given(&deed.comment),
            claimed: given(&deed.claimed),
            failure: given(&deed.failure),
        };
        let Line { action, by, known_by, role, address, id, about, until, comment, claimed, failure, .. } = &line;
        tracing::info!(
            target: AUDIT_LOG, action, outcome, by, known_by, role, address, id, about, until, comment, claimed, failure, "audit"
        );
        if let Some(file) = &self.file {
            // Texts can always be written.
            file.write(serde_json::to_vec(&line).unwrap_or_default());
        }
    }
}

impl Book for AuditBook {
    fn note(&self, caller: &Caller, deed: &Deed) {
        self.write(caller, deed, if deed.failure.is_empty() { "done" } else { "failed" });
    }
}

fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then(|| cut(text))
}

fn cut(text: &str) -> &str {
    let end = (0..=text.len().min(TEXT_BYTES_MAX)).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_done_is_a_line_and_old_lines_are_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let book = AuditBook::open(Some(path.clone()), 2000).unwrap();
        let ann = Caller { name: Some("ann\n\"x\"".into()), signs: true, ..Caller::anybody() };
        for n in 0..10 {
            book.note(&ann, &Deed { comment: "é".repeat(400), ..Deed::new("silence_set", n.to_string()) });
        }
        book.refused(&Caller::anybody(), 401, "GET /", "unknown");
        book.settled().await;
        let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
        let (now, before) = (read(&path), read(&folder.path().join("audit.jsonl.1")));
        assert!(now.len() <= 4000 && before.len() <= 4000 && !before.is_empty());
        let last: serde_json::Value = serde_json::from_str(now.lines().last().unwrap()).unwrap();
        assert_eq!((&last["action"], &last["outcome"]), (&"refused".into(), &"refused".into()));
        for line in now.lines().chain(before.lines()) {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(line["action"] == "refused" || line["by"] == "ann\n\"x\"", "{line}");
        }
        assert_eq!(book.counts(), [1, 0, 11, 0]);
    }

    #[tokio::test]
    async fn who_hammers_at_the_door_fills_no_log() {
        let book = AuditBook::open(None, 1).unwrap();
        for _ in 0..1000 {
            book.refused(&Caller::anybody(), 403, "POST /-/quit", "no");
        }
        let [_, forbidden, lines, _] = book.counts();
        assert!(forbidden == 1000 && lines < 100, "{lines}");
    }
}
