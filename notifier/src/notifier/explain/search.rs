//! Which alerts a question means, and which come near if there is none.

use model::labels::{ALERT_NAME, Fingerprint};
use model::matcher::all_match;
use model::{Caller, LabelSet, MatchOp, Matcher, Timestamp};

use super::Notifier;
use crate::explanation::{Answer, Difference, Nearest, NotFound, Why, clock};

/// Alerts that come near, at most.
const NEAREST_MAX: usize = 5;

/// What is asked about.
#[derive(Clone, Debug)]
pub enum Asked {
    /// Alerts that all of these match.
    Matching(Vec<Matcher>),
    /// The alert with this fingerprint.
    Fingerprint(Fingerprint),
}

impl Asked {
    /// Whether it means an alert with these labels.
    pub fn means(&self, labels: &LabelSet) -> bool {
        match self {
            Self::Matching(matchers) => all_match(matchers, labels),
            Self::Fingerprint(fingerprint) => labels.fingerprint() == *fingerprint,
        }
    }
}

impl Notifier {
    /// The alerts that are meant, those that fire first, at most `most`; and how many more there are.
    pub fn meant_alerts(&self, now: Timestamp, asked: &Asked, most: usize) -> (Vec<LabelSet>, usize) {
        let known = self.known.book.iter().filter(|(_, alert)| match asked {
            Asked::Fingerprint(fingerprint) => alert.fingerprint == *fingerprint,
            Asked::Matching(matchers) => all_match(matchers, &alert.labels()),
        });
        let mut meant: Vec<(bool, LabelSet)> =
            known.map(|(_, alert)| (alert.is_resolved(now), alert.labels())).collect();
        meant.sort_unstable();
        let more = meant.len().saturating_sub(most);
        (meant.into_iter().take(most).map(|(_, labels)| labels).collect(), more)
    }

    /// The answer where no alert is meant; `past` are labels of alerts that the history knows. Only what is the caller's business
    /// comes near.
    pub fn explain_absence(&self, caller: &Caller, asked: &Asked, past: &[LabelSet]) -> NotFound {
        let matchers = match asked {
            Asked::Matching(matchers) => matchers.as_slice(),
            Asked::Fingerprint(_) => &[],
        };
        let known = self.known.book.iter().map(|(_, alert)| alert.labels());
        let seen = known.chain(past.iter().cloned()).filter(|labels| caller.sees(labels));
        let nearest = nearest(matchers, seen);
        let name = matchers.iter().find(|matcher| matcher.name() == ALERT_NAME && matcher.op() == MatchOp::Equal);
        if let Some(name) = name.filter(|name| self.known.is_name_full(name.value())) {
            let most = self.settings.alerts_per_name_max;
            let text = format!(
                "{most} alerts with the name {} fire, as many as --alerts.per-alertname-limit allows: others are dropped",
                name.value()
            );
            return NotFound { answer: Answer::new(Why::LimitReached, text), nearest };
        }
        let since = self.history.oldest();
        let back =
            since.map_or("there is no history yet".to_owned(), |at| format!("the history goes back to {}", clock(at)));
        let near = match nearest.first() {
            Some(first) => {
                let differs = first.differs.iter().map(|one| match one.value.as_str() {
                    "" => format!("{} (it lacks the label)", one.matcher),
                    value => format!("{} (it has {value:?})", one.matcher),
                });
                format!("; the nearest, {}, does not meet {}", first.labels, differs.collect::<Vec<_>>().join(" and "))
            }
            None => String::new(),
        };
        let text = format!("no such alert has come in ({back}){near}");
        NotFound { answer: Answer::new(Why::NeverSeen, text).since(since), nearest }
    }
}

/// Alerts that meet some of the matchers, those that meet the most first.
fn nearest(matchers: &[Matcher], alerts: impl Iterator<Item = LabelSet>) -> Vec<Nearest> {
    let mut best: Vec<(usize, LabelSet)> = Vec::new();
    for labels in alerts {
        let misses = matchers.iter().filter(|matcher| !matcher.matches(&labels)).count();
        if misses >= matchers.len() || best.iter().any(|(_, known)| *known == labels) {
            continue;
        }
        let at = best.partition_point(|(other, known)| (*other, known) < (misses, &labels));
        if at < NEAREST_MAX {
            best.insert(at, (misses, labels));
            best.truncate(NEAREST_MAX);
        }
    }
    let near = best.into_iter().map(|(_, labels)| {
        let missed = matchers.iter().filter(|matcher| !matcher.matches(&labels));
        let differs = missed.map(|matcher| Difference {
            matcher: matcher.to_string(),
            value: labels.get_or_empty(matcher.name()).to_owned(),
        });
        let differs = differs.collect();
        Nearest { fingerprint: labels.fingerprint(), labels, differs }
    });
    near.collect()
}
