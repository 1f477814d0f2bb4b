//! The network side of the notifier: its API, its deliveries, its metrics.
//!
//! - [`desk`]: how the network side reaches the machine
//! - [`asking`]: who sent a request
//! - [`acknowledging`]: alerts taken on for somebody who waits for the answer
//! - [`ack_page`]: the page behind the link of a mail
//! - [`api`]: Alertmanager's API v2
//! - [`silencing`]: silences set and ended, and stored when that is said
//! - [`archive`]: the history, read from the store
//! - [`deliver`]: what receivers are told, sent
//! - [`trial`]: a sample sent through a receiver, or only rendered
//! - [`explaining`]: why alerts were told or not
//! - [`metrics`]: what is counted, under Alertmanager's names

pub mod ack_page;
pub mod acknowledging;
pub mod api;
pub mod archive;
pub mod asking;
pub mod deliver;
pub mod desk;
pub mod explaining;
pub mod metrics;
pub mod silencing;
pub mod trial;
