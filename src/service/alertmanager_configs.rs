//! The notifier's configuration from AlertmanagerConfig objects.

pub mod acceptance;
