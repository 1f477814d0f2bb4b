//! When a group is due. Slots and missed slots are Prometheus' (`rules/group.go`), so that two services with the same
//! files evaluate at the same instants.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use twox_hash::XxHash64;

/// A group's identity; ordered by file, then name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// The path it came from.
    pub file: Arc<str>,
    /// Unique within the file.
    pub name: Arc<str>,
}

impl GroupKey {
    /// The key of `name` in `file`.
    pub fn new(file: &str, name: &str) -> Self {
        Self { file: file.into(), name: name.into() }
    }

    /// Prometheus' hash of the label set `{file, name}`: places the slots and names records.
    pub fn hash(&self) -> u64 {
        let mut bytes = Vec::with_capacity(self.file.len() + self.name.len() + 12);
        for (name, value) in [("file", &self.file), ("name", &self.name)] {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0xFF);
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(0xFF);
        }
        XxHash64::oneshot(0, &bytes)
    }
}

/// `file;name`, as the label `rule_group` of Prometheus' metrics.
impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{}", self.file, self.name)
    }
}

/// The slots of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    interval: Duration,
    /// Distance of the slots from whole multiples of the interval; spreads groups over time.
    offset_ns: i64,
    /// The slot last taken.
    last: Timestamp,
}

/// A slot whose turn has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The evaluation timestamp.
    pub at: Timestamp,
    /// Slots skipped before it; they are not made up for.
    pub missed: u64,
}

impl Schedule {
    /// A schedule whose first slot is the first one after `now`.
    pub fn starting(key: &GroupKey, interval: Duration, now: Timestamp) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        let offset_ns = i64::try_from(key.hash() % nanos(interval).unsigned_abs()).unwrap_or(0);
        let mut schedule = Self { interval, offset_ns, last: now };
        schedule.restart(now);
        schedule
    }

    /// Forgets what was taken: the next slot is the first one after `now`.
    pub fn restart(&mut self, now: Timestamp) {
        let since_slot = now.as_nanos().wrapping_sub(self.offset_ns).rem_euclid(nanos(self.interval));
        self.last = Timestamp::from_nanos(now.as_nanos().saturating_sub(since_slot));
    }

    /// When the next slot comes.
    pub fn due(&self) -> Timestamp {
        self.last.plus(self.interval)
    }

    /// Takes the newest slot that has come, if there is one.
    pub fn take(&mut self, now: Timestamp) -> Option<Slot> {
        if now < self.due() {
            return None;
        }
        let slots = nanos(now.since(self.last)) / nanos(self.interval);
        self.last =
            Timestamp::from_nanos(self.last.as_nanos().saturating_add(slots.saturating_mul(nanos(self.interval))));
        Some(Slot { at: self.last, missed: slots.unsigned_abs().saturating_sub(1) })
    }

    /// Whether the clock has been set back so far that the next slot would be more than an interval away.
    pub fn is_ahead_of(&self, now: Timestamp) -> bool {
        self.due() > now.plus(self.interval)
    }

    /// Time between slots.
    pub fn interval(&self) -> Duration {
        self.interval
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(secs: u64, now: i64) -> Schedule {
        Schedule::starting(&GroupKey::new("rules.yml", "node"), Duration::from_secs(secs), Timestamp::from_secs(now))
    }

    #[test]
    fn the_first_slot_lies_within_an_interval_and_on_the_groups_offset() {
        for now in [0, 1, 1_700_000_000, -5] {
            let schedule = schedule(60, now);
            let wait = schedule.due().since(Timestamp::from_secs(now));
            assert!(wait > Duration::ZERO && wait <= Duration::from_secs(60), "{now}: {wait:?}");
            let hash = GroupKey::new("rules.yml", "node").hash();
            assert_eq!(schedule.due().as_nanos().rem_euclid(60_000_000_000), (hash % 60_000_000_000) as i64);
        }
    }

    /// Sample timestamps of Prometheus 2.42 for groups of these names.
    #[test]
    fn slots_are_prometheus_own() {
        for (name, secs, seen_ms) in [("node", 7, 1_795_296_960_717), ("é ; x", 5, 1_795_296_949_771)] {
            let interval = Duration::from_secs(secs);
            let before = Timestamp::from_millis(seen_ms).minus(Duration::from_secs(1));
            let schedule = Schedule::starting(&GroupKey::new("/tmp/wf-slot/rules.yml", name), interval, before);
            assert_eq!(schedule.due().as_millis(), seen_ms, "{name}");
        }
    }

    #[test]
    fn a_late_group_skips_slots_and_counts_them() {
        let mut schedule = schedule(10, 1000);
        let first = schedule.due();
        assert_eq!(schedule.take(first.minus(Duration::from_nanos(1))), None);
        assert_eq!(schedule.take(first), Some(Slot { at: first, missed: 0 }));
        assert_eq!(schedule.take(first), None);
        let late = first.plus(Duration::from_secs(25));
        assert_eq!(schedule.take(late), Some(Slot { at: first.plus(Duration::from_secs(20)), missed: 1 }));
        assert_eq!(schedule.due(), first.plus(Duration::from_secs(30)));
    }

    #[test]
    fn a_clock_set_back_is_noticed() {
        let mut schedule = schedule(10, 1000);
        let slot = schedule.take(schedule.due()).unwrap().at;
        assert!(!schedule.is_ahead_of(slot));
        let earlier = slot.minus(Duration::from_secs(3600));
        assert!(schedule.is_ahead_of(earlier));
        schedule.restart(earlier);
        assert!(!schedule.is_ahead_of(earlier) && schedule.due() > earlier);
    }

    #[test]
    fn extreme_times_and_intervals_do_not_overflow() {
        for now in [Timestamp::MIN, Timestamp::EPOCH, Timestamp::MAX] {
            for interval in [Duration::ZERO, Duration::from_secs(1), Duration::MAX] {
                let mut schedule = Schedule::starting(&GroupKey::new("f", "g"), interval, now);
                schedule.take(Timestamp::MAX);
                schedule.take(Timestamp::MIN);
            }
        }
    }
}
