//! The pages of the web UI: see the crate `ui`, which renders them. They are not among the templates that users see or replace.

/// Name and text of each page and of what pages include: `web/alerts.hbs` is `web.alerts`.
pub const ALL: &[(&str, &str)] = &[
    ("web.head", include_str!("../web/head.hbs")),
    ("web.foot", include_str!("../web/foot.hbs")),
    ("web.mistake", include_str!("../web/mistake.hbs")),
    ("web.home", include_str!("../web/home.hbs")),
    ("web.plot", include_str!("../web/plot.hbs")),
];
