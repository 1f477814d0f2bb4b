//! The network side of the rule service: what performs the engine's effects, and what shows its state.

pub mod api;
pub mod discovery;
pub mod metrics;
pub mod query_api;
pub mod send_alerts;
pub mod state;
pub mod write_queue;
pub mod write_samples;

#[cfg(test)]
mod peer;
