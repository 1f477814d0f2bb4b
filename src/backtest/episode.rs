//! What became of each alert: when its expression came true, when it fired, when it was over. Read from the series `ALERTS`
//! that the rule machine writes.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use model::labels::METRIC_NAME;
use model::{LabelSet, Timestamp};
use rules_engine::sample::Sample;

/// One time that an alert was there.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// The alert's labels, as the notifier sees them.
    pub labels: LabelSet,
    /// Its expression came true.
    pub active_at: Timestamp,
    /// It fired: that much later as `for` says. `None` if it was over before.
    pub fired_at: Option<Timestamp>,
    /// It was over; `None` at the end of the period.
    pub ended_at: Option<Timestamp>,
}

/// Collects episodes while rules run.
#[derive(Debug, Default)]
pub struct Episodes {
    external_labels: LabelSet,
    all: Vec<Episode>,
    series: HashMap<LabelSet, Place, FixedState>,
    /// The episode under way of each alert.
    open: HashMap<LabelSet, usize, FixedState>,
}

/// What a series of `ALERTS` is about.
#[derive(Debug, Clone)]
struct Place {
    alert: LabelSet,
    is_firing: bool,
}

impl Episodes {
    /// None yet. Alerts get external labels where they have none of the name.
    pub fn new(external_labels: LabelSet) -> Episodes {
        Episodes { external_labels, ..Episodes::default() }
    }

    /// Reads what one evaluation writes.
    pub fn read(&mut self, now: Timestamp, samples: &[Sample]) {
        let of_alerts = |sample: &&Sample| sample.labels.get(METRIC_NAME) == Some("ALERTS");
        // An alert that turns from pending to firing ends one series and begins another.
        for sample in samples.iter().filter(of_alerts).filter(|sample| !sample.is_stale_marker()) {
            self.present(now, sample);
        }
        for sample in samples.iter().filter(of_alerts).filter(|sample| sample.is_stale_marker()) {
            self.ended(now, sample);
        }
    }

    fn present(&mut self, now: Timestamp, sample: &Sample) {
        let place = match self.series.get(&sample.labels) {
            Some(place) => place.clone(),
            None => self.enter(&sample.labels),
        };
        let at = *self.open.entry(place.alert.clone()).or_insert_with(|| {
            let labels = place.alert.clone();
            self.all.push(Episode { labels, active_at: now, fired_at: None, ended_at: None });
            self.all.len() - 1
        });
        if let Some(episode) = self.all.get_mut(at).filter(|_| place.is_firing) {
            episode.fired_at.get_or_insert(now);
        }
    }

    fn ended(&mut self, now: Timestamp, sample: &Sample) {
        let Some(place) = self.series.remove(&sample.labels) else { return };
        let Some(episode) = self.open.get(&place.alert).and_then(|at| self.all.get_mut(*at)) else { return };
        if episode.fired_at.is_some() == place.is_firing {
            episode.ended_at = Some(now);
            self.open.remove(&place.alert);
        }
    }

    fn enter(&mut self, labels: &LabelSet) -> Place {
        let alert = labels.filter(|name, _| name != METRIC_NAME && name != "alertstate");
        let place = Place {
            alert: self.external_labels.overlay(alert.iter()),
            is_firing: labels.get("alertstate") == Some("firing"),
        };
        self.series.insert(labels.clone(), place.clone());
        place
    }

    /// Every episode, in the order they began.
    pub fn finish(self) -> Vec<Episode> {
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(state: &str, at: i64, is_over: bool) -> Sample {
        let labels = LabelSet::from_pairs([(METRIC_NAME, "ALERTS"), ("alertname", "A"), ("alertstate", state)]);
        match is_over {
            true => Sample::stale_marker(labels, at),
            false => Sample { labels, timestamp_ms: at, value: 1.0 },
        }
    }

    #[test]
    fn pending_firing_and_over() {
        let mut episodes = Episodes::new(LabelSet::from_pairs([("cluster", "a"), ("alertname", "B")]));
        let at = Timestamp::from_secs;
        episodes.read(at(1), &[sample("pending", 1, false)]);
        episodes.read(at(2), &[sample("pending", 2, true), sample("firing", 2, false)]);
        episodes.read(at(3), &[sample("firing", 3, true)]);
        episodes.read(at(4), &[sample("pending", 4, false)]);
        episodes.read(at(5), &[sample("pending", 5, true)]);
        episodes.read(at(6), &[sample("firing", 6, false)]);
        let episode = |active, fired: Option<i64>, ended: Option<i64>| Episode {
            labels: LabelSet::from_pairs([("alertname", "A"), ("cluster", "a")]),
            active_at: at(active),
            fired_at: fired.map(at),
            ended_at: ended.map(at),
        };
        let expected = [episode(1, Some(2), Some(3)), episode(4, None, Some(5)), episode(6, Some(6), None)];
        assert_eq!(episodes.finish(), expected);
    }
}
