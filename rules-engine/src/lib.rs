//! The rule service: evaluates recording and alerting rules on schedule.

pub mod rule;
