//! The network side of the rule service: what performs the engine's effects, and what shows its state.

pub mod query_api;
pub mod send_alerts;
pub mod write_samples;
