//! Schedules of recurring silences: cron expression, duration and time zone on a line each.

use std::time::Duration;

use model::Timestamp;
use notifier::schedule::{Schedule, WrittenSchedule};

use super::text;

const NOW: Timestamp = Timestamp::from_nanos(1_767_323_040_000_000_000);

pub fn check(data: &[u8]) {
    let Some(written) = text::text(data) else { return };
    let mut lines = written.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (cron, duration, timezone, until) = (next(), next(), next(), next());
    let written = WrittenSchedule {
        cron: cron.to_owned(),
        duration: model::duration::parse_duration(duration).unwrap_or(Duration::from_secs(3600)),
        timezone: timezone.to_owned(),
        until: Timestamp::parse_rfc3339(until).ok(),
    };
    let schedule = match Schedule::new(written) {
        Ok(schedule) => schedule,
        Err(error) => return text::says(&error.to_string()),
    };
    if let Err(error) = schedule.check(NOW) {
        return text::says(&error.to_string());
    }
    let mut before = None;
    for occurrence in schedule.occurrences(NOW).take(20) {
        assert!(occurrence.starts_at < occurrence.ends_at && occurrence.ends_at > NOW, "{occurrence:?}");
        assert!(before.is_none_or(|before| before <= occurrence.starts_at), "in order");
        before = Some(occurrence.starts_at);
        drop(schedule.local(occurrence.starts_at));
    }
}
