//! The texts that settings may leave to us, by the names of their templates in both languages.

use templates::go_template::TemplateSet;
use templates::handlebars::Escaping;

/// A text that the settings leave to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shipped {
    /// Subject of a mail.
    EmailSubject,
    /// Text part of a mail.
    EmailText,
    /// HTML part of a mail.
    EmailHtml,
    /// Summary of an incident.
    PagerDutyDescription,
    /// Name of the client of an incident.
    PagerDutyClient,
    /// Link of the client of an incident.
    PagerDutyClientUrl,
    /// The firing alerts of an incident. JSON, not a template, unless redefined.
    PagerDutyFiring,
    /// The resolved alerts of an incident. JSON, not a template, unless redefined.
    PagerDutyResolved,
    /// Subject of a mail that tells of many groups.
    DigestSubject,
    /// Its text part.
    DigestText,
    /// Its HTML part.
    DigestHtml,
}

const ALL: [Shipped; 8] = [
    Shipped::EmailSubject,
    Shipped::EmailText,
    Shipped::EmailHtml,
    Shipped::PagerDutyDescription,
    Shipped::PagerDutyClient,
    Shipped::PagerDutyClientUrl,
    Shipped::PagerDutyFiring,
    Shipped::PagerDutyResolved,
];

impl Shipped {
    /// The Handlebars template of it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::EmailSubject => "email.subject",
            Self::EmailText => "email.text",
            Self::EmailHtml => "email.html",
            Self::PagerDutyDescription => "pagerduty.description",
            Self::PagerDutyClient => "pagerduty.client",
            Self::PagerDutyClientUrl => "pagerduty.client_url",
            Self::PagerDutyFiring | Self::PagerDutyResolved => "pagerduty.alerts",
            Self::DigestSubject => "digest.subject",
            Self::DigestText => "digest.text",
            Self::DigestHtml => "digest.html",
        }
    }

    /// What Alertmanager renders for it.
    pub(super) const fn go_text(self) -> &'static str {
        match self {
            Self::EmailSubject => r#"{{ template "email.default.subject" . }}"#,
            Self::EmailText => r#"{{ template "email.default.text" . }}"#,
            Self::EmailHtml => r#"{{ template "email.default.html" . }}"#,
            Self::PagerDutyDescription => r#"{{ template "pagerduty.default.description" . }}"#,
            Self::PagerDutyClient => r#"{{ template "pagerduty.default.client" . }}"#,
            Self::PagerDutyClientUrl => r#"{{ template "pagerduty.default.clientURL" . }}"#,
            Self::PagerDutyFiring => r#"{{ template "pagerduty.default.instances" .Alerts.Firing }}"#,
            Self::PagerDutyResolved => r#"{{ template "pagerduty.default.instances" .Alerts.Resolved }}"#,
            // Alertmanager has no digests.
            Self::DigestSubject | Self::DigestText | Self::DigestHtml => "",
        }
    }

    /// The Go templates that its text goes through in Alertmanager; who redefines one wants it to count.
    const fn goes_through(self) -> &'static [&'static str] {
        match self {
            Self::EmailSubject => &["email.default.subject", "__subject"],
            Self::EmailText => &["email.default.text"],
            Self::EmailHtml => &["email.default.html"],
            Self::PagerDutyDescription => &["pagerduty.default.description", "__subject"],
            Self::PagerDutyClient => &["pagerduty.default.client", "__alertmanager"],
            Self::PagerDutyClientUrl => &["pagerduty.default.clientURL", "__alertmanagerURL"],
            Self::PagerDutyFiring | Self::PagerDutyResolved => &["pagerduty.default.instances", "__text_alert_list"],
            Self::DigestSubject | Self::DigestText | Self::DigestHtml => &[],
        }
    }

    pub(super) const fn escaping(self) -> Escaping {
        match self {
            Self::EmailHtml | Self::DigestHtml => Escaping::Html,
            _ => Escaping::Text,
        }
    }

    /// The shipped texts that a user's file of Go templates redefines. `functions` is a set without templates.
    pub(super) fn redefined_by(file: &str, functions: &TemplateSet) -> Vec<Shipped> {
        let mut own = functions.clone();
        let _parses = own.add("file", file);
        let defines = |name: &&str| own.contains(name);
        ALL.into_iter().filter(|shipped| shipped.goes_through().iter().any(defines)).collect()
    }
}
