//! A half of Watchfire put to work: its machine, its records, its network side.
//!
//! - [`storage`]: the store that both share
//! - [`rules`]: the rule service
//! - [`discovery`]: servers and notifiers that are found at run time
//! - [`namespaces`]: the rule groups that people set through its API
//! - [`notifier`]: the notifier
//! - [`lanes`]: how many requests to one receiver may be under way
//! - [`delivery_metrics`]: what is counted about deliveries

pub mod delivery_metrics;
pub mod discovery;
pub mod lanes;
pub mod namespaces;
pub mod notifier;
mod outgoing;
pub mod rules;
pub mod storage;
