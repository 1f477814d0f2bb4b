//! The network side of the notifier: its API, its deliveries, its metrics.
//!
//! - [`desk`]: how the network side reaches the machine
//! - [`api`]: Alertmanager's API v2
//! - [`metrics`]: what is counted, under Alertmanager's names

pub mod api;
pub mod desk;
pub mod metrics;
