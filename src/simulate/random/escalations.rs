//! Steps through kills: each runs once, in time, for what nobody has taken on, and for nothing else.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use model::source::SourceFile;
use model::{LabelSet, Matcher, Timestamp};
use notifier::notification::Reason;

use super::super::scenario::{Event, Scenario};
use super::super::world;
use super::{Author, after, on_two_threads, seeds};

const HEAD: &str = "
length: 6h
config: |
  route:
    receiver: team
    group_by: [k]
    group_wait: 30s
    group_interval: 5m
    repeat_interval: 24h
    escalate: [{after: 12m, to: boss}, {after: 31m, to: chief}]
  receivers:
    - {name: team, webhook_configs: [{url: 'http://0'}]}
    - {name: boss, webhook_configs: [{url: 'http://1'}]}
    - {name: chief, webhook_configs: [{url: 'http://2'}]}
";

const STEPS: [(&str, Duration); 2] = [("boss", Duration::from_secs(12 * 60)), ("chief", Duration::from_secs(31 * 60))];

/// The longest time down, and what follows a start. What was decided before a kill may reach the team that much later.
const LATE: Duration = Duration::from_secs(3 * 60);

/// An alert: when it fires, is taken on, and is over.
struct Fate {
    name: String,
    begins: u64,
    taken: Option<u64>,
    ends: u64,
}

fn story(seed: u64) -> (Scenario, Vec<Fate>) {
    let chance = fastrand::Rng::with_seed(seed);
    let file = SourceFile::new(format!("seed {seed}"), HEAD);
    let mut scenario = Scenario::parse(&file, Path::new("")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    scenario.seed = seed;
    let mut author = Author { chance, scenario, downs: Vec::new() };
    let mut fates = Vec::new();
    for which in 0..6 {
        let begins = author.ms(60..2 * 3600);
        let ends = begins + author.ms(120..80 * 60);
        let taken = author.chance.bool().then(|| begins + author.chance.u64(1000..ends - begins));
        let name = format!("k{which}");
        let labels = LabelSet::from_pairs([("k", name.as_str())]);
        let fires = author.alert(&labels, begins, Duration::from_secs(24 * 3600));
        author.at(begins, Event::Alerts(vec![fires]));
        let over = author.alert(&labels, ends, Duration::ZERO);
        // Sources say it again; the first may find nobody.
        for ms in [ends, ends + 120_000] {
            author.at(ms, Event::Alerts(vec![over.clone()]));
        }
        if let Some(ms) = taken {
            let matchers = vec![Matcher::equal("k", &name)];
            author.at(ms, Event::Acknowledge { matchers, by: "ann".to_owned(), length: None });
        }
        fates.push(Fate { name, begins, taken, ends });
    }
    for _ in 0..author.chance.u32(0..6) {
        let ms = author.ms(60..3 * 3600);
        let down = Duration::from_millis(author.chance.choice([0, 1, 20_000, 60_000]).unwrap_or(0));
        let effects = author.chance.usize(0..16);
        let event = if author.chance.bool() { Event::Restart(down) } else { Event::Crash { effects, down } };
        author.at(ms, event);
    }
    author.at(0, Event::Crash { effects: usize::MAX, down: Duration::ZERO });
    author.scenario.events.sort_by_key(|(at, _)| *at);
    (author.scenario, fates)
}

fn broken(seed: u64) -> (usize, String) {
    let (scenario, fates) = story(seed);
    let timeline = world::play(&scenario).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let mut broken = String::new();
    let mut escalated = 0;
    let instant = |ms: u64| scenario.start.plus(Duration::from_millis(ms));
    let is_unheard = |ms: u64| timeline.unheard.contains(&instant(ms));
    for fate in fates.iter().filter(|fate| !is_unheard(fate.begins)) {
        let told = |who: &str, fires: bool| -> Vec<Timestamp> {
            let about = timeline.deliveries.iter().filter(|one| one.notification.receiver == who);
            let about = about.filter(|one| one.notification.group_labels.get("k") == Some(&fate.name));
            about.filter(|one| one.firing().next().is_some() == fires).map(|one| one.at).collect()
        };
        let Some(first) = told("team", true).first().copied() else { continue };
        let taken = fate.taken.filter(|ms| !is_unheard(*ms)).map(instant);
        let over = instant(fate.ends);
        let stops = taken.map_or(over, |taken| taken.min(over));
        for (who, delay) in STEPS {
            let (due, heard, closed) = (first.plus(delay), told(who, true), told(who, false));
            let kills = timeline.downs.len();
            let mut say = |what: &str| {
                // Writing to a text cannot fail.
                let _written = writeln!(
                    broken,
                    "seed {seed}: {} at {who}: {what} (told {}, due {}, stops {}, heard {:?})",
                    fate.name,
                    after(&scenario, first),
                    after(&scenario, due),
                    after(&scenario, stops),
                    heard.iter().map(|at| after(&scenario, *at)).collect::<Vec<_>>()
                );
            };
            if stops.plus(LATE) < due && !heard.is_empty() {
                say("escalated though nobody had to be told");
            }
            if stops > due.plus(LATE) && !heard.first().is_some_and(|at| at.plus(LATE) >= due && *at <= due.plus(LATE))
            {
                say("not escalated in time");
            }
            if heard.len() > 1 + kills {
                say("escalated again");
            }
            if heard.is_empty() == closed.is_empty() {
                escalated += usize::from(!heard.is_empty());
            } else {
                say("the end was not told to whom it was escalated");
            }
        }
    }
    let escalations = timeline.deliveries.iter().filter(|one| one.notification.reason == Reason::Escalated).count();
    if escalations < escalated {
        let _written = writeln!(broken, "seed {seed}: {escalations} first notifications of steps, {escalated} told");
    }
    (escalated, broken)
}

/// `WATCHFIRE_ESCALATIONS=0-5000` plays others.
#[test]
fn steps_run_once_and_in_time_through_kills() {
    let outcomes = on_two_threads(&seeds("WATCHFIRE_ESCALATIONS", "0-200"), broken);
    let broken: String = outcomes.iter().map(|(_, broken)| broken.as_str()).collect();
    assert!(broken.is_empty(), "{broken}");
    let escalated: usize = outcomes.iter().map(|(escalated, _)| escalated).sum();
    assert!(escalated > outcomes.len(), "the stories are too quiet: {escalated}");
}
