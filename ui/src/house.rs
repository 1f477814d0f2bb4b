//! What pages are made of.

use std::fmt;
use std::sync::{Arc, OnceLock};

use model::matcher::parse::ParseMode;
use model::{Caller, Timestamp};
use rules_engine::io::api::preview::Previewing;
use rules_engine::io::state::RulesState;
use templates::handlebars::Registry;
use tokio::sync::watch;

use crate::alerts::Viewers;
use crate::form::FormKey;

/// The rule service as pages see it.
pub trait RuleDesk: RulesState + Previewing {}

impl<T: RulesState + Previewing> RuleDesk for T {}

/// The halves that run in this process, and what pages need beside them.
pub struct House<N, R> {
    /// The notifier, where it runs.
    pub notifier: Option<Arc<N>>,
    /// The rule service, where it runs.
    pub rules: Option<Arc<R>>,
    /// The time.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// What links in messages begin with, without slash at the end.
    pub external_url: String,
    /// Our version.
    pub version: &'static str,
    /// How matchers that people write are read.
    pub matcher_mode: ParseMode,
    /// Signs forms.
    pub form_key: FormKey,
    /// Turns true when the process ends: what streams must end then.
    pub ended: watch::Receiver<bool>,
    /// Who looks at alerts as they change.
    pub viewers: Arc<Viewers>,
    /// What `/metrics` says, once the process is ready.
    pub figures: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    /// Compiled when the first page is asked for.
    pub pages: OnceLock<Registry>,
}

/// An entry of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Alerts in groups.
    Alerts,
    /// Silences and schedules.
    Silences,
    /// Rule groups.
    Rules,
    /// The tree of routes.
    Routing,
    /// What was notified.
    History,
    /// Configuration and health.
    Status,
}

impl Section {
    /// In their order.
    pub const ALL: [Self; 6] = [Self::Alerts, Self::Silences, Self::Rules, Self::Routing, Self::History, Self::Status];

    /// The first part of its paths.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Silences => "silences",
            Self::Rules => "rules",
            Self::Routing => "routing",
            Self::History => "history",
            Self::Status => "status",
        }
    }

    /// As the navigation calls it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Alerts => "Alerts",
            Self::Silences => "Silences",
            Self::Rules => "Rules",
            Self::Routing => "Routing",
            Self::History => "History",
            Self::Status => "Status",
        }
    }

    /// The keys that lead there.
    pub const fn keys(self) -> &'static str {
        match self {
            Self::Alerts => "g a",
            Self::Silences => "g s",
            Self::Rules => "g r",
            Self::Routing => "g o",
            Self::History => "g h",
            Self::Status => "g t",
        }
    }

    /// Whether somebody may look there: who is concerned with some alerts only sees what can be shown of these alone.
    pub fn is_for(self, caller: &Caller) -> bool {
        !caller.is_scoped() || matches!(self, Self::Alerts | Self::Silences | Self::History)
    }

    const fn needs_rules(self) -> bool {
        matches!(self, Self::Rules)
    }
}

impl<N, R> House<N, R> {
    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Whether the half of a section runs here.
    pub fn has(&self, section: Section) -> bool {
        match section {
            Section::Status => true,
            section if section.needs_rules() => self.rules.is_some(),
            _ => self.notifier.is_some(),
        }
    }

    /// The first page.
    pub fn first(&self) -> Section {
        if self.notifier.is_some() { Section::Alerts } else { Section::Rules }
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.pages.get_or_init(Registry::web)
    }
}

impl<N, R> fmt::Debug for House<N, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("House")
    }
}
