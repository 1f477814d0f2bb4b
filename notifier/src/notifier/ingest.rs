//! Alerts coming in: checked, completed, stored, placed.

use model::matcher::is_classic_name;
use model::{Alert, LabelSet, Timestamp};

use super::{Effect, Notifier};
use crate::alert_book::{Change, Report};
use crate::config::Config;

/// For alerts without an end that come before the first configuration.
const RESOLVE_TIMEOUT_DEFAULT: std::time::Duration = std::time::Duration::from_secs(300);

impl Notifier {
    /// Takes a batch of alerts as their source states them. The valid ones are taken even if others are not.
    ///
    /// # Errors
    /// A message for each alert that was refused.
    pub fn receive(&mut self, now: Timestamp, alerts: Vec<Alert>, out: &mut Vec<Effect>) -> Result<(), Vec<String>> {
        self.advance(now, out);
        let (mut refused, mut is_heeded) = (Vec::new(), false);
        for alert in alerts {
            let report = self.complete(now, alert);
            if report.ends_at > now {
                self.tally.alerts_received_firing += 1;
            } else {
                self.tally.alerts_received_resolved += 1;
            }
            match validate(&report, self.settings.classic_names) {
                Ok(()) => is_heeded |= self.take_report(now, report, out),
                Err(message) => {
                    self.tally.alerts_invalid += 1;
                    refused.push(message);
                }
            }
        }
        if is_heeded {
            self.tend(now, out);
        }
        self.write_alerts(out);
        if refused.is_empty() { Ok(()) } else { Err(refused) }
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
        return Err(format!("invalid label set: invalid name {name:?}"));
    }
    if let Some(name) = bad_name(&report.annotations, classic_names) {
        return Err(format!("invalid annotations: invalid name {name:?}"));
    }
    if report.starts_at > report.ends_at {
        return Err("start time must be before end time".to_owned());
    }
    Ok(())
}

fn bad_name(set: &LabelSet, classic_names: bool) -> Option<&str> {
    let mut names = set.iter().map(|(name, _)| name);
    names.find(|name| name.is_empty() || (classic_names && !is_classic_name(name)))
}
