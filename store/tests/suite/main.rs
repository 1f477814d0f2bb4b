//! The store as its users see it: models, crashes, damage.

#![expect(clippy::print_stderr, reason = "figures and skipped parts are told")]

mod basics;
