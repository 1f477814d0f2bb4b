//! The store as its users see it: models, crashes, damage.

#![expect(clippy::print_stderr, reason = "figures and skipped parts are told")]
#![expect(clippy::unwrap_used, reason = "these are tests, including what lies outside their #[test] functions")]

mod basics;
mod crash;
mod damage;
mod failing_disk;
mod many_records;
mod model;
mod power_cut;
mod recovery;
mod seeded;
