//! The pages of the web UI: see the crate `ui`, which renders them. They are not among the templates that users see or replace.

/// Name and text of each page and of what pages include: `web/alerts.hbs` is `web.alerts`.
pub const ALL: &[(&str, &str)] = &[
    ("web.head", include_str!("../web/head.hbs")),
    ("web.foot", include_str!("../web/foot.hbs")),
    ("web.mistake", include_str!("../web/mistake.hbs")),
    ("web.alerts", include_str!("../web/alerts.hbs")),
    ("web.alert", include_str!("../web/alert.hbs")),
    ("web.alerts_head", include_str!("../web/alerts_head.hbs")),
    ("web.alert_card", include_str!("../web/alert_card.hbs")),
    ("web.home", include_str!("../web/home.hbs")),
    ("web.routing", include_str!("../web/routing.hbs")),
    ("web.change", include_str!("../web/change.hbs")),
    ("web.history", include_str!("../web/history.hbs")),
    ("web.status", include_str!("../web/status.hbs")),
    ("web.trial", include_str!("../web/trial.hbs")),
    ("web.silences", include_str!("../web/silences.hbs")),
    ("web.silence_card", include_str!("../web/silence_card.hbs")),
    ("web.silence", include_str!("../web/silence.hbs")),
    ("web.silence_form", include_str!("../web/silence_form.hbs")),
    ("web.silence_outcome", include_str!("../web/silence_outcome.hbs")),
    ("web.silence_alerts", include_str!("../web/silence_alerts.hbs")),
    ("web.silence_occurrences", include_str!("../web/silence_occurrences.hbs")),
    ("web.rules", include_str!("../web/rules.hbs")),
    ("web.rule", include_str!("../web/rule.hbs")),
    ("web.plot", include_str!("../web/plot.hbs")),
];
