//! A day of an on-call rota from a seed: alerts, silences, mutes, inhibitions, receivers that fail, configurations that are
//! rearranged under way, kills amid the notifier's own work, clocks that are set back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::Matcher;
use model::source::SourceFile;
use notifier::schedule::WrittenSchedule;

use super::super::scenario::{Event, Failure, Scenario, Via};
use super::Author;
use super::calendar::{self, DAYS};

/// Whatever still fires is resolved.
const AFTERMATH: u64 = 22 * 3600;
/// Nothing happens later but that.
const STORM: u64 = 21 * 3600;
/// When nobody hears of team w, in seconds of the day.
pub(super) const NOON: std::ops::Range<u64> = 12 * 3600..13 * 3600 + 1800;

/// A configuration; each bit of `variant` rearranges something, and leaves whom it tells.
pub(super) fn config(variant: u8) -> String {
    let is = |bit: u8| variant & (1 << bit) != 0;
    let [own, quiet] = ["{url: 'http://a0'}", "{url: 'http://a1', send_resolved: false}"];
    let hooks = if is(0) { format!("{quiet}, {own}") } else { format!("{own}, {quiet}") };
    let x = if is(1) { r#"'team=~"x|X"'"# } else { "team=x" };
    let other = if is(2) { "c" } else { "b" };
    let y = if is(3) { "a" } else { other };
    let grouping = if is(4) { "[n]" } else { "[]" };
    // It fails where there is but one alert.
    let text = if is(5) { ", description: '{{ (index .Alerts 1).Status }}'" } else { "" };
    format!(
        "route:
  receiver: a
  group_by: [team]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  routes:
    - {{matchers: [{x}], receiver: {other}, continue: true}}
    - {{matchers: [{x}], receiver: a, group_by: {grouping}}}
    - {{matchers: [team=y], receiver: {y}, group_by: ['...'], group_wait: 10s}}
    - {{matchers: [team=w], receiver: a, mute_time_intervals: [noon]}}
receivers:
  - {{name: a, webhook_configs: [{hooks}]}}
  - {{name: {other}, webhook_configs: [{{url: 'http://b0'}}], pagerduty_configs: [{{routing_key: k{text}}}]}}
inhibit_rules: [{{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [team, n]}}]
time_intervals: [{{name: noon, time_intervals: [{{times: [{{start_time: '12:00', end_time: '13:30'}}]}}]}}]
"
    )
}

/// The day of a seed.
pub(super) fn day(seed: u64) -> Scenario {
    let mut chance = fastrand::Rng::with_seed(seed);
    let start = chance.choice(DAYS).unwrap_or(DAYS[0]);
    let file = SourceFile::new(format!("day {seed}"), format!("start: {start}\nlength: 24h\n"));
    let mut scenario = Scenario::parse(&file, Path::new("")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    scenario.seed = seed;
    scenario.is_watched = true;
    scenario.latency = Duration::from_millis(chance.choice([0, 0, 300, 2000]).unwrap_or(0));
    scenario.config = Some((PathBuf::from("day.yml"), config(chance.choice([0, 32]).unwrap_or(0))));
    let mut author = Author { chance, scenario, downs: Vec::new() };
    author.spells();
    author.quiet_hours();
    author.kills();
    author.troubles();
    author.rearrangements();
    author.takings();
    author.scenario.events.sort_by_key(|(at, _)| *at);
    author.scenario
}

impl Author {
    /// Alerts fire for minutes or hours, and come back: sometimes within a group's interval.
    fn spells(&mut self) {
        let mut aftermath = Vec::new();
        for which in 0..8u64 {
            let labels = model::LabelSet::from_pairs([
                ("alertname", format!("A{which}")),
                ("team", ["x", "y", "z", "w"][which as usize % 4].to_owned()),
                ("severity", ["critical", "warning"][which as usize / 4].to_owned()),
                ("n", (which % 3).to_string()),
            ]);
            let mut ms = self.ms(1..4 * 3600);
            while ms < STORM * 1000 {
                let alert = self.alert(&labels, ms, Duration::from_secs(48 * 3600));
                self.at(ms, Event::Alerts(vec![alert]));
                ms += if self.chance.bool() { self.ms(5..900) } else { self.ms(900..5 * 3600) };
                if ms >= STORM * 1000 {
                    break;
                }
                let alert = self.alert(&labels, ms, Duration::ZERO);
                self.at(ms, Event::Alerts(vec![alert]));
                ms += if self.chance.bool() { self.ms(5..600) } else { self.ms(600..4 * 3600) };
            }
            aftermath.push(self.alert(&labels, AFTERMATH * 1000, Duration::ZERO));
        }
        self.at(AFTERMATH * 1000, Event::Alerts(aftermath));
    }

    fn quiet_hours(&mut self) {
        for number in 0..self.chance.u32(0..7) {
            let (ms, length) = (self.ms(0..STORM - 3 * 3600), self.ms(20..3 * 3600));
            let matcher = [("team", "x"), ("team", "y"), ("team", "z"), ("n", "0"), ("severity", "critical")];
            let (name, value) = self.chance.choice(matcher).unwrap_or(("n", "1"));
            let silence = Event::Silence {
                name: format!("s{number}"),
                matchers: vec![Matcher::equal(name, value)],
                starts_in: Duration::from_millis(self.chance.choice([0, 0, 45_000]).unwrap_or(0)),
                length: Duration::from_millis(length),
                until_resolved: self.chance.u8(0..3) == 0,
            };
            self.at(ms, silence);
            if self.chance.bool() {
                let expired = ms + self.chance.u64(1000..length + 60_000);
                self.at(expired, Event::Expire(format!("s{number}")));
            }
        }
        for number in 0..self.chance.u32(0..3) {
            let (name, ms) = (format!("m{number}"), self.ms(0..STORM));
            let (label, value) = self.chance.choice([("team", "x"), ("team", "z"), ("n", "1")]).unwrap_or(("n", "1"));
            let matchers = vec![Matcher::equal(label, value)];
            let schedule = calendar::schedule(&mut self.chance);
            self.at(ms, Event::Maintenance { name: name.clone(), matchers, schedule });
            // One that went on would hide the last resolves, which are then owed beyond the day.
            let ended = if self.chance.bool() { ms + self.ms(60..8 * 3600) } else { STORM * 1000 };
            self.at(ended.min(STORM * 1000), Event::Expire(name));
        }
    }

    fn kills(&mut self) {
        for _ in 0..self.chance.u32(0..5) {
            let (ms, down) = (self.ms(60..STORM - 3600), self.chance.choice([0, 1, 20_000, 900_000]).unwrap_or(0));
            let down = Duration::from_millis(down);
            let event = match self.chance.u32(0..3) {
                0 => Event::Restart(down),
                _ => Event::Crash { effects: self.chance.usize(0..24), down },
            };
            self.at(ms, event);
        }
        // So that a story which cannot know its kills is told as one.
        self.at(0, Event::Crash { effects: usize::MAX, down: Duration::ZERO });
        for _ in 0..self.chance.choice([0, 0, 0, 0, 0, 1, 1, 2]).unwrap_or(0) {
            let (ms, step) = (self.ms(60..STORM), self.ms(2..600));
            // One in ten is that of somebody who mends the time zone instead of the offset.
            let step = Duration::from_millis(if step < 540_000 { step } else { 3_600_000 });
            let event = if self.chance.u8(0..3) == 0 { Event::ClockForward(step) } else { Event::ClockBack(step) };
            self.at(ms, event);
        }
    }

    fn troubles(&mut self) {
        for _ in 0..self.chance.u32(0..6) {
            let (ms, length) = (self.ms(0..STORM - 3 * 3600), self.ms(1..3600));
            let busy = Failure::Busy(Duration::from_secs(self.chance.u64(1..1200)));
            let all = [Failure::Unwell, busy, Failure::Refusing, Failure::Hanging];
            let how = self.chance.choice(all).unwrap_or(busy);
            let until = Duration::from_millis(ms + length);
            // Whatever the receiver is called by then.
            let names: &[&str] = if self.chance.bool() { &["a"] } else { &["b", "c"] };
            let kind = self.chance.choice([None, None, Some("webhook"), Some("pagerduty")]).flatten();
            for name in names {
                let via = kind.map(|kind: &str| Via { kind: kind.to_owned(), index: None });
                self.at(ms, Event::Failing { receiver: (*name).to_owned(), via, how, until });
            }
        }
    }

    /// Somebody takes alerts on, for good or for a while, and sometimes gives them back.
    fn takings(&mut self) {
        for _ in 0..self.chance.u32(0..5) {
            let ms = self.ms(60..STORM);
            let matcher = [("team", "x"), ("team", "y"), ("team", "z"), ("n", "0"), ("severity", "critical")];
            let (name, value) = self.chance.choice(matcher).unwrap_or(("n", "1"));
            let matchers = vec![Matcher::equal(name, value)];
            let length = (self.chance.u8(0..3) == 0).then(|| Duration::from_millis(self.ms(600..6 * 3600)));
            self.at(ms, Event::Acknowledge { matchers: matchers.clone(), by: "ann".to_owned(), length });
            if self.chance.u8(0..4) == 0 {
                let back = ms + self.ms(60..4 * 3600);
                self.at(back.min(STORM * 1000), Event::Unacknowledge(matchers));
            }
        }
    }

    fn rearrangements(&mut self) {
        for _ in 0..self.chance.u32(0..6) {
            let (ms, variant) = (self.ms(0..STORM), self.chance.u8(0..64));
            let config = Some((PathBuf::from("day.yml"), config(variant)));
            self.at(ms, Event::Reload { config, rules: None });
        }
    }
}

/// What happens in a story, line by line, for whoever replays it.
pub(super) fn told(scenario: &Scenario) -> String {
    let line = |(at, event): &(Duration, Event)| {
        let text = match event {
            Event::Alerts(alerts) => {
                let fires = |alert: &model::Alert| if alert.ends_at > alert.starts_at { "fires" } else { "is over" };
                alerts.iter().map(|alert| format!("{} {}, ", alert.labels, fires(alert))).collect()
            }
            Event::Silence { name, matchers, starts_in, length, until_resolved } => {
                let until = if *until_resolved { " or until resolved" } else { "" };
                format!("silence {name} {} in {starts_in:?} for {length:?}{until}", matchers[0])
            }
            Event::Maintenance { name, matchers, schedule } => {
                let WrittenSchedule { cron, duration, timezone, .. } = schedule;
                format!("silence {name} {} at {cron} {timezone} for {duration:?}", matchers[0])
            }
            Event::Expire(name) => format!("silence {name} ends"),
            Event::Acknowledge { matchers, length, .. } => format!("{} taken on, for {length:?}", matchers[0]),
            Event::Unacknowledge(matchers) => format!("{} given back", matchers[0]),
            Event::Restart(down) => format!("restart {down:?}"),
            Event::Crash { effects, down } => format!("crash after {effects} effects, {down:?}"),
            Event::ClockBack(step) => format!("clock back {step:?}"),
            Event::ClockForward(step) => format!("clock forward {step:?}"),
            Event::Failing { receiver, via, how, until } => {
                let kind = via.as_ref().map_or("", |via| &via.kind);
                format!("{receiver} {kind} {how:?} until {until:?}")
            }
            Event::Reload { config, .. } => {
                let text = config.as_ref().map(|(_, text)| text.as_str()).unwrap_or_default();
                let variant = (0..64).find(|variant| self::config(*variant) == text);
                format!("reload {:06b}", variant.unwrap_or_default())
            }
            _ => String::new(),
        };
        format!("{:>14} {text}", model::duration::format_duration(*at))
    };
    scenario.events.iter().map(line).collect::<Vec<_>>().join("\n")
}
