//! The promises hold for any story: random alerts, silences, outcomes, reloads and restarts.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use model::labels::Fingerprint;
use model::{LabelSet, Matcher, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use super::stage::{Reply, Stage, config, labels, seconds};
use crate::config::Config;
use crate::notification::Reason;
use crate::notifier::Delivery;

#[derive(Clone, Debug)]
enum Step {
    Wait(u32),
    Fire(usize, Option<u32>),
    Resolve(usize),
    Silence(usize, u32, u32),
    Expire(usize),
    /// How the receivers answer from now on.
    Weather(usize, u32),
    Restart(u32),
    Reload(usize),
}

const ALERTS: usize = 12;
const REPEAT_S: f64 = 90.0;

fn alert_labels(which: usize) -> LabelSet {
    labels(&format!("team={} sev={} i={}", ["a", "b", "c"][which % 3], ["crit", "warn"][which / 3 % 2], which / 6))
}

/// Route by team; team b moves to another route in the second configuration.
fn configs() -> [Arc<Config>; 2] {
    ["both", "solo"].map(|receiver| {
        config(&format!(
            "route: {{receiver: solo, group_by: [team], group_wait: 2s, group_interval: 5s, repeat_interval: 90s, routes: [
  {{matchers: ['team=~\"a|c\"'], receiver: both, continue: true}},
  {{matchers: [team=b], receiver: {receiver}, group_by: [sev], group_interval: 7s}},
  {{matchers: [team=c], receiver: solo, mute_time_intervals: [window]}}]}}
receivers: [{{name: solo, webhook_configs: [{{url: 'http://s'}}]}},
  {{name: both, webhook_configs: [{{url: 'http://x'}}, {{url: 'http://y', send_resolved: false}}, {{url: 'http://z'}}]}}]
inhibit_rules: [{{source_matchers: [sev=crit], target_matchers: [sev=warn], equal: [team, i]}}]
time_intervals: [{{name: window, time_intervals: [{{times: [{{start_time: '00:01', end_time: '00:02'}}]}}]}}]"
        ))
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u32..120).prop_map(Step::Wait),
        6 => (0..ALERTS, proptest::option::of(20u32..600)).prop_map(|(which, good)| Step::Fire(which, good)),
        4 => (0..ALERTS).prop_map(Step::Resolve),
        1 => (0..4usize, 0u32..50, 10u32..400).prop_map(|(what, start, length)| Step::Silence(what, start, length)),
        1 => (0..8usize).prop_map(Step::Expire),
        2 => (0..5usize, 0u32..200).prop_map(|(kind, length)| Step::Weather(kind, length)),
        1 => (0u32..100).prop_map(Step::Restart),
        1 => (0..2usize).prop_map(Step::Reload),
    ]
}

/// What the far side knows, and what it must not see.
#[derive(Default)]
struct Witness {
    /// By group and integration.
    told: BTreeMap<(String, String, usize), Told>,
    seen: usize,
    attempts: usize,
}

type Episodes = BTreeSet<(Fingerprint, Timestamp)>;

#[derive(Clone, Default)]
struct Told {
    /// When, who fired, who was resolved: an alert that fires again has another start.
    last: Option<(f64, Episodes, Episodes)>,
    open: BTreeMap<Fingerprint, bool>,
    closed_at: BTreeMap<Fingerprint, Timestamp>,
    /// A restart or a reload that drops groups lost the outcome of an attempt: a duplicate is forgiven.
    pardon: usize,
}

struct Story {
    stage: Stage,
    weather: Rc<RefCell<(usize, f64)>>,
    configs: [Arc<Config>; 2],
    present: usize,
    witness: Witness,
    silences: Vec<Uuid>,
}

impl Story {
    fn new() -> Self {
        let configs = configs();
        let weather = Rc::new(RefCell::new((0, 0.0)));
        let seen = Rc::clone(&weather);
        let stage = Stage::new(Arc::clone(&configs[0])).script(move |delivery, now| {
            let (kind, until) = *seen.borrow();
            match kind {
                _ if now > until => Reply::Ok,
                1 if delivery.integration.index == 0 => Reply::FailAfter(0.3, None),
                2 => Reply::OkAfter(6.1),
                3 => Reply::FailAfter(0.2, Some(11.0)),
                4 if delivery.integration.index == 2 => Reply::Reject,
                _ => Reply::Ok,
            }
        });
        Self { stage, weather, configs, present: 0, witness: Witness::default(), silences: Vec::new() }
    }

    fn perform(&mut self, step: &Step) {
        let now = seconds(self.stage.now);
        match step {
            Step::Wait(tenths) => {
                // In small steps, so that the witness sees the state that a decision was made in.
                for part in 1..=*tenths {
                    self.stage.at(now + f64::from(part) / 10.0);
                    self.watch();
                }
            }
            Step::Fire(which, good) => {
                let ends_at = good.map(|tenths| super::stage::t(now + f64::from(tenths) / 10.0));
                let labels = alert_labels(*which);
                self.stage.push([model::Alert {
                    labels,
                    ends_at,
                    starts_at: Some(self.stage.now),
                    ..super::stage::alert("")
                }]);
            }
            Step::Resolve(which) => {
                let labels = alert_labels(*which);
                let ends_at = Some(self.stage.now);
                self.stage.push([model::Alert { labels, ends_at, ..super::stage::alert("") }]);
            }
            Step::Silence(what, start, length) => {
                let matcher = match what {
                    0 => Matcher::equal("team", "a"),
                    1 => Matcher::equal("i", "1"),
                    2 => Matcher::new("team", model::MatchOp::Regex, "b|c").unwrap(),
                    _ => Matcher::new("sev", model::MatchOp::NotEqual, "warn").unwrap(),
                };
                let start = now + f64::from(*start) / 10.0;
                let id = self.stage.silence(&[matcher], start, start + f64::from(*length) / 10.0);
                self.silences.push(id);
            }
            Step::Expire(which) => {
                if let Some(id) = self.silences.get(*which).copied() {
                    self.stage.expire(id);
                }
            }
            Step::Weather(kind, tenths) => *self.weather.borrow_mut() = (*kind, now + f64::from(*tenths) / 10.0),
            Step::Restart(tenths) => {
                self.witness.lose_sight(&self.stage);
                self.stage.restart(f64::from(*tenths) / 10.0);
            }
            Step::Reload(which) => {
                if *which != self.present {
                    self.witness.lose_sight(&self.stage);
                }
                self.present = *which;
                self.stage.reload(Arc::clone(&self.configs[*which]));
            }
        }
        let now = seconds(self.stage.now);
        self.stage.at(now);
        self.watch();
    }

    fn watch(&mut self) {
        for (at, delivery) in &self.stage.attempts[self.witness.attempts..] {
            if delivery.attempt == 1 && delivery.notification.at == self.stage.now {
                self.nothing_hidden_is_told(*at, delivery);
            }
        }
        self.witness.attempts = self.stage.attempts.len();
        for (at, delivery) in &self.stage.taken[self.witness.seen..] {
            self.witness.hear(*at, delivery);
        }
        self.witness.seen = self.stage.taken.len();
    }

    /// Promise 4, against plain matching.
    fn nothing_hidden_is_told(&self, at: f64, delivery: &Delivery) {
        for alert in &delivery.notification.alerts {
            assert!(!self.is_hidden(&alert.labels), "{at}: {} is told though hidden", alert.labels);
            let c_window = delivery.notification.group_key.contains("team=\"c\"}:") && (60.0..120.0).contains(&at);
            assert!(!(c_window && delivery.receiver.name == "solo"), "{at}: told through a muted route");
        }
    }

    fn is_hidden(&self, labels: &LabelSet) -> bool {
        let now = self.stage.now;
        let silenced =
            self.stage.notifier.silences().any(|s| s.starts_at <= now && now < s.ends_at && s.matches(labels));
        let inhibits = |source: &LabelSet| {
            source.get("sev") == Some("crit") && ["team", "i"].iter().all(|name| source.get(name) == labels.get(name))
        };
        let inhibited =
            labels.get("sev") == Some("warn") && self.stage.notifier.alerts(now).any(|a| inhibits(&a.labels()));
        silenced || inhibited
    }

    /// Everything mends: the receivers work, silences end, and alerts go on as they are.
    fn mend(&mut self) {
        self.weather.borrow_mut().0 = 0;
        let now = seconds(self.stage.now);
        for id in self.silences.clone() {
            self.stage.expire(id);
        }
        let firing: Vec<LabelSet> = self.stage.notifier.alerts(self.stage.now).map(|alert| alert.labels()).collect();
        let ends_at = Some(super::stage::t(now + 500.0));
        self.stage.push(firing.into_iter().map(|labels| model::Alert { labels, ends_at, ..super::stage::alert("") }));
        // Past the mute window, a wait that was asked for, and a full interval.
        for part in 1..=160u32 {
            self.stage.at(now + f64::from(part));
            self.watch();
        }
    }

    /// Promises 1 and 3 once all is well: who fires is known to fire, who does not is not.
    fn everybody_knows(&self) {
        for group in self.stage.notifier.groups(self.stage.now) {
            for alert in group.alerts().filter(|alert| !self.is_hidden(&alert.labels())) {
                for (key, told) in &self.witness.told {
                    if key.0 == group.key() && key.1 == group.receiver() {
                        let open = told.open.get(&alert.fingerprint()).copied().unwrap_or(false);
                        assert!(open, "{key:?} does not know that {} fires", alert.labels());
                    }
                }
                let integrations = if group.receiver() == "both" { 3 } else { 1 };
                let hearing = self.witness.told.keys().filter(|key| key.0 == group.key() && key.1 == group.receiver());
                assert_eq!(hearing.count(), integrations, "{} {}", group.key(), group.receiver());
            }
        }
    }

    fn all_is_closed(&mut self) {
        let now = seconds(self.stage.now);
        let firing: Vec<LabelSet> = self.stage.notifier.alerts(self.stage.now).map(|alert| alert.labels()).collect();
        let ends_at = Some(self.stage.now);
        self.stage.push(firing.into_iter().map(|labels| model::Alert { labels, ends_at, ..super::stage::alert("") }));
        self.stage.at(now + 60.0);
        self.watch();
        assert_eq!(self.stage.notifier.group_count(), 0);
        let kinds: BTreeSet<&str> = self.stage.store.keys().filter_map(|key| key.split('/').next()).collect();
        assert!(!kinds.contains("alert") && !kinds.contains("group"), "{kinds:?}");
        for ((group, receiver, index), told) in &self.witness.told {
            let hears_resolves = (receiver.as_str(), *index) != ("both", 1);
            if hears_resolves {
                let open: Vec<_> = told.open.iter().filter(|(_, open)| **open).collect();
                assert!(open.is_empty(), "{group} {receiver}/{index} still believes in {open:?}");
            }
        }
    }
}

impl Witness {
    /// What is under way now may be told twice, and its outcome is lost.
    fn lose_sight(&mut self, stage: &Stage) {
        for (_, delivery) in &stage.taken {
            let reported = !stage.replies.iter().any(|(_, id, _)| *id == delivery.id);
            if !reported {
                self.told.entry(key(delivery)).or_default().pardon += 1;
            }
        }
    }

    fn hear(&mut self, at: f64, delivery: &Delivery) {
        let notification = &delivery.notification;
        let set = |resolved: bool| {
            let alerts = notification.alerts.iter().filter(|alert| alert.resolved_at.is_some() == resolved);
            alerts.map(|alert| (alert.fingerprint, alert.starts_at)).collect::<BTreeSet<_>>()
        };
        let (firing, resolved) = (set(false), set(true));
        assert!(!(firing.is_empty() && resolved.is_empty()), "{at}: an empty notification");
        let told = self.told.entry(key(delivery)).or_default();
        let forgiven = told.pardon > 0;
        if let Some((before, f, r)) = &told.last
            && (f, r) == (&firing, &resolved)
            && !forgiven
        {
            assert!(
                matches!(notification.reason, Reason::RepeatInterval | Reason::Unmuted),
                "{at}: the same content again ({before}), {:?}: {:?}",
                notification.reason,
                key(delivery)
            );
            let is_repeat = notification.reason == Reason::RepeatInterval;
            assert!(!is_repeat || at - before >= REPEAT_S, "{at}: repeated too soon after {before}");
        }
        for alert in &notification.alerts {
            match alert.resolved_at {
                None => drop(told.open.insert(alert.fingerprint, true)),
                Some(end) => {
                    let was_open = told.open.insert(alert.fingerprint, false) == Some(true);
                    let before = told.closed_at.insert(alert.fingerprint, end);
                    let again = !was_open && before == Some(end);
                    assert!(!again || forgiven, "{at}: {} is resolved again: {:?}", alert.labels, key(delivery));
                }
            }
        }
        told.last = Some((at, firing, resolved));
    }
}

fn key(delivery: &Delivery) -> (String, String, usize) {
    (delivery.notification.group_key.clone(), delivery.receiver.name.clone(), delivery.integration.index)
}

fn tell(steps: &[Step]) -> Story {
    let mut story = Story::new();
    for step in steps {
        story.perform(step);
    }
    story
}

/// The integration that hears of no resolves had closed it; but that it was over was only written down at the next flush.
#[test]
fn an_alert_that_ran_out_while_it_was_told_does_not_fire_again_after_a_restart() {
    let steps = [Step::Fire(2, Some(71)), Step::Weather(2, 20), Step::Wait(81), Step::Restart(0)];
    let mut story = tell(&steps);
    story.mend();
    story.everybody_knows();
    story.all_is_closed();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_promises_hold(steps in proptest::collection::vec(step(), 1..90)) {
        let mut story = tell(&steps);
        story.mend();
        story.everybody_knows();
        story.all_is_closed();
    }

    #[test]
    fn the_same_story_is_told_the_same(steps in proptest::collection::vec(step(), 1..40)) {
        let tale = |story: Story| {
            let attempts: Vec<String> = story.stage.attempts.iter().map(|(at, d)| format!("{at} {:?} {:?}", d.id, d.notification)).collect();
            (attempts, story.stage.store)
        };
        let (first, second) = (tale(tell(&steps)), tale(tell(&steps)));
        prop_assert_eq!(first.0, second.0);
        prop_assert_eq!(first.1, second.1);
    }
}
