//! The templates that come with Watchfire.

/// Name and text of each.
pub(super) const TEMPLATES: [(&str, &str); 13] = [
    ("subject", include_str!("../../subject.hbs")),
    ("email.subject", include_str!("../../email/subject.hbs")),
    ("email.text", include_str!("../../email/text.hbs")),
    ("email.html", include_str!("../../email/html.hbs")),
    ("email.alert_text", include_str!("../../email/alert_text.hbs")),
    ("email.alert_html", include_str!("../../email/alert_html.hbs")),
    ("pagerduty.description", include_str!("../../pagerduty/description.hbs")),
    ("pagerduty.client", include_str!("../../pagerduty/client.hbs")),
    ("pagerduty.client_url", include_str!("../../pagerduty/client_url.hbs")),
    ("digest.subject", include_str!("../../digest/subject.hbs")),
    ("digest.text", include_str!("../../digest/text.hbs")),
    ("digest.html", include_str!("../../digest/html.hbs")),
    ("ack.page", include_str!("../../ack/page.hbs")),
];
