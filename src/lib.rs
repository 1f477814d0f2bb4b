//! Watchfire: turns alerting rules into pages. This library is what the binary, the tests and the examples share.
//!
//! - [`cli`]: the command line as written
//! - [`command`]: one file per command
//! - [`client`]: what amtool does: a client of the notifier's API
//! - [`demo`]: both halves over a scripted day
//! - [`service`]: a half of Watchfire put to work: machine, store, network
//! - [`logging`]: structured log lines
//! - [`live`]: the only clock and the loop around a machine
//! - [`reload`]: all or nothing, and by itself when a file changes; [`config_file`]: gzip and `$(NAME)`
//! - [`migrate`]: from what people run today to an equal deployment
//! - [`service_manager`]: what systemd is told
//! - [`web`]: listeners, TLS, authentication, operation endpoints
//! - [`unit_test`]: unit tests of rules
//! - [`backtest`]: history through both machines
//! - [`query`]: questions in PromQL, asked of a server or of series in memory; [`plot`]: answers drawn
//! - [`inbox`]: a local receiver for trying things out

pub mod admission;
pub mod backtest;
pub mod cli;
pub mod client;
pub mod command;
pub mod config_file;
pub mod demo;
pub mod inbox;
pub mod live;
pub mod logging;
pub mod metrics;
pub mod migrate;
pub mod plot;
pub mod process;
pub mod query;
pub mod reload;
pub mod service;
pub mod service_manager;
pub mod simulate;
pub mod terminal;
pub mod unit_test;
pub mod web;

/// Chooses the one TLS provider (ring) of the process. Call it first; calling it again does nothing.
pub fn install_crypto() {
    // Fails only if a provider is installed already, which is what is wanted.
    drop(rustls::crypto::ring::default_provider().install_default());
}
