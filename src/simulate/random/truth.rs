//! What is true in a story whatever the machines make of it, read off its script.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{LabelSet, Matcher, Timestamp};

use super::super::scenario::{Asked, Event, Reply, Scenario};

/// From an instant on, until another.
pub(super) type Span = (Timestamp, Timestamp);

/// The script, by what it means.
pub(super) struct Truth<'a> {
    pub(super) scenario: &'a Scenario,
    /// Alerts posted while somebody listened.
    posted: BTreeMap<&'a LabelSet, Vec<(Timestamp, bool)>>,
    silences: Vec<(&'a [Matcher], Span)>,
    pub(super) downs: Vec<Span>,
    outages: Vec<Span>,
    /// By receiver.
    faults: Vec<(&'a str, Span)>,
}

impl<'a> Truth<'a> {
    /// `downs` is when the process was down.
    pub(super) fn of(scenario: &'a Scenario, downs: &[Span]) -> Self {
        let (posted, silences, downs) = (BTreeMap::new(), Vec::new(), downs.to_vec());
        let mut truth = Self { scenario, posted, silences, downs, outages: Vec::new(), faults: Vec::new() };
        let mut names: Vec<&str> = Vec::new();
        for (at, event) in &scenario.events {
            let at = scenario.start.plus(*at);
            match event {
                Event::Alerts(_) | Event::Silence { .. } | Event::Expire(_) if truth.is_down(at) => {}
                Event::Alerts(alerts) => {
                    for alert in alerts {
                        truth.posted.entry(&alert.labels).or_default().push((at, alert.ends_at > Some(at)));
                    }
                }
                Event::Silence { name, matchers, starts_in, length } => {
                    let from = at.plus(*starts_in);
                    truth.silences.push((matchers, (from, from.plus(*length))));
                    names.push(name);
                }
                Event::Expire(name) => {
                    let Some(number) = names.iter().position(|known| known == name) else { continue };
                    let (_, (from, to)) = &mut truth.silences[number];
                    (*from, *to) = ((*from).min(at), (*to).min(at));
                }
                Event::QueryOutage(until) => truth.outages.push((at, scenario.start.plus(*until))),
                Event::Failing { receiver, until, .. } => {
                    truth.faults.push((receiver, (at, scenario.start.plus(*until))));
                }
                Event::Restart(_) | Event::Crash { .. } | Event::ClockBack(_) | Event::Reload { .. } => {}
                Event::Undelivered { .. } | Event::Why { .. } => {}
            }
        }
        truth
    }

    fn is_down(&self, at: Timestamp) -> bool {
        self.downs.iter().any(|(from, to)| *from <= at && at <= *to)
    }

    /// Whether a posted alert fires at an instant, before what happens at that instant; `None`: not a posted one.
    pub(super) fn fires(&self, labels: &LabelSet, at: Timestamp) -> Option<bool> {
        let known = labels.get("severity").and_then(|_| self.posted.get(labels))?;
        let before = known.partition_point(|(posted, _)| *posted < at);
        Some(known[..before].last().is_some_and(|(_, fires)| *fires))
    }

    /// When a posted alert began (true) and ended (false).
    pub(super) fn turns(&self, labels: &LabelSet) -> &[(Timestamp, bool)] {
        self.posted.get(labels).map(Vec::as_slice).unwrap_or_default()
    }

    /// The posted label sets.
    pub(super) fn alerts(&self) -> impl Iterator<Item = &'a LabelSet> {
        self.posted.keys().copied()
    }

    pub(super) fn is_silenced(&self, labels: &LabelSet, at: Timestamp) -> bool {
        let covers = |matchers: &[Matcher]| matchers.iter().all(|matcher| matcher.matches(labels));
        self.silences.iter().any(|(matchers, (from, to))| *from <= at && at < *to && covers(matchers))
    }

    pub(super) fn is_inhibited(&self, labels: &LabelSet, at: Timestamp) -> bool {
        let is_source = |source: &&LabelSet| {
            source.get("severity") == Some("critical")
                && ["team", "n"].iter().all(|name| source.get(name) == labels.get(name))
        };
        labels.get("severity") == Some("warning")
            && self.alerts().filter(is_source).any(|source| self.fires(source, at) == Some(true))
    }

    /// Whether it can be told at all: the process is up, and the receiver works and has had time to find that out.
    pub(super) fn is_calm(&self, receiver: &str, at: Timestamp) -> bool {
        // A hanging attempt takes two minutes, a requested wait three, a retry one and a half at most.
        let recovery = Duration::from_secs(5 * 60);
        let fails = |(who, (from, to)): &(&str, Span)| *who == receiver && *from <= at && at < to.plus(recovery);
        !self.faults.iter().any(fails) && !self.downs.iter().any(|(from, to)| *from <= at && at <= *to)
    }

    /// Whether the process died in a span, or so shortly before it that a request was on the wire then and arrived in it.
    pub(super) fn is_killed(&self, from: Timestamp, to: Timestamp) -> bool {
        let from = from.minus(Duration::from_secs(3));
        self.downs.iter().any(|(down, _)| from <= *down && *down <= to)
    }

    /// Whether any receiver fails at some time in a span.
    pub(super) fn fails_within(&self, from: Timestamp, to: Timestamp) -> bool {
        self.faults.iter().any(|(_, (begin, end))| *begin <= to && from < *end)
    }

    /// Whether something changes at this very instant, so that either side of it is true.
    pub(super) fn is_turning_point(&self, at: Timestamp) -> bool {
        let edges = self.silences.iter().flat_map(|(_, (from, to))| [*from, *to]);
        self.posted.values().flatten().map(|(posted, _)| *posted).chain(edges).any(|edge| edge == at)
    }

    /// Whether the rules were surely evaluated in a minute; `None`: who knows.
    pub(super) fn is_evaluated(&self, minute: usize) -> Option<bool> {
        let at = self.minute(minute);
        let within = |(from, to): &Span| *from <= at && at <= *to;
        let cut_short = |(from, _): &Span| *from > at && from.since(at) < Duration::from_secs(10);
        match (minute, self.downs.iter().chain(&self.outages).any(within), self.downs.iter().any(cut_short)) {
            (0, _, _) | (_, true, _) => Some(false),
            (_, false, true) => None,
            (_, false, false) => Some(true),
        }
    }

    pub(super) fn minute(&self, minute: usize) -> Timestamp {
        self.scenario.start.plus(Duration::from_secs(60 * minute as u64))
    }

    /// Each series of a rule: its `n`, and in which minutes it is there.
    pub(super) fn series(&self, rule: &str) -> Vec<(String, Vec<bool>)> {
        let asked = Asked::Rule(rule.to_owned());
        let answer =
            self.scenario.answers.iter().find(|answer| answer.asked == asked).expect("an answer for each rule");
        let Reply::Series { series, .. } = &answer.reply else { return Vec::new() };
        let minutes = 101;
        let there = |values: &[Option<f64>]| (0..minutes).map(|m| values.get(m).copied().flatten().is_some()).collect();
        series.iter().map(|(labels, values)| (labels.get_or_empty("n").to_owned(), there(values))).collect()
    }
}
