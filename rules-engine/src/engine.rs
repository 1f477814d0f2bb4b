//! The machine: facts in, effects out; it owns every group.

mod effect;
mod settings;

pub use effect::{Effect, LogLevel, LogLine, QueryId, WriteId};
pub use settings::Settings;
