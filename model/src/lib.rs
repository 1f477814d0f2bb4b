//! The words both halves of Watchfire share. No I/O, no `async`, no clock, no serde.
//!
//! In reading order:
//! - [`timestamp`]: an instant, and arithmetic on it; deliberately without `now()`
//! - [`duration`]: `1h30m`, parsed and printed as Prometheus does
//! - [`labels`]: a sorted label set and its fingerprint
//! - [`difference`]: texts that are alike, told by what differs
//! - [`quote`]: text in quotes, as Go writes and reads it
//! - [`pattern`]: regular expressions as Go's RE2 reads them
//! - [`matcher`]: `=` `!=` `=~` `!~`
//! - [`alert`]: an alert as it crosses from rules to notifier
//! - [`backoff`]: when to try again
//! - [`caller`]: who asks, what they may do, and of which alerts
//! - [`source`]: files, positions, and every mistake found in them

pub mod alert;
pub mod backoff;
pub mod caller;
pub mod difference;
pub mod duration;
pub mod labels;
pub mod matcher;
pub mod pattern;
pub mod quote;
pub mod source;
pub mod timestamp;

pub use alert::Alert;
pub use caller::Caller;
pub use labels::LabelSet;
pub use matcher::{MatchOp, Matcher};
pub use timestamp::{ClockStep, Timestamp};
