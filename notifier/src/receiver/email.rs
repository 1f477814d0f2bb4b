//! E-mail over SMTP.

mod settings;
mod smarthost;

pub(crate) use settings::read_smarthost;
pub use settings::{EmailAuth, EmailSettings, Threading};
pub use smarthost::Smarthost;
