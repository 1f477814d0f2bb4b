//! An alert as it crosses from rules to notifier.

use std::sync::Arc;

use crate::{LabelSet, Timestamp};

/// An alert as a source states it: the body of `POST /api/v2/alerts` and what the rule service hands over in-process.
///
/// Identity is the label set alone. A source re-sends it while it fires; it is resolved once `ends_at` has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Who it is; never empty, no empty values.
    pub labels: LabelSet,
    /// What it says; not part of identity.
    pub annotations: LabelSet,
    /// When it began to fire. Absent: the receiver takes its own now.
    pub starts_at: Option<Timestamp>,
    /// When it is to be taken for resolved. Absent: now + `resolve_timeout`.
    pub ends_at: Option<Timestamp>,
    /// Link to the expression that caused it; may be empty.
    pub generator_url: Arc<str>,
}
