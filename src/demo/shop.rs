//! The script: the metrics of a small shop that has a bad day, at any time. The same time always gives the same figures.
//!
//! Every minute, from second 2 to 7, the payment provider does not answer and four of ten checkouts fail. After a quarter of the
//! first minute the disk of the database fills up, and stays full.

use std::f64::consts::TAU;
use std::time::Duration;

use model::{LabelSet, Timestamp};
use rules_engine::sample::Sample;

/// How far back the shop's figures are known.
pub const PAST: Duration = Duration::from_secs(600);

/// The trouble comes again after so many seconds.
const ROUND_SECS: f64 = 60.0;
/// From when to when in each round the payment provider is away.
const OUTAGE_SECS: (f64, f64) = (2.0, 7.0);
/// Which part of the checkouts fails, as a rule and then.
const FAILING: (f64, f64) = (0.002, 0.4);
/// When the disk begins to fill up.
const DISK_SECS: f64 = 15.0;

const GIB: f64 = 1_073_741_824.0;

/// Upper borders of the checkouts' durations, and which part of them takes no longer: as a rule, and while the provider is away.
const DURATIONS: [(&str, f64, f64); 6] = [
    ("0.1", 0.60, 0.30),
    ("0.25", 0.90, 0.45),
    ("0.5", 0.98, 0.55),
    ("1", 0.995, 0.58),
    ("2.5", 1.0, 0.60),
    ("+Inf", 1.0, 1.0),
];

/// The shop since it opened.
#[derive(Clone, Copy, Debug)]
pub struct Shop {
    opened: Timestamp,
}

impl Shop {
    /// A shop whose day begins then.
    pub fn opened_at(opened: Timestamp) -> Shop {
        Shop { opened }
    }

    /// Every series at an instant, from [`PAST`] before the opening on.
    pub fn samples(&self, now: Timestamp) -> Vec<Sample> {
        let at = self.seconds(now);
        let all = checkouts(at) - checkouts(-PAST.as_secs_f64());
        let ill = checkouts_in_outages(at);
        let well = all - ill;
        let failed = well * FAILING.0 + ill * FAILING.1;
        let sample = |name: &str, label: (&str, &str), value: f64| Sample {
            labels: LabelSet::from_pairs([("__name__", name), ("job", "shop"), label]),
            timestamp_ms: now.as_millis(),
            value,
        };
        let mut samples = vec![
            sample("up", ("instance", "shop-1"), 1.0),
            sample("shop_checkouts_total", ("result", "ok"), (all - failed).floor()),
            sample("shop_checkouts_total", ("result", "failed"), failed.floor()),
            sample("shop_orders_waiting", ("server", "warehouse"), orders_waiting(at)),
            sample("shop_disk_free_bytes", ("server", "db-1"), disk_free_bytes(at)),
            sample("shop_disk_size_bytes", ("server", "db-1"), 100.0 * GIB),
            sample("shop_checkout_duration_seconds_count", ("server", "web"), all.floor()),
            sample("shop_checkout_duration_seconds_sum", ("server", "web"), well * 0.12 + ill * 2.1),
        ];
        samples.extend(DURATIONS.map(|(border, usual, away)| {
            let count = (well * usual + ill * away).floor();
            sample("shop_checkout_duration_seconds_bucket", ("le", border), count)
        }));
        samples
    }

    /// The instants before the opening that are worth having.
    pub fn past(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let first = self.opened.minus(PAST);
        (0..PAST.as_secs()).step_by(5).map(move |secs| first.plus(Duration::from_secs(secs)))
    }

    /// What is to be told of the time after `from` up to `until`.
    pub fn news(&self, from: Timestamp, until: Timestamp) -> Vec<&'static str> {
        let (from, until) = (self.seconds(from), self.seconds(until));
        let round = (until / ROUND_SECS).floor() * ROUND_SECS;
        let calendar = [
            (0.0, "The shop opens: twenty checkouts a second, hardly any fails."),
            (round + OUTAGE_SECS.0, "The payment provider does not answer: four of ten checkouts fail."),
            (round + OUTAGE_SECS.1, "The payment provider is back."),
            (DISK_SECS, "Nobody rotates the logs of db-1: its disk fills up, and will stay full."),
        ];
        calendar.into_iter().filter(|(at, _)| from < *at && *at <= until).map(|(_, text)| text).collect()
    }

    fn seconds(&self, at: Timestamp) -> f64 {
        at.as_secs_f64() - self.opened.as_secs_f64()
    }
}

/// Checkouts since the opening: twenty a second, in a gentle wave that repeats with the rounds.
fn checkouts(at: f64) -> f64 {
    20.0 * at + 5.0 * ROUND_SECS / TAU * (1.0 - (TAU * at / ROUND_SECS).cos())
}

fn checkouts_in_outages(at: f64) -> f64 {
    if at <= 0.0 {
        return 0.0;
    }
    let (begin, end) = OUTAGE_SECS;
    let rounds = (at / ROUND_SECS).floor();
    let in_round = (at - rounds * ROUND_SECS).clamp(begin, end);
    rounds * (checkouts(end) - checkouts(begin)) + checkouts(in_round) - checkouts(begin)
}

/// Orders pile up while nobody can pay, and are worked off afterwards.
fn orders_waiting(at: f64) -> f64 {
    let (begin, end) = OUTAGE_SECS;
    let in_round = if at < 0.0 { 0.0 } else { at % ROUND_SECS };
    let piled = 12.0 * (in_round.clamp(begin, end) - begin);
    let worked_off = 6.0 * (in_round - end).max(0.0);
    (3.0 + (piled - worked_off).max(0.0)).floor()
}

fn disk_free_bytes(at: f64) -> f64 {
    let filled = 4.0 * (at - DISK_SECS).max(0.0);
    (31.0 - filled).max(6.0) * GIB
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> (Shop, Timestamp) {
        let opened = Timestamp::from_secs(1_000_000);
        (Shop::opened_at(opened), opened)
    }

    fn value(shop: &Shop, at: Timestamp, name: &str, label: (&str, &str)) -> f64 {
        let samples = shop.samples(at);
        let found = samples
            .iter()
            .find(|sample| sample.labels.get("__name__") == Some(name) && sample.labels.get(label.0) == Some(label.1));
        found.unwrap().value
    }

    #[test]
    fn counters_never_fall_and_the_same_time_gives_the_same_figures() {
        let (shop, opened) = shop();
        let mut before: Vec<Sample> = Vec::new();
        for tenth in 0..9000 {
            let at = opened.minus(PAST).plus(Duration::from_millis(tenth * 100));
            let now = shop.samples(at);
            assert_eq!(now, shop.samples(at));
            for (before, now) in before.iter().zip(&now) {
                let name = now.labels.get("__name__").unwrap();
                let is_counter = !name.contains("disk") && !name.contains("waiting");
                assert!(!is_counter || now.value >= before.value, "{} fell at {tenth}", now.labels);
                assert!(now.value >= 0.0, "{}", now.labels);
            }
            before = now;
        }
    }

    #[test]
    fn four_of_ten_checkouts_fail_in_each_outage_and_hardly_any_else() {
        let (shop, opened) = shop();
        let failed = |from: u64, to: u64| {
            let between = |result| {
                let at = |secs| {
                    value(&shop, opened.plus(Duration::from_secs(secs)), "shop_checkouts_total", ("result", result))
                };
                at(to) - at(from)
            };
            between("failed") / (between("failed") + between("ok"))
        };
        for round in [0, 60, 120] {
            assert!((failed(round + 2, round + 7) - 0.4).abs() < 0.02, "{}", failed(round + 2, round + 7));
            assert!(failed(round + 8, round + 60) < 0.01);
        }
        let free =
            |secs| value(&shop, opened.plus(Duration::from_secs(secs)), "shop_disk_free_bytes", ("server", "db-1"));
        assert!((free(0), free(14)) == (31.0 * GIB, 31.0 * GIB) && free(30) == 6.0 * GIB);
    }

    #[test]
    fn each_piece_of_news_is_told_once() {
        let (shop, opened) = shop();
        let at = |tenth: u64| opened.plus(Duration::from_millis(tenth * 100));
        let mut told = shop.news(opened.minus(Duration::from_secs(1)), opened);
        for tenth in 0..700 {
            told.extend(shop.news(at(tenth), at(tenth + 1)));
        }
        let away = told.iter().filter(|text| text.contains("does not answer")).count();
        assert_eq!((told.len(), away), (6, 2), "{told:?}");
    }
}
