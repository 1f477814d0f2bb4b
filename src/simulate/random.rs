//! Random stories from a seed, and what must be true of each: the invariants of `ARCHITECTURE.md`.

mod calendar;
mod clocks;
mod day;
mod escalations;
mod laws;
mod promises;
mod taken;
mod truth;
mod visible;

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::source::SourceFile;
use model::{Alert, LabelSet, Matcher, Timestamp};

use super::scenario::{Event, Failure, Scenario, Via};
use super::timeline::Rendering;
use super::world;

/// The group `app` is due here, and each minute from here on.
const HEAD: &str = "
start: 2026-01-05T08:55:55.234666139Z
length: 1h40m
rules: |
  groups:
    - name: app
      rules:
        - {alert: Held, expr: held, for: 2m, labels: {team: z}}
        - {alert: Kept, expr: kept, keep_firing_for: 3m, labels: {team: z}}
config: |
  route:
    receiver: a
    group_by: [team]
    group_wait: 30s
    group_interval: 1m
    repeat_interval: 20m
    routes:
      - {matchers: [team=x], receiver: b, continue: true}
      - {matchers: [team=x], receiver: a, group_by: []}
      - {matchers: [team=y], receiver: b, group_by: ['...'], group_wait: 10s, group_interval: 2m}
  receivers:
    - {name: a, webhook_configs: [{url: 'http://0'}, {url: 'http://1', send_resolved: false}]}
    - {name: b, webhook_configs: [{url: 'http://2'}], pagerduty_configs: [{routing_key: k}]}
  inhibit_rules: [{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [team, n]}]
";

/// So many broken laws are named.
const SHOWN: usize = 40;

/// Events end here; what follows is calm.
const STORM: u64 = 58 * 60;
/// Whatever still fires is resolved.
const AFTERMATH: Duration = Duration::from_secs(3600);

/// A story in the making.
struct Author {
    chance: fastrand::Rng,
    scenario: Scenario,
    downs: Vec<(u64, u64)>,
}

/// The story of a seed.
fn story(seed: u64) -> Scenario {
    let mut chance = fastrand::Rng::with_seed(seed);
    let text = format!("{HEAD}{}", answers(&mut chance));
    let file = SourceFile::new(format!("seed {seed}"), text);
    let mut scenario = Scenario::parse(&file, Path::new("")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    scenario.seed = seed;
    scenario.latency = Duration::from_millis(chance.choice([0, 0, 300, 2000]).unwrap_or(0));
    let mut author = Author { chance, scenario, downs: Vec::new() };
    author.restarts();
    author.alerts();
    author.silences();
    author.faults();
    author.scenario.events.sort_by_key(|(at, _)| *at);
    author.scenario
}

/// Series for the two rules: spells and gaps of a few minutes each, over before the storm is.
fn answers(chance: &mut fastrand::Rng) -> String {
    let mut text = "answers:\n".to_owned();
    for rule in ["Held", "Kept"] {
        text += &format!("  - rule: {rule}\n    series:\n");
        for n in 0..3 {
            let mut values = "_".to_owned();
            let mut minutes = 1;
            while minutes < 50 {
                let (gap, spell) = (chance.u64(1..8), chance.u64(1..12));
                values += &format!(" _x{gap} 1x{}", spell - 1);
                minutes += gap + spell;
            }
            text += &format!("      - {{labels: {{n: '{n}'}}, values: {values}}}\n");
        }
    }
    text
}

impl Author {
    fn at(&mut self, ms: u64, event: Event) {
        self.scenario.events.push((Duration::from_millis(ms), event));
    }

    fn is_down(&self, ms: u64) -> bool {
        self.downs.iter().any(|(from, to)| (*from..=*to).contains(&ms))
    }

    fn ms(&mut self, seconds: std::ops::Range<u64>) -> u64 {
        self.chance.u64(seconds.start * 1000..seconds.end * 1000)
    }

    fn restarts(&mut self) {
        let mut ms = self.ms(60..2000);
        for _ in 0..self.chance.u32(0..4) {
            let down = self.chance.choice([0, 1, 20_000, 300_000]).unwrap_or(0);
            if ms + down > (STORM - 60) * 1000 {
                break;
            }
            self.at(ms, Event::Restart(Duration::from_millis(down)));
            self.downs.push((ms, ms + down));
            ms += down + self.ms(1..1500);
        }
    }

    fn alerts(&mut self) {
        let mut aftermath = Vec::new();
        for which in 0..10u64 {
            let labels = LabelSet::from_pairs([
                ("alertname", format!("A{which}")),
                ("team", ["x", "y", "z"][which as usize % 3].to_owned()),
                ("severity", ["critical", "warning"][which as usize / 3 % 2].to_owned()),
                ("n", (which / 6).to_string()),
            ]);
            let mut ms = self.ms(1..900);
            while ms < STORM * 1000 {
                let alert = self.alert(&labels, ms, Duration::from_secs(24 * 3600));
                self.at(ms, Event::Alerts(vec![alert]));
                ms += self.ms(5..1200);
                if ms >= STORM * 1000 {
                    break;
                }
                let alert = self.alert(&labels, ms, Duration::ZERO);
                self.at(ms, Event::Alerts(vec![alert]));
                ms += self.ms(5..900);
            }
            aftermath.push(self.alert(&labels, AFTERMATH.as_millis() as u64, Duration::ZERO));
        }
        self.at(AFTERMATH.as_millis() as u64, Event::Alerts(aftermath));
    }

    /// Fires for so long from now on; for nothing: is over.
    fn alert(&self, labels: &LabelSet, ms: u64, valid: Duration) -> Alert {
        let now = self.scenario.start.plus(Duration::from_millis(ms));
        Alert {
            labels: labels.clone(),
            annotations: LabelSet::empty(),
            starts_at: Some(now),
            ends_at: Some(now.plus(valid)),
            generator_url: "".into(),
        }
    }

    fn silences(&mut self) {
        for number in 0..self.chance.u32(0..6) {
            let (ms, length) = (self.ms(0..STORM - 1300), self.ms(10..1200));
            if self.is_down(ms) {
                continue;
            }
            let (name, value) =
                self.chance.choice([("team", "x"), ("team", "y"), ("team", "z"), ("n", "0")]).unwrap_or(("n", "1"));
            let silence = Event::Silence {
                name: format!("s{number}"),
                matchers: vec![Matcher::equal(name, value)],
                starts_in: Duration::from_millis(self.chance.choice([0, 0, 45_000]).unwrap_or(0)),
                length: Duration::from_millis(length),
                until_resolved: false,
            };
            self.at(ms, silence);
            let expired = ms + self.chance.u64(1000..length + 60_000);
            if self.chance.bool() && !self.is_down(expired) {
                self.at(expired, Event::Expire(format!("s{number}")));
            }
        }
    }

    fn faults(&mut self) {
        for _ in 0..self.chance.u32(0..6) {
            let (ms, length) = (self.ms(0..STORM - 1300), self.ms(1..1200));
            let busy = Failure::Busy(Duration::from_secs(self.chance.u64(1..180)));
            let all = [Failure::Unwell, busy, Failure::Refusing, Failure::Hanging];
            let how = self.chance.choice(all).unwrap_or(busy);
            let receiver = self.chance.choice(["a", "b"]).unwrap_or("a").to_owned();
            let via = self.chance.bool().then(|| Via { kind: "webhook".to_owned(), index: Some(0) });
            self.at(ms, Event::Failing { receiver, via, how, until: Duration::from_millis(ms + length) });
        }
        for _ in 0..self.chance.u32(0..3) {
            let (ms, length) = (self.ms(0..STORM - 1300), self.ms(30..600));
            self.at(ms, Event::QueryOutage(Duration::from_millis(ms + length)));
        }
        for _ in 0..self.chance.u32(0..3) {
            let ms = self.ms(0..STORM);
            let config: Option<(PathBuf, String)> = self.scenario.config.clone();
            self.at(ms, Event::Reload { config, rules: None });
        }
    }
}

/// What a story came to.
struct Outcome {
    deliveries: usize,
    restarts: usize,
    broken: Vec<String>,
}

fn outcome(seed: u64) -> Outcome {
    let scenario = story(seed);
    let timeline = world::play(&scenario).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let mut broken = laws::broken(&scenario, &timeline);
    if seed.is_multiple_of(10) && world::play(&story(seed)).unwrap() != timeline {
        broken.push("8: the same seed gives another timeline".to_owned());
    }
    Outcome {
        deliveries: timeline.deliveries.len(),
        restarts: scenario.events.iter().filter(|(_, event)| matches!(event, Event::Restart(_))).count(),
        broken: broken.into_iter().map(|law| format!("seed {seed}: {law}")).collect(),
    }
}

/// Every invariant on a few hundred stories. `WATCHFIRE_SEEDS=4000-9000` plays others.
#[test]
#[expect(clippy::print_stderr, reason = "figures for whoever asks with --nocapture")]
fn random_stories_keep_the_invariants() {
    let outcomes = on_two_threads(&seeds("WATCHFIRE_SEEDS", "0-250"), outcome);
    let deliveries: usize = outcomes.iter().map(|outcome| outcome.deliveries).sum();
    let restarts: usize = outcomes.iter().map(|outcome| outcome.restarts).sum();
    let broken: Vec<&String> = outcomes.iter().flat_map(|outcome| &outcome.broken).collect();
    eprintln!("{} stories, {deliveries} deliveries, {restarts} restarts", outcomes.len());
    let shown: Vec<&str> = broken.iter().take(20).map(|law| law.as_str()).collect();
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), shown.join("\n"));
    assert!(deliveries > 50 * outcomes.len() && (restarts > 0 || outcomes.len() < 20), "the stories are too quiet");
}

/// Every promise on a few hundred days. `WATCHFIRE_DAYS=0-10000` plays others.
#[test]
#[expect(clippy::print_stderr, reason = "figures for whoever asks with --nocapture")]
fn random_days_keep_the_promises() {
    let days = seeds("WATCHFIRE_DAYS", "0-300");
    let ears = promises::ears();
    let broken_on = |seed: u64| {
        let scenario = day::day(seed);
        let timeline = world::play(&scenario).unwrap_or_else(|error| panic!("day {seed}: {error}"));
        let mut broken = promises::broken(&scenario, &timeline, &ears);
        if seed.is_multiple_of(10) && world::play(&day::day(seed)).unwrap() != timeline {
            broken.push("I12: the same seed gives another timeline".to_owned());
        }
        let broken: Vec<String> = broken.into_iter().map(|law| format!("day {seed}: {law}")).collect();
        if days.len() == 1 {
            let downs = timeline
                .downs
                .iter()
                .map(|(from, to)| format!("down from {} to {}", after(&scenario, *from), after(&scenario, *to)));
            eprintln!("{}\n{}\n{timeline}", day::told(&scenario), downs.collect::<Vec<_>>().join("\n"));
        }
        let plain = timeline.attempts.iter().filter(|it| matches!(it.rendering, Some(Rendering::Plain { .. })));
        let owed = timeline.owed.iter().flat_map(|(_, owed)| owed).filter(|one| one.count > 0);
        let (deliveries, kills, moves) = (timeline.deliveries.len(), timeline.downs.len(), timeline.clocks.len());
        ([deliveries, kills, moves, plain.count(), owed.count(), timeline.answers.len()], broken)
    };
    let outcomes = on_two_threads(&days, broken_on);
    let sum = |which: usize| outcomes.iter().map(|(figures, _)| figures[which]).sum::<usize>();
    let [deliveries, kills, moves, plain, owed, answers] = [0, 1, 2, 3, 4, 5].map(sum);
    eprintln!(
        "{} days, {deliveries} deliveries ({plain} attempts in plain form), {kills} kills, {moves} clocks moved, {owed} minutes with debts, {answers} answers",
        outcomes.len()
    );
    let broken: Vec<&str> = outcomes.iter().flat_map(|(_, broken)| broken).map(String::as_str).collect();
    // The first break of each promise on a day explains the others.
    let mut laws = std::collections::BTreeSet::new();
    let is_first = |law: &&&str| laws.insert(law.split(": ").take(2).collect::<String>());
    let shown: Vec<&str> = broken.iter().filter(is_first).take(SHOWN).copied().collect();
    assert!(broken.is_empty(), "{} broken, replay with WATCHFIRE_DAYS=N-N+1:\n{}", broken.len(), shown.join("\n"));
    assert!(deliveries > 30 * outcomes.len(), "the days are too quiet");
    assert!(outcomes.len() < 50 || [kills, moves, plain, owed, answers].iter().all(|count| *count > 0), "too quiet");
}

fn seeds(variable: &str, default: &str) -> Vec<u64> {
    let range = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    let (first, end) = range.split_once('-').expect("a range such as 0-250");
    (first.parse().unwrap()..end.parse().unwrap()).collect()
}

fn on_two_threads<T: Send>(seeds: &[u64], outcome: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let shares = seeds.chunks(seeds.len().div_ceil(2).max(1));
    let outcome = &outcome;
    std::thread::scope(|scope| {
        let threads: Vec<_> = shares
            .map(|share| scope.spawn(move || share.iter().map(|seed| outcome(*seed)).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// A timestamp as the time after the start, for messages.
fn after(scenario: &Scenario, at: Timestamp) -> String {
    model::duration::format_duration(at.since(scenario.start))
}
