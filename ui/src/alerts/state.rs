//! What can be said of an alert at an instant: what hides it, and who works on it.

use model::labels::Fingerprint;
use notifier::notifier::AlertView;
use uuid::Uuid;

/// The states of an alert; it may have several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// Active silences.
    pub silenced_by: Vec<Uuid>,
    /// What inhibits it.
    pub inhibited_by: Vec<Fingerprint>,
    /// Whether all of its groups are mute now.
    pub is_muted: bool,
    /// Whether somebody has taken it on.
    pub is_acknowledged: bool,
}

impl States {
    /// Of an alert whose groups are mute or not.
    pub fn of(alert: &AlertView<'_>, is_muted: bool) -> Self {
        let status = alert.status();
        Self {
            silenced_by: status.silenced_by,
            inhibited_by: status.inhibited_by,
            is_muted,
            is_acknowledged: alert.acknowledged().is_some(),
        }
    }

    /// Whether nothing hides it.
    pub fn is_active(&self) -> bool {
        self.silenced_by.is_empty() && self.inhibited_by.is_empty() && !self.is_muted
    }

    /// Their names: `active` or `suppressed` first, then what hides it.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [
            ("active", self.is_active()),
            ("suppressed", !self.is_active()),
            ("silenced", !self.silenced_by.is_empty()),
            ("inhibited", !self.inhibited_by.is_empty()),
            ("muted", self.is_muted),
            ("acknowledged", self.is_acknowledged),
        ]
        .into_iter()
        .filter(|(_, holds)| *holds)
        .map(|(name, _)| name)
    }

    /// What badges say: not that it is active, which is what alerts are.
    pub fn badges(&self) -> Vec<&'static str> {
        self.names().filter(|name| !matches!(*name, "active" | "suppressed")).collect()
    }
}
