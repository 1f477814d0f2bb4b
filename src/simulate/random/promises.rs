//! The promises beyond Alertmanager's (I1 to I12 of `docs/promises.md`), as laws of a day's timeline. Each says where it is
//! broken. Integrations are known by whom they tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use model::matcher::parse::ParseMode;
use model::source::SourceFile;
use model::{LabelSet, Timestamp};
use notifier::config::Config;
use notifier::notification::Reason;

use super::super::scenario::Scenario;
use super::super::timeline::{Delivered, Rendering, Timeline};
use super::after;
use super::day::config;
use super::truth::Truth;
use super::{taken, visible};

/// Two group intervals and the network.
const PROMPT: Duration = Duration::from_secs(11 * 60);
const REPEAT: Duration = Duration::from_secs(4 * 3600);

/// Somebody who listens.
pub(super) struct Ear {
    pub(super) name: String,
    pub(super) address: u64,
    kind: &'static str,
    wants_resolves: bool,
    /// What its receiver is called in one arrangement or another.
    receivers: &'static [&'static str],
    /// The teams whose alerts always reach it, however things are rearranged.
    teams: &'static [&'static str],
}

/// Who listens in every variant of the day's configuration.
pub(super) fn ears() -> Vec<Ear> {
    let file = SourceFile::new("day.yml", config(0));
    let no_files = |_: &Path| Err(std::io::Error::other("no files"));
    let (config, _) = Config::parse(&file, Path::new(""), ParseMode::default(), &no_files).expect("it loads");
    let integrations = config.receivers.values().flat_map(|r| r.integrations.iter().map(move |i| (r.name.as_str(), i)));
    let ear = |(receiver, integration): (&str, &std::sync::Arc<notifier::receiver::Integration>)| Ear {
        name: format!("{receiver}/{}/{}", integration.kind, integration.index),
        address: integration.address,
        kind: integration.kind,
        wants_resolves: integration.send_resolved,
        receivers: if receiver == "a" { &["a"] } else { &["b", "c"] },
        teams: if receiver == "a" { &["x", "z", "w"] } else { &["x"] },
    };
    integrations.map(ear).collect()
}

/// Every break of every promise. Where the clock was moved while the process was down, what depends on its silences' times
/// cannot be told from outside.
pub(super) fn broken(scenario: &Scenario, timeline: &Timeline, ears: &[Ear]) -> Vec<String> {
    let truth = Truth::of(scenario, timeline);
    let is_dark = truth.is_moved_in_the_dark();
    let mut day = Day { truth, timeline, broken: Vec::new() };
    for ear in ears {
        day.closed_once(ear);
        day.open_while_firing(ear);
        day.no_surprise(ear);
        if !is_dark {
            day.every_episode_is_told(ear);
            day.hidden_is_not_told(ear);
        }
    }
    day.left_alone();
    day.remembered();
    day.pages_in_plain_form();
    let mut broken = day.broken;
    broken.extend(visible::broken(scenario, timeline, ears, is_dark));
    broken.extend(taken::broken(scenario, timeline));
    broken
}

struct Day<'a> {
    truth: Truth<'a>,
    timeline: &'a Timeline,
    broken: Vec<String>,
}

impl<'a> Day<'a> {
    fn heard(&self, ear: &Ear) -> impl Iterator<Item = &'a Delivered> + use<'a> {
        let address = ear.address;
        self.timeline.deliveries.iter().filter(move |delivered| delivered.address == address)
    }

    fn breaks(&mut self, promise: &str, ear: &Ear, at: Timestamp, what: std::fmt::Arguments<'_>) {
        self.broken.push(format!("{promise}: {} at {}: {what}", ear.name, after(self.truth.scenario, at)));
    }

    /// I1: what is told to fire is told to be over, in the same conversation, and once; a kill may cost one time more.
    /// I11: while it is open, an alert is told in one conversation, unless it is grouped in another way.
    fn closed_once(&mut self, ear: &Ear) {
        let mut open: BTreeMap<(&LabelSet, &str), (Timestamp, &LabelSet)> = BTreeMap::new();
        let mut closed: BTreeMap<(&LabelSet, &str, Timestamp), Timestamp> = BTreeMap::new();
        for delivered in self.heard(ear) {
            let notification = &delivered.notification;
            if notification.alerts.is_empty() {
                self.breaks("I1", ear, delivered.at, format_args!("hears of nothing"));
            }
            for alert in &notification.alerts {
                let key = (&alert.labels, &*notification.group_key);
                let Some(end) = alert.resolved_at else {
                    let elsewhere = open.iter().find(|((labels, group_key), (_, group))| {
                        **labels == alert.labels && *group_key != key.1 && **group == notification.group_labels
                    });
                    if let Some(((_, other), _)) = elsewhere.filter(|_| ear.wants_resolves) {
                        let what = format_args!("{} is told as {} while it is open as {other}", alert.labels, key.1);
                        self.breaks("I11", ear, delivered.at, what);
                    }
                    open.insert(key, (delivered.at, &notification.group_labels));
                    continue;
                };
                let was_open = open.remove(&key).is_some();
                let before = closed.insert((key.0, key.1, end), delivered.at);
                if !ear.wants_resolves {
                    self.breaks("I1", ear, delivered.at, format_args!("wants no resolves: {}", alert.labels));
                } else if before.is_some_and(|before| !was_open && !self.truth.is_killed(before, delivered.at)) {
                    self.breaks("I1", ear, delivered.at, format_args!("{} is closed twice", alert.labels));
                }
            }
        }
        for ((labels, group_key), (since, _)) in open.iter().filter(|_| ear.wants_resolves) {
            self.breaks("I1", ear, *since, format_args!("{labels} is never closed: {group_key}"));
        }
    }

    /// I2: a conversation is not closed while something told in it fires.
    fn open_while_firing(&mut self, ear: &Ear) {
        let mut open: BTreeMap<&str, BTreeSet<&LabelSet>> = BTreeMap::new();
        for delivered in self.heard(ear) {
            let notification = &delivered.notification;
            let open = open.entry(&notification.group_key).or_default();
            open.extend(delivered.firing().map(|alert| &alert.labels));
            for alert in delivered.resolved() {
                open.remove(&alert.labels);
            }
            let decided = self.decided(delivered);
            if notification.is_firing() || decided.iter().any(|at| self.truth.is_turning_point(*at)) {
                continue;
            }
            let fires = |labels: &LabelSet| decided.iter().all(|at| self.truth.fires(labels, *at) == Some(true));
            for labels in open.iter().filter(|labels| fires(labels)) {
                let what = format_args!("{} is closed though {labels} fires", notification.group_key);
                self.broken.push(format!("I2: {} at {}: {what}", ear.name, after(self.truth.scenario, delivered.at)));
            }
        }
    }

    /// I3, I4, I6: every episode that is plain to see for long enough is told, however short the time since the last one
    /// ended; what is hidden and comes out is told too.
    fn every_episode_is_told(&mut self, ear: &Ear) {
        let labels: Vec<&LabelSet> = self.truth.alerts().collect();
        for labels in labels.into_iter().filter(|labels| ear.teams.contains(&labels.get_or_empty("team"))) {
            let mut told = self.heard(ear).peekable();
            // By conversation: one that is over may be closed late, while another tells of the next episode.
            let mut open: BTreeMap<&str, Timestamp> = BTreeMap::new();
            let mut seen_since = None;
            for minute in 0..24 * 60 {
                let at = self.truth.minute(minute);
                while let Some(delivered) = told.next_if(|delivered| delivered.at <= at) {
                    let group_key = delivered.notification.group_key.as_str();
                    if delivered.firing().any(|alert| alert.labels == *labels) {
                        open.insert(group_key, self.decided(delivered).last().copied().unwrap_or(delivered.at));
                    } else if delivered.resolved().any(|alert| alert.labels == *labels) {
                        open.remove(group_key);
                    }
                }
                let start = self.episode(labels, at).filter(|start| {
                    // Over a clock that was moved one episode cannot be told from the next: who knows of the first is content.
                    let is_old = |told: &Timestamp| told < start && self.truth.clocks.moves_between(*told, at) == 0;
                    open.values().all(is_old) && self.is_plain(labels, at) && self.is_calm(ear, at)
                });
                seen_since = start.map(|_| seen_since.unwrap_or(at));
                if seen_since.is_some_and(|since: Timestamp| at.since(since) > PROMPT) {
                    self.breaks("I3", ear, at, format_args!("does not know that {labels} fires"));
                    break;
                }
            }
        }
    }

    /// When it may have been decided, by our clock: at two instants, where theirs was set back in between.
    fn decided(&self, delivered: &Delivered) -> Vec<Timestamp> {
        let mut instants = self.truth.clocks.ours(delivered.notification.at);
        instants.retain(|at| *at <= delivered.at);
        instants
    }

    /// The time from an instant of ours to a decision: by either clock, as a notifier has no other than its own.
    fn passed(&self, since: Timestamp, delivered: &Delivered) -> Duration {
        let ours = self.decided(delivered).last().map_or(Duration::ZERO, |at| at.since(since));
        ours.max(delivered.notification.at.since(self.truth.clocks.theirs(since)))
    }

    /// I4: what was answered with 200 is known after every start.
    fn remembered(&mut self) {
        for (at, what) in &self.timeline.forgotten {
            self.broken.push(format!("I4: at {}: {what}", after(self.truth.scenario, *at)));
        }
    }

    /// I9: a page whose template fails goes out in a form that says what it is about and what failed.
    fn pages_in_plain_form(&mut self) {
        for attempt in &self.timeline.attempts {
            let what = match &attempt.rendering {
                Some(Rendering::Lost(why)) => format!("is lost: {why}"),
                Some(Rendering::Plain { is_complete: false }) => {
                    "does not say what it is about, or what failed".to_owned()
                }
                Some(Rendering::Plain { .. } | Rendering::Whole) => continue,
                None => "was not rendered".to_owned(),
            };
            self.broken.push(format!(
                "I9: at {}: {} {what}",
                after(self.truth.scenario, attempt.at),
                attempt.group_key
            ));
        }
    }

    /// What a silence, a mute or another alert hides is not told as firing.
    fn hidden_is_not_told(&mut self, ear: &Ear) {
        for delivered in self.heard(ear) {
            let decided = self.decided(delivered);
            if decided.iter().any(|at| self.truth.is_turning_point(*at)) {
                continue;
            }
            for alert in delivered.firing() {
                if !decided.iter().any(|at| self.is_plain(&alert.labels, *at)) {
                    self.breaks("hidden", ear, delivered.at, format_args!("hears of {}", alert.labels));
                }
            }
        }
    }

    /// When the episode began that an alert is in.
    fn episode(&self, labels: &LabelSet, at: Timestamp) -> Option<Timestamp> {
        let turns = self.truth.turns(labels);
        let before = &turns[..turns.partition_point(|(turn, _)| *turn < at)];
        let fires = before.iter().rev().take_while(|(_, fires)| *fires);
        fires.last().map(|(start, _)| *start)
    }

    fn is_plain(&self, labels: &LabelSet, at: Timestamp) -> bool {
        let is_muted = labels.get("team") == Some("w") && self.truth.is_noon(at);
        !is_muted && !self.truth.is_silenced(labels, at) && !self.truth.is_inhibited(labels, at)
    }

    /// Nothing fails that an ear hears through, or has lately; what fails elsewhere is no excuse.
    fn is_calm(&self, ear: &Ear, at: Timestamp) -> bool {
        // The longest wait that is asked for.
        let recovery = Duration::from_secs(20 * 60);
        let is_down = self.timeline.downs.iter().any(|(from, to)| *from <= at && at <= *to);
        !is_down && !self.truth.fails_within(ear.receivers, ear.kind, (at.minus(recovery), at))
    }

    /// I5: what is known is not told as if it were not, and the same is not told again before it is due, whatever was
    /// restarted or rearranged; only a kill may cost a repetition.
    fn no_surprise(&mut self, ear: &Ear) {
        let mut last: BTreeMap<&str, &Delivered> = BTreeMap::new();
        let mut open: BTreeMap<&str, BTreeSet<&LabelSet>> = BTreeMap::new();
        for delivered in self.heard(ear) {
            let notification = &delivered.notification;
            let open = open.entry(&notification.group_key).or_default();
            let before = last.insert(&notification.group_key, delivered);
            let since = before.map_or(self.truth.scenario.start, |before| before.at);
            let is_killed = self.truth.is_killed(since, delivered.at);
            let is_first = notification.reason == Reason::FirstNotification;
            if is_first && !open.is_empty() && !is_killed && ear.wants_resolves {
                self.breaks("I5", ear, delivered.at, format_args!("a first notification of what it knows"));
            }
            let is_due = notification.reason == Reason::Unmuted || self.passed(since, delivered) >= REPEAT;
            if before.is_some_and(|before| content(before) == content(delivered)) && !is_killed && !is_due {
                let what = format_args!("hears the same again, {}", notification.reason.as_str());
                self.breaks("I5", ear, delivered.at, what);
            }
            open.extend(delivered.firing().map(|alert| &alert.labels));
            for alert in delivered.resolved() {
                open.remove(&alert.labels);
            }
        }
    }

    /// I8: who asks to be left alone is, also over a kill.
    fn left_alone(&mut self) {
        let mut asked: BTreeMap<(u64, &str), (Timestamp, Timestamp)> = BTreeMap::new();
        let soon = Duration::from_secs(5);
        for attempt in &self.timeline.attempts {
            let key = (attempt.address, attempt.group_key.as_str());
            // A process that died before it heard of the wish cannot know it.
            // Nor can one whose clock is put forward know that less time has passed.
            let heard = |since: Timestamp| {
                let moved = self.truth.clocks.theirs(attempt.at).since(self.truth.clocks.theirs(since));
                !self.truth.is_killed(since, since.plus(soon)) && moved <= attempt.at.since(since)
            };
            if let Some((since, until)) = asked.get(&key)
                && attempt.at < *until
                && heard(*since)
            {
                let at = after(self.truth.scenario, attempt.at);
                self.broken.push(format!("I8: {} is called at {at} though it asked not to be", attempt.group_key));
            }
            if let Some(until) = attempt.busy_until {
                asked.insert(key, (attempt.at, until));
            }
        }
    }
}

type Content<'a> = BTreeSet<(&'a LabelSet, Timestamp, Option<Timestamp>)>;

fn content(delivered: &Delivered) -> Content<'_> {
    delivered.notification.alerts.iter().map(|alert| (&alert.labels, alert.starts_at, alert.resolved_at)).collect()
}
