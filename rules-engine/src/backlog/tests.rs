use std::collections::BTreeMap;

use model::LabelSet;
use proptest::prelude::*;

use super::*;
use crate::io::write_samples::PACKING;

fn sample(series: usize, at: i64) -> Sample {
    let labels = LabelSet::from_pairs([("__name__", "m".to_owned()), ("series", series.to_string())]);
    Sample { labels, timestamp_ms: at, value: at as f64 }
}

fn backlog(bytes_max: usize) -> Backlog {
    Backlog::new(bytes_max, PACKING)
}

/// A disk that does as told.
#[derive(Default)]
struct Disk(BTreeMap<u64, Vec<u8>>);

impl Disk {
    fn obey(&mut self, out: &mut Vec<Keeping>) {
        for keeping in out.drain(..) {
            match keeping {
                Keeping::Keep(number, record) => {
                    assert!(record.len() <= 4096, "{} bytes", record.len());
                    assert!(self.0.insert(number, record).is_none(), "written once");
                }
                Keeping::Forget(number) => assert!(self.0.remove(&number).is_some(), "was there"),
            }
        }
    }

    fn restored(&self, bytes_max: usize) -> Backlog {
        let mut backlog = backlog(bytes_max);
        let mut out = Vec::new();
        backlog.restore(self.0.clone().into_iter().collect(), &mut out);
        assert!(out.is_empty());
        backlog
    }
}

/// Everything that waits, in order.
fn all(backlog: &mut Backlog, disk: &mut Disk) -> Vec<Sample> {
    let (mut samples, mut out) = (Vec::new(), Vec::new());
    loop {
        let batch = backlog.take(50, None, &mut out);
        let Some((last, _)) = batch.ends.last() else { return samples };
        samples.extend(batch.samples);
        backlog.settle(Some(*last), &mut out);
        disk.obey(&mut out);
    }
}

#[test]
fn a_target_that_takes_everything_needs_no_disk() {
    let (mut backlog, mut out) = (backlog(1 << 20), Vec::new());
    let samples: Vec<Sample> = (0..500).map(|n| sample(n, 1000)).collect();
    assert_eq!(backlog.push(samples.clone(), &mut out), Some(8));
    assert_eq!(backlog.samples(), 500);
    assert_eq!(all(&mut backlog, &mut Disk::default()), samples);
    assert!(out.is_empty() && backlog.is_empty());
    assert_eq!((backlog.bytes(), backlog.samples()), (0, 0));
    assert_eq!(backlog.push(Vec::new(), &mut out), None);
}

#[test]
fn what_was_spilled_comes_back_in_order_and_bit_for_bit() {
    let (mut backlog, mut disk, mut out) = (backlog(1 << 20), Disk::default(), Vec::new());
    let mut samples: Vec<Sample> = (0..200).map(|n| sample(n % 7, n as i64)).collect();
    samples[3].value = f64::from_bits(crate::sample::STALE_NAN_BITS);
    samples[4].value = -0.0;
    let (early, late) = samples.split_at(100);
    backlog.push(early.to_vec(), &mut out);
    backlog.spill(&mut out);
    backlog.push(late.to_vec(), &mut out);
    disk.obey(&mut out);
    let mut restored = disk.restored(1 << 20);
    assert_eq!(restored.samples(), 200);
    assert_eq!(all(&mut restored, &mut disk), samples);
    assert!(disk.0.is_empty(), "what was sent is forgotten");
    restored.is_taken();
    assert!(restored.push(vec![sample(1, 1)], &mut out) > Some(3), "numbers are not used again");
}

#[test]
fn the_oldest_goes_first_but_not_what_is_under_way() {
    let (mut backlog, mut out) = (backlog(10_000), Vec::new());
    backlog.push((0..50).map(|n| sample(n, 0)).collect(), &mut out);
    let under_way = backlog.take(10, None, &mut out);
    for at in 1..20 {
        backlog.push((0..50).map(|n| sample(n, at)).collect(), &mut out);
        assert!(backlog.bytes() <= 10_000);
    }
    let lost = backlog.losses().overflowed;
    assert_eq!(lost as usize + backlog.samples(), 1000);
    backlog.settle(under_way.ends.last().map(|(number, _)| *number), &mut out);
    let left = all(&mut backlog, &mut Disk::default());
    assert_eq!(left.last().unwrap().timestamp_ms, 19);
    assert!(left.windows(2).all(|pair| pair[0].timestamp_ms <= pair[1].timestamp_ms));
}

#[test]
fn what_is_too_old_and_what_cannot_be_read_is_counted_and_left_out() {
    let (mut backlog, mut out) = (backlog(1 << 20), Vec::new());
    let record = |newest_ms: i64, body: &[u8]| {
        let head = [&[1][..], &1u32.to_le_bytes(), &newest_ms.to_le_bytes()].concat();
        [head.as_slice(), body].concat()
    };
    let good = (PACKING.pack)(&[sample(1, 5000)]).unwrap();
    let records = vec![
        (3, record(5000, &good)),
        (1, record(10, &good)),
        (2, record(5000, b"garbage")),
        (0, vec![9]),
        (4, vec![]),
    ];
    backlog.restore(records, &mut out);
    assert_eq!(out, [Keeping::Forget(0), Keeping::Forget(4)]);
    let batch = backlog.take(10, Some(Timestamp::from_secs(1)), &mut out);
    assert_eq!(batch.ends, [(3, 1)]);
    assert_eq!(backlog.losses(), Losses { overflowed: 0, outdated: 1, unreadable: 3 });
    assert_eq!(out.len(), 4);
}

#[test]
fn a_sample_that_fills_more_than_a_record_is_one_all_the_same() {
    let (mut backlog, mut out) = (backlog(1 << 20), Vec::new());
    let long: String = (0..9_000).map(|n| char::from(b'a' + (n * n % 26) as u8)).collect();
    let labels = LabelSet::from_pairs([("__name__", "m"), ("long", long.as_str())]);
    let samples = vec![sample(1, 1), Sample { labels, timestamp_ms: 1, value: 1.0 }, sample(2, 1)];
    backlog.spill(&mut out);
    backlog.push(samples.clone(), &mut out);
    assert_eq!(out.len(), 3);
    assert_eq!(backlog.take(10, None, &mut out).samples, samples);
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Spill,
    Taken,
    Send { settled: usize },
    Die,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..120usize).prop_map(Step::Push),
        1 => Just(Step::Spill),
        1 => Just(Step::Taken),
        4 => (0..4usize).prop_map(|settled| Step::Send { settled }),
        1 => Just(Step::Die),
    ]
}

proptest! {
    /// Whatever happens: samples arrive in the order they came, none twice in a row of successes, the bounds hold, and a
    /// death costs only what was not on disk.
    #[test]
    fn order_and_bounds_hold_whatever_happens(steps in prop::collection::vec(step(), 1..60)) {
        let bytes_max = 30_000;
        let (mut backlog, mut disk, mut out) = (backlog(bytes_max), Disk::default(), Vec::new());
        let (mut next, mut arrived) = (0i64, Vec::new());
        let mut spilling = false;
        for step in steps {
            match step {
                Step::Push(count) => {
                    let samples = (0..count).map(|n| sample(n % 5, next + n as i64)).collect();
                    next += count as i64;
                    backlog.push(samples, &mut out);
                }
                Step::Spill => {
                    backlog.spill(&mut out);
                    spilling = true;
                }
                Step::Taken => {
                    backlog.is_taken();
                    spilling = false;
                }
                Step::Send { settled } => {
                    let batch = backlog.take(40, None, &mut out);
                    let settled = settled.min(batch.ends.len());
                    let last = settled.checked_sub(1).map(|last| batch.ends[last]);
                    let end = last.map_or(0, |(_, end)| end);
                    arrived.extend(batch.samples[..end].iter().map(|sample| sample.timestamp_ms));
                    backlog.settle(last.map(|(number, _)| number), &mut out);
                }
                Step::Die => {
                    disk.obey(&mut out);
                    let waited = backlog.samples();
                    backlog = disk.restored(bytes_max);
                    prop_assert!(!spilling || backlog.samples() == waited, "nothing that waited is lost");
                    spilling = false;
                }
            }
            disk.obey(&mut out);
            prop_assert!(backlog.bytes() <= bytes_max);
        }
        prop_assert!(arrived.windows(2).all(|pair| pair[0] < pair[1]), "in order, each once: {arrived:?}");
    }
}
