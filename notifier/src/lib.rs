//! The notifier: dedupes, groups, inhibits, silences and delivers alerts.

pub mod config;
pub mod mute_time;
pub mod notification;
pub mod receiver;
