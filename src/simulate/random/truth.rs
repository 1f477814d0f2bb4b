//! What is true in a story whatever the machines make of it, read off its script.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{LabelSet, Matcher, Timestamp};

use super::super::scenario::{Asked, Event, Reply, Scenario};
use super::super::timeline::Timeline;
use super::calendar;
use super::clocks::Clocks;
use super::day::NOON;

/// From an instant on, until another.
pub(super) type Span = (Timestamp, Timestamp);

/// The script, by what it means.
pub(super) struct Truth<'a> {
    pub(super) scenario: &'a Scenario,
    /// Alerts posted while somebody listened.
    posted: BTreeMap<&'a LabelSet, Vec<(Timestamp, bool)>>,
    /// What they cover, when, and whether they recur.
    silences: Vec<(&'a [Matcher], Span, bool)>,
    pub(super) clocks: Clocks,
    pub(super) downs: Vec<Span>,
    outages: Vec<Span>,
    /// By receiver, and by kind of integration if only those fail.
    faults: Vec<(&'a str, Option<&'a str>, Span)>,
}

/// A silence, or one that recurs, as the script has it.
struct Quiet<'a> {
    name: &'a str,
    matchers: &'a [Matcher],
    until_resolved: bool,
    recurs: bool,
    made: Timestamp,
    /// By the machines' clock.
    shown: Vec<Span>,
    ended: Option<Timestamp>,
}

impl<'a> Truth<'a> {
    /// Of the timeline it takes when the process was down and how its clock was moved.
    pub(super) fn of(scenario: &'a Scenario, timeline: &Timeline) -> Self {
        let (posted, silences, downs) = (BTreeMap::new(), Vec::new(), timeline.downs.clone());
        let (outages, faults) = (Vec::new(), Vec::new());
        let clocks = Clocks(timeline.clocks.clone());
        let mut truth = Self { scenario, posted, silences, clocks, downs, outages, faults };
        let mut quiet: Vec<Quiet<'a>> = Vec::new();
        for (at, event) in &scenario.events {
            let at = scenario.start.plus(*at);
            match event {
                Event::Alerts(_) | Event::Silence { .. } | Event::Maintenance { .. } | Event::Expire(_)
                    if timeline.unheard.contains(&at) => {}
                Event::Alerts(alerts) => {
                    for alert in alerts {
                        truth.posted.entry(&alert.labels).or_default().push((at, alert.ends_at > Some(at)));
                    }
                }
                Event::Silence { name, matchers, starts_in, length, until_resolved } => {
                    let from = truth.clocks.theirs(at).plus(*starts_in);
                    let shown = vec![(from, from.plus(*length))];
                    let until_resolved = *until_resolved;
                    let (recurs, made, ended) = (false, at, None);
                    quiet.push(Quiet { name, matchers, until_resolved, recurs, made, shown, ended });
                }
                Event::Maintenance { name, matchers, schedule } => {
                    let mut shown = calendar::occurrences(schedule, scenario.start);
                    shown.retain(|(from, _)| *from >= truth.clocks.theirs(at));
                    let (until_resolved, recurs, made, ended) = (false, true, at, None);
                    quiet.push(Quiet { name, matchers, until_resolved, recurs, made, shown, ended });
                }
                Event::Expire(name) => {
                    if let Some(known) = quiet.iter_mut().find(|known| known.name == name) {
                        known.ended.get_or_insert(at);
                    }
                }
                Event::QueryOutage(until) => truth.outages.push((at, scenario.start.plus(*until))),
                Event::Failing { receiver, via, until, .. } => {
                    let kind = via.as_ref().map(|via| via.kind.as_str());
                    truth.faults.push((receiver, kind, (at, scenario.start.plus(*until))));
                }
                Event::Restart(_)
                | Event::Crash { .. }
                | Event::ClockBack(_)
                | Event::ClockForward(_)
                | Event::Reload { .. } => {}
                Event::Undelivered { .. } | Event::Why { .. } => {}
                Event::Acknowledge { .. } | Event::Unacknowledge(_) => {}
            }
        }
        for known in quiet {
            let spans = known.shown.iter().filter_map(|shown| truth.span(&known, *shown));
            let spans: Vec<_> = spans.map(|span| (known.matchers, span, known.recurs)).collect();
            truth.silences.extend(spans);
        }
        truth
    }

    /// When a silence really is active, of which the clock's times are known: what was over once stays over.
    fn span(&self, quiet: &Quiet<'_>, (from, to): Span) -> Option<Span> {
        let begin = self.clocks.first_showing(from, quiet.made)?;
        let end = self.clocks.first_showing(to, quiet.made).unwrap_or(Timestamp::MAX);
        let mut end = quiet.ended.map_or(end, |ended| ended.min(end));
        if quiet.until_resolved {
            end = self.last_resolve(quiet.matchers, begin, end);
        }
        (begin < end).then_some((begin, end))
    }

    /// When the last alert that matches has resolved, of those that fired within a span; otherwise its end.
    fn last_resolve(&self, matchers: &[Matcher], begin: Timestamp, end: Timestamp) -> Timestamp {
        let covered = |labels: &LabelSet| matchers.iter().all(|matcher| matcher.matches(labels));
        let turns = self.posted.iter().filter(|(labels, _)| covered(labels));
        let mut turns: Vec<(Timestamp, bool, &LabelSet)> =
            turns.flat_map(|(labels, turns)| turns.iter().map(|(at, fires)| (*at, *fires, *labels))).collect();
        turns.sort();
        let mut firing: BTreeSet<&LabelSet> = BTreeSet::new();
        let mut has_matched = false;
        for (at, fires, labels) in turns.into_iter().filter(|(at, ..)| *at < end) {
            if at > begin && !firing.is_empty() {
                has_matched = true;
            }
            if fires {
                firing.insert(labels)
            } else {
                firing.remove(labels)
            };
            if at >= begin && has_matched && firing.is_empty() {
                return at;
            }
        }
        end
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
        // Set back before its begin, the clock lets one that recurs wait once more.
        let shown = |from: Timestamp| self.clocks.0.is_empty() || self.clocks.theirs(from) <= self.clocks.theirs(at);
        let is_active = |(from, to): Span, recurs: bool| from <= at && at < to && (!recurs || shown(from));
        self.silences.iter().any(|(matchers, span, recurs)| is_active(*span, *recurs) && covers(matchers))
    }

    /// Whether team w is mute.
    pub(super) fn is_noon(&self, at: Timestamp) -> bool {
        NOON.contains(&(self.clocks.theirs(at).as_millis().div_euclid(1000).rem_euclid(86_400).unsigned_abs()))
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
        let fails = |(who, _, (from, to)): &(&str, Option<&str>, Span)| {
            *who == receiver && *from <= at && at < to.plus(recovery)
        };
        !self.faults.iter().any(fails) && !self.downs.iter().any(|(from, to)| *from <= at && at <= *to)
    }

    /// Whether the process died in a span, or so shortly before it that a request was on the wire then and arrived in it.
    pub(super) fn is_killed(&self, from: Timestamp, to: Timestamp) -> bool {
        let from = from.minus(Duration::from_secs(3));
        self.downs.iter().any(|(down, _)| from <= *down && *down <= to)
    }

    /// Whether one of the receivers fails at some time in a span, through a kind of integration.
    pub(super) fn fails_within(&self, receivers: &[&str], kind: &str, (from, to): Span) -> bool {
        let concerns = |who: &str, only: Option<&str>| receivers.contains(&who) && only.is_none_or(|only| only == kind);
        self.faults.iter().any(|(who, only, (begin, end))| concerns(who, *only) && *begin <= to && from < *end)
    }

    /// Whether the clock was moved while nobody could see it move.
    pub(super) fn is_moved_in_the_dark(&self) -> bool {
        self.clocks.0.iter().any(|(moved, _)| self.is_down(*moved))
    }

    /// Whether another configuration came into force in a span.
    pub(super) fn is_rearranged(&self, from: Timestamp, to: Timestamp) -> bool {
        let reloads = self.scenario.events.iter().filter(|(_, event)| matches!(event, Event::Reload { .. }));
        reloads.map(|(at, _)| self.scenario.start.plus(*at)).any(|at| from <= at && at <= to)
    }

    /// Whether something changes at this very instant, so that either side of it is true.
    pub(super) fn is_turning_point(&self, at: Timestamp) -> bool {
        let edges = self.silences.iter().flat_map(|(_, (from, to), _)| [*from, *to]);
        let moves = self.clocks.0.iter().map(|(moved, _)| *moved);
        self.posted.values().flatten().map(|(posted, _)| *posted).chain(edges).chain(moves).any(|edge| edge == at)
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
