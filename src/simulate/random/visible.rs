//! What can be seen from outside at every minute (I7, I10): what is owed, and why an alert is told or not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{LabelSet, Timestamp};
use notifier::decision::Verdict;
use notifier::explanation::{self, Why};

use super::super::scenario::Scenario;
use super::super::timeline::{Answered, Judged, Owed, Report, Timeline};
use super::after;
use super::promises::Ear;
use super::taken;
use super::truth::Truth;

/// What an integration is told about a group.
type Talk<'a> = (u64, &'a str);

/// A clock that is set back is noticed at the next input, and what passed since the last one is not known then.
const INPUTS_APART: Duration = Duration::from_secs(300);

/// An attempt lasts at most so long: its failure may be heard of a group that a reload has ended since.
const ATTEMPT: Duration = Duration::from_secs(600);

/// Every break of the promises about what can be seen.
pub(super) fn broken(scenario: &Scenario, timeline: &Timeline, ears: &[Ear], is_dark: bool) -> Vec<String> {
    let truth = Truth::of(scenario, timeline);
    let mut view = View { truth, timeline, broken: Vec::new() };
    view.what_is_owed_is_seen();
    view.every_page_has_a_decision();
    view.answers_are_true(ears, is_dark);
    view.broken
}

struct View<'a> {
    truth: Truth<'a>,
    timeline: &'a Timeline,
    broken: Vec<String>,
}

/// What was last decided and heard about each talk.
#[derive(Default)]
struct Book<'a> {
    decided: BTreeMap<Talk<'a>, &'a Judged>,
    failed: BTreeMap<Talk<'a>, (Timestamp, &'a Report)>,
}

impl<'a> Book<'a> {
    fn judge(&mut self, judged: &'a Judged) {
        let talk = (judged.address, &*judged.group_key);
        // An attempt under way is decided about when it has ended.
        if judged.verdict == Verdict::Hold(notifier::decision::HoldReason::InFlight) {
            return;
        }
        self.decided.insert(talk, judged);
        if matches!(judged.verdict, Verdict::Hold(_)) {
            self.failed.remove(&talk);
        }
    }

    fn hear(&mut self, report: &'a Report) {
        let talk = (report.address, &*report.group_key);
        if report.is_settled {
            self.failed.remove(&talk);
            self.decided.remove(&talk);
        } else {
            let since = self.failed.get(&talk).map_or(report.at, |(since, _)| *since);
            self.failed.insert(talk, (since, report));
        }
    }
}

impl<'a> View<'a> {
    fn breaks(&mut self, promise: &str, at: Timestamp, what: std::fmt::Arguments<'_>) {
        self.broken.push(format!("{promise}: at {}: {what}", after(self.truth.scenario, at)));
    }

    /// I7: what an attempt did not bring over is counted at the next minute, with its age; what nobody is owed is not.
    fn what_is_owed_is_seen(&mut self) {
        let mut book = Book::default();
        let (mut decisions, mut reports) =
            (self.timeline.decisions.iter().peekable(), self.timeline.reports.iter().peekable());
        for (at, owed) in &self.timeline.owed {
            loop {
                let decision = decisions.peek().map(|judged| judged.at).filter(|when| when <= at);
                let report = reports.peek().map(|report| report.at).filter(|when| when <= at);
                match (decision, report) {
                    (None, None) => break,
                    // An attempt ends first, and then it is decided anew.
                    (decision, Some(heard)) if decision.is_none_or(|decided| heard <= decided) => {
                        reports.next().into_iter().for_each(|report| book.hear(report));
                    }
                    _ => decisions.next().into_iter().for_each(|judged| book.judge(judged)),
                }
            }
            self.compare(*at, owed, &book);
        }
    }

    fn compare(&mut self, at: Timestamp, owed: &[Owed], book: &Book<'a>) {
        for one in owed {
            let is_of = |report: &Report| report.receiver == one.receiver && report.integration == one.integration;
            let is_sure = |since: Timestamp| {
                !self.truth.is_killed(since, at) && !self.truth.is_rearranged(since.minus(ATTEMPT), at) && since < at
            };
            let failed = book.failed.values().filter(|(_, report)| is_of(report) && is_sure(report.at));
            let (count, oldest) = failed.fold((0, Duration::ZERO), |(count, oldest), (since, _)| {
                let unnoticed = INPUTS_APART * self.truth.clocks.moves_between(*since, at);
                let age = if is_sure(*since) { at.since(*since).saturating_sub(unnoticed) } else { Duration::ZERO };
                (count + 1, oldest.max(age))
            });
            let name = format!("{} {}", one.receiver, one.integration);
            if one.count < count {
                self.breaks("I7", at, format_args!("{count} are owed to {name}, {} are shown", one.count));
            } else if count > 0 && one.oldest < oldest {
                self.breaks("I7", at, format_args!("{name} is owed for {oldest:?}, shown are {:?}", one.oldest));
            }
            let is_wanted = |judged: &&&Judged| matches!(judged.verdict, Verdict::Notify(_));
            if one.count > 0 && book.decided.values().filter(is_wanted).count() == 0 {
                self.breaks("I7", at, format_args!("{} are shown for {name}, nothing is owed", one.count));
            }
        }
    }

    /// I10: what was delivered had been decided, for the reason it gives.
    fn every_page_has_a_decision(&mut self) {
        let mut made: BTreeMap<Talk<'_>, Vec<&Judged>> = BTreeMap::new();
        for judged in &self.timeline.decisions {
            made.entry((judged.address, &*judged.group_key)).or_default().push(judged);
        }
        for delivered in &self.timeline.deliveries {
            let notification = &delivered.notification;
            let decided = made.get(&(delivered.address, notification.group_key.as_str()));
            let mut decided = decided.into_iter().flatten().filter(|judged| judged.at <= delivered.at);
            if !decided.any(|judged| judged.verdict == Verdict::Notify(notification.reason)) {
                let (key, reason) = (&notification.group_key, notification.reason.as_str());
                self.breaks("I10", delivered.at, format_args!("{key} is told without a decision: {reason}"));
            }
        }
    }

    /// I10: every alert has an answer for every receiver, in words, and none that is not true.
    fn answers_are_true(&mut self, ears: &[Ear], is_dark: bool) {
        let mut told: BTreeSet<(u64, &LabelSet)> = BTreeSet::new();
        let mut deliveries = self.timeline.deliveries.iter().peekable();
        for answered in &self.timeline.answers {
            while let Some(delivered) = deliveries.next_if(|delivered| delivered.at <= answered.at) {
                told.extend(delivered.firing().map(|alert| (delivered.address, &alert.labels)));
            }
            if answered.mute > 0 || answered.receivers.is_empty() {
                self.breaks("I10", answered.at, format_args!("no answer about {}", answered.labels));
            }
            let is_told = ears.iter().any(|ear| told.contains(&(ear.address, &answered.labels)));
            if !is_dark && !self.truth.is_turning_point(answered.at) {
                self.judge(answered, is_told);
            }
        }
    }

    fn judge(&mut self, answered: &Answered, is_told: bool) {
        let (labels, at) = (&answered.labels, answered.at);
        if (answered.reason.verdict() == explanation::Verdict::Firing) != (self.truth.fires(labels, at) == Some(true)) {
            self.breaks("I10", at, format_args!("{labels}: {:?} is not true", answered.reason));
        }
        let is_muted = labels.get("team") == Some("w") && self.truth.is_noon(at);
        for (receiver, why) in &answered.receivers {
            let is_true = match why {
                Why::Silenced => self.truth.is_silenced(labels, at) && !answered.by.is_empty(),
                Why::Inhibited => self.truth.is_inhibited(labels, at),
                Why::Muted => is_muted,
                Why::Unchanged => is_told,
                Why::Acknowledged => taken::is_heard_of(&self.truth, labels, at),
                Why::OutsideActiveIntervals | Why::EscalationWaits | Why::NoIntegrations => false,
                Why::EndTold | Why::EndDue | Why::EndOwed => self.truth.fires(labels, at) == Some(false),
                Why::GroupWait | Why::GroupInterval | Why::FiresAgain | Why::NoLongerHidden => {
                    !self.truth.is_silenced(labels, at) && !is_muted && !self.truth.is_inhibited(labels, at)
                }
                _ => true,
            };
            if !is_true {
                self.breaks("I10", at, format_args!("{labels}, {receiver}: {why:?} is not true"));
            }
        }
    }
}
