//! A client of the notifier's API v2, ours or Alertmanager's, and how its answers are printed.
//!
//! - [`session`]: flags and settings files together: which notifier, how to print
//! - [`settings`]: amtool's settings files
//! - [`api`]: the requests; [`wire`]: what they carry
//! - [`argument`]: matchers and labels as words of a command line; [`duration`]
//! - [`listing`]: alerts, silences, cluster and status as text; [`table`], [`tree`], [`moment`]: the pieces
//! - [`routing`]: a routing tree drawn, and the way of an alert through it explained
//! - [`explanation`]: why an alert was told or not, and events of the history, as text
//! - [`config_diff`]: what another configuration changes, as text
//! - [`rules`]: requests to a rule service
//! - [`sample`]: a notification for templates

pub mod api;
pub mod argument;
pub mod config_diff;
pub mod duration;
pub mod explanation;
pub mod listing;
pub mod moment;
pub mod routing;
pub mod rules;
pub mod sample;
pub mod session;
pub mod settings;
pub mod table;
pub mod tree;
pub mod wire;
