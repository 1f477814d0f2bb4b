//! One test binary for everything that needs more than one crate.

#![allow(missing_docs, reason = "tests")]

mod conditions;
mod peers;
mod sink;
mod tidy;
