//! The rule service: evaluates recording and alerting rules on schedule.

pub mod outbox;
pub mod relabel;
pub mod rule;
pub mod sample;
pub mod engine;
pub mod tally;
