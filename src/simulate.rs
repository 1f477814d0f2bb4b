//! Both machines on virtual time: days pass in milliseconds, from a seed, with exact instants.
//!
//! - [`scenario`]: a story with its expected deliveries; `scenario_file` reads it
//! - [`series`]: values over time in Prometheus' notation
//! - [`world`]: the loop: next event, feed it, perform its effects; `query_api` and `receivers` are what lies outside
//! - [`timeline`]: what happened, readable and comparable

mod query_api;
#[cfg(test)]
mod random;
mod receivers;
pub mod scenario;
pub(crate) mod scenario_file;
pub mod series;
pub mod timeline;
pub mod world;
