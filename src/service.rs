//! A half of Watchfire put to work: its machine, its records, its network side.
//!
//! - [`storage`]: the store that both share
//! - [`rules`]: the rule service
//! - [`discovery`]: servers and notifiers that are found at run time
//! - [`io_thread`]: a thread of its own for what a half asks and hears
//! - [`namespaces`]: the rule groups that people set through its API
//! - [`notifier`]: the notifier
//! - [`alertmanager_configs`]: its configuration from AlertmanagerConfig objects
//! - [`kubernetes_targets`]: those among the objects of Kubernetes
//! - [`lanes`]: how many requests to one receiver may be under way
//! - [`ack_key`]: the key of links that acknowledge
//! - [`pages`]: the web UI over the halves that run
//! - [`delivery_metrics`]: what is counted about deliveries

pub mod ack_key;
pub mod alertmanager_configs;
pub mod delivery_metrics;
pub mod discovery;
pub mod io_thread;
pub mod kubernetes_rules;
pub mod kubernetes_targets;
pub mod lanes;
pub mod namespaces;
pub mod notifier;
mod outgoing;
pub mod pages;
pub mod rules;
pub mod storage;
