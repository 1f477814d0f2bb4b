//! Figures for metrics.

/// The store's figures; counters count since it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Number of records.
    pub records: u64,
    /// Bytes of the database on disk and of its journal, without exports.
    pub bytes: u64,
    /// Number of the last logical commit; continues over restarts.
    pub generation: u64,
    /// Batches made durable.
    pub commits: u64,
    /// Flushes that made them durable; lower than `commits` where several shared one.
    pub flushes: u64,
    /// Flushes that failed.
    pub failures: u64,
    /// Batches and requests waiting for the writer.
    pub queue_length: usize,
    /// Most that can wait; beyond it, callers wait.
    pub queue_capacity: usize,
    /// Changed records that could not be written and are kept for the next flush that works.
    pub backlog_records: usize,
    /// Their size in bytes.
    pub backlog_bytes: usize,
    /// Changes dropped because the backlog was full.
    pub dropped: u64,
    /// Times damaged data was found and set aside, the opening included.
    pub recoveries: u64,
    /// Records that whoever owns them could not read, and left as they are.
    pub left_out: u64,
    /// Exports written.
    pub exports: u64,
    /// The last failure's message, until a flush works again.
    pub last_error: Option<String>,
}
