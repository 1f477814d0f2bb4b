//! Alerts coming in: checked, completed, stored, placed.

use std::fmt;

use model::matcher::is_classic_name;
use model::{Alert, LabelSet, Timestamp};

use super::{Effect, Notifier};
use crate::alert_book::{Change, Report};
use crate::alert_size::{self, NAME_BYTES_MAX, quoted};
use crate::config::Config;

/// For alerts without an end that come before the first configuration.
const RESOLVE_TIMEOUT_DEFAULT: std::time::Duration = std::time::Duration::from_secs(300);

/// So many refused alerts of a batch are spoken of.
const MESSAGES_MAX: usize = 20;

/// Between clean-ups of resolved alerts while there is no room for new ones.
const CLEARED_EVERY: std::time::Duration = std::time::Duration::from_secs(10);

/// Alerts of a batch that were not taken; the others were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotTaken {
    /// What is wrong with those that may not be, of the first of them.
    pub messages: Vec<String>,
    /// How many may not be.
    pub invalid: usize,
    /// How many found no room: they may come again.
    pub no_room: usize,
    /// That was not so some seconds ago, or somebody should be told again.
    pub is_news: bool,
}

impl NotTaken {
    fn note(&mut self, message: String) {
        self.invalid += 1;
        if self.messages.len() < MESSAGES_MAX {
            self.messages.push(message);
        }
    }
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.messages.join("; "))?;
        let untold = self.invalid - self.messages.len();
        if untold > 0 {
            write!(f, "; and {untold} others")?;
        }
        if self.no_room > 0 {
            let sign = if self.invalid > 0 { "; " } else { "" };
            let count = self.no_room;
            write!(
                f,
                "{sign}{count} new alerts found no room: --alerts.max-alerts or --alerts.max-size-bytes is reached"
            )?;
        }
        Ok(())
    }
}

impl Notifier {
    /// Takes a batch of alerts as their source states them. The valid ones are taken even if others are not; what is known
    /// is kept up to date whatever there is room for.
    ///
    /// # Errors
    /// Says which alerts were not taken.
    pub fn receive(&mut self, now: Timestamp, alerts: Vec<Alert>, out: &mut Vec<Effect>) -> Result<(), NotTaken> {
        self.advance(now, out);
        let (mut refused, mut is_heeded) = (NotTaken::default(), false);
        for alert in alerts {
            let mut report = self.complete(now, alert);
            if let Some(shorter) = alert_size::cut(&report.annotations) {
                report.annotations = shorter;
                self.tally.alerts_cut += 1;
            }
            if report.ends_at > now {
                self.tally.alerts_received_firing += 1;
            } else {
                self.tally.alerts_received_resolved += 1;
            }
            match validate(&report, self.settings.classic_names) {
                Ok(()) if !self.finds_room(now, &report) => {
                    self.tally.alerts_refused += 1;
                    // Of one that is over already nobody was told.
                    refused.no_room += usize::from(report.ends_at > now);
                    refused.is_news |= self.cleared_at == Some(now);
                }
                Ok(()) => is_heeded |= self.take_report(now, report, out),
                Err(message) => {
                    self.tally.alerts_invalid += 1;
                    refused.note(message);
                }
            }
        }
        if is_heeded {
            self.tend(now, out);
        }
        self.write_alerts(out);
        if refused.invalid + refused.no_room == 0 { Ok(()) } else { Err(refused) }
    }

    /// Whether it is known, or there is room for one more. Where there is none, resolved alerts make some.
    fn finds_room(&mut self, now: Timestamp, report: &Report) -> bool {
        if self.known.book.has_room(report) || self.known.book.find(&report.labels).is_some() {
            return true;
        }
        if self.cleared_at.is_some_and(|at| at <= now && now < at.plus(CLEARED_EVERY)) {
            return false;
        }
        self.cleared_at = Some(now);
        self.collect_alerts(now);
        self.known.book.has_room(report)
    }

    /// Answers whether a silence waits for this.
    fn take_report(&mut self, now: Timestamp, report: Report, out: &mut Vec<Effect>) -> bool {
        self.end_acknowledgement(now, &report.labels, out);
        let labels = report.labels.clone();
        match self.known.put(now, report) {
            None => self.tally.alerts_limited += 1,
            Some((_, Change::Refresh)) => {}
            Some((id, change @ (Change::New | Change::Material))) => {
                if change == Change::Material {
                    self.end_acknowledgement_of(now, id, out);
                }
                self.place(now, (id, &labels), &[], out);
                self.known.save(now, id);
                return self.is_awaited(now, id);
            }
        }
        false
    }

    /// Fills in what the source left out.
    fn complete(&self, now: Timestamp, alert: Alert) -> Report {
        let timeout =
            self.config().map_or(RESOLVE_TIMEOUT_DEFAULT, |config: &std::sync::Arc<Config>| config.resolve_timeout);
        Report {
            labels: alert.labels.without_empty(),
            annotations: alert.annotations,
            starts_at: alert.starts_at.or(alert.ends_at).unwrap_or(now),
            ends_at: alert.ends_at.unwrap_or_else(|| now.plus(timeout)),
            is_timeout: alert.ends_at.is_none(),
            generator_url: alert.generator_url,
        }
    }
}

fn validate(report: &Report, classic_names: bool) -> Result<(), String> {
    let labels = &report.labels;
    if labels.is_empty() {
        return Err("at least one label pair required".to_owned());
    }
    if let Some(name) = bad_name(labels, classic_names) {
        return Err(format!("invalid label set: invalid name {}", quoted(name)));
    }
    if let Some(name) = bad_name(&report.annotations, classic_names) {
        return Err(format!("invalid annotations: invalid name {}", quoted(name)));
    }
    if report.starts_at > report.ends_at {
        return Err("start time must be before end time".to_owned());
    }
    alert_size::check(report)
}

fn bad_name(set: &LabelSet, classic_names: bool) -> Option<&str> {
    // As a rule none needs to be looked at: none is empty, and none longer than all texts together.
    if !classic_names && set.bytes() <= NAME_BYTES_MAX && !set.may_have_empty() {
        return None;
    }
    let mut names = set.iter().map(|(name, _)| name);
    names.find(|name| name.is_empty() || name.len() > NAME_BYTES_MAX || (classic_names && !is_classic_name(name)))
}
