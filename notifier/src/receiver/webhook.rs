//! Webhooks: an HTTP POST of JSON.

mod settings;

pub use settings::WebhookSettings;
