//! Handlebars templates, as files that users bring and as texts of settings, on plain text and on HTML.

use std::sync::LazyLock;

use serde_json::json;
use templates::handlebars::{Data, Escaping, Registry};

use super::text;

static SHIPPED: LazyLock<Registry> = LazyLock::new(Registry::shipped);
static DATA: LazyLock<Data> = LazyLock::new(|| {
    let alerts: Vec<_> =
        (0..20).map(|n| json!({"labels": {"alertname": "A", "n": n}, "startsAt": "2026-01-01T00:00:00Z"})).collect();
    Data::new(
        json!({"alerts": alerts, "status": "firing", "now": "2026-01-01T01:00:00Z", "externalURL": "http://w", "title": "<b>"}),
    )
});

pub fn check(data: &[u8]) {
    let Some(written) = text::text(data) else { return };
    if let Err(error) = SHIPPED.check_text("t", written) {
        text::says(&error.to_string());
        return;
    }
    for escaping in [Escaping::Text, Escaping::Html] {
        match SHIPPED.render_text("t", written, escaping, &DATA) {
            Ok(out) => assert!(out.len() <= 32 << 20),
            Err(error) => text::says(&error.to_string()),
        }
    }
}
