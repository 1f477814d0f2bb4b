//! When a group is due. Slots and missed slots are Prometheus' (`rules/group.go`), so that two services with the same
//! files evaluate at the same instants.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use twox_hash::XxHash64;

/// From 1 January of the year 1 to 1970.
const YEAR_ONE_BEFORE_EPOCH_NS: i128 = 62_135_596_800 * 1_000_000_000;

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
    /// A schedule whose first slot is the first one after `now`. Slots lie at `offset` from whole multiples of the
    /// interval, as vmalert places them; without one at Prometheus' distance, which follows from the group's key.
    pub fn starting(key: &GroupKey, interval: Duration, offset: Option<Duration>, now: Timestamp) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        let offset_ns = match offset {
            None => i64::try_from(key.hash() % nanos(interval).unsigned_abs()).unwrap_or(0),
            Some(offset) => {
                let after_epoch = whole_multiple(Timestamp::EPOCH, interval).as_nanos();
                after_epoch.saturating_add(nanos(offset)).rem_euclid(nanos(interval))
            }
        };
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

    /// The clock was put forward: if a slot has come, the newest one is next, and those before it are not missed.
    pub fn skip(&mut self, now: Timestamp) {
        let slots = nanos(now.since(self.last)) / nanos(self.interval);
        let skipped = slots.saturating_sub(1).max(0).saturating_mul(nanos(self.interval));
        self.last = Timestamp::from_nanos(self.last.as_nanos().saturating_add(skipped));
    }

    /// Whether the clock has been set back so far that the next slot would be more than an interval away.
    pub fn is_ahead_of(&self, now: Timestamp) -> bool {
        self.due() > now.plus(self.interval)
    }

    /// Whether its slots are the same instants.
    pub fn has_slots_of(&self, other: &Self) -> bool {
        (self.interval, self.offset_ns) == (other.interval, other.offset_ns)
    }
}

/// The last whole multiple of the interval, counted as Go does from the beginning of the year 1.
pub fn whole_multiple(at: Timestamp, interval: Duration) -> Timestamp {
    let interval = i128::from(nanos(interval).max(1));
    let over = (i128::from(at.as_nanos()) + YEAR_ONE_BEFORE_EPOCH_NS).rem_euclid(interval);
    Timestamp::from_nanos(at.as_nanos().saturating_sub(i64::try_from(over).unwrap_or(i64::MAX)))
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(secs: u64, now: i64) -> Schedule {
        Schedule::starting(
            &GroupKey::new("rules.yml", "node"),
            Duration::from_secs(secs),
            None,
            Timestamp::from_secs(now),
        )
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
            let schedule = Schedule::starting(&GroupKey::new("/tmp/wf-slot/rules.yml", name), interval, None, before);
            assert_eq!(schedule.due().as_millis(), seen_ms, "{name}");
        }
    }

    #[test]
    fn slots_at_an_offset_lie_where_vmalert_has_them() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        for (interval, offset, now, due) in [
            (minutes(60), minutes(0), "2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z"),
            (minutes(60), minutes(10), "2026-11-21T12:00:00Z", "2026-11-21T12:10:00Z"),
            (minutes(60), minutes(10), "2026-11-21T12:10:00.001Z", "2026-11-21T13:10:00Z"),
            (minutes(24 * 60), minutes(60), "2026-11-21T12:00:00Z", "2026-11-22T01:00:00Z"),
            // weeks begin on a Monday, as the year 1 did
            (minutes(7 * 24 * 60), minutes(0), "2026-11-21T12:00:00Z", "2026-11-23T00:00:00Z"),
        ] {
            let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
            let schedule = Schedule::starting(&GroupKey::new("f", "g"), interval, Some(offset), at(now));
            assert_eq!(schedule.due(), at(due), "{now} each {interval:?} at {offset:?}");
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
                for offset in [None, Some(Duration::ZERO), Some(Duration::from_secs(30)), Some(Duration::MAX)] {
                    let mut schedule = Schedule::starting(&GroupKey::new("f", "g"), interval, offset, now);
                    schedule.take(Timestamp::MAX);
                    schedule.take(Timestamp::MIN);
                }
            }
        }
    }
}
