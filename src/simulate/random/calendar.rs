//! When a recurring silence of a day comes, counted minute by minute and so in another way than the notifier does.

use std::time::Duration;

use model::Timestamp;
use notifier::schedule::WrittenSchedule;

use super::truth::Span;

/// Clocks of Berlin are put forward and back at these instants.
const FORWARD: &str = "2026-03-29T01:00:00Z";
const BACK: &str = "2026-10-25T01:00:00Z";

/// Days on which a story may begin: an ordinary one, and those of the changes.
pub(super) const DAYS: [&str; 3] = ["2026-01-05T00:00:00Z", "2026-03-29T00:00:00Z", "2026-10-25T00:00:00Z"];

/// The occurrences that begin within a day before and two days after the start, of `M H,H * * *` or `M * * * *`.
pub(super) fn occurrences(schedule: &WrittenSchedule, start: Timestamp) -> Vec<Span> {
    let fields: Vec<&str> = schedule.cron.split(' ').collect();
    let [minute, hours, ..] = fields[..] else { panic!("not a schedule of a day: {}", schedule.cron) };
    let minute: i64 = minute.parse().expect("one minute");
    let hours: Option<Vec<i64>> =
        (hours != "*").then(|| hours.split(',').map(|hour| hour.parse().expect("an hour")).collect());
    let zone = schedule.timezone.as_str();
    let mut begins = Vec::new();
    for number in -1440..2 * 1440 {
        let at = start.as_millis().div_euclid(60_000) + number;
        let local = at + 60 * offset_h(zone, at);
        let (hour, is_minute) = (local.div_euclid(60).rem_euclid(24), local.rem_euclid(60) == minute);
        let (came_before, skips) =
            (offset_h(zone, at - 60) > offset_h(zone, at), offset_h(zone, at - 1) < offset_h(zone, at));
        let begins_here = match &hours {
            None => is_minute,
            // of two, the first; and what the clock has just skipped
            Some(hours) => is_minute && hours.contains(&hour) && !came_before || skips && hours.contains(&(hour - 1)),
        };
        if begins_here {
            begins.push(Timestamp::from_millis(at * 60_000));
        }
    }
    begins.into_iter().map(|from| (from, from.plus(schedule.duration))).collect()
}

/// Hours ahead of UTC at a minute since the epoch.
fn offset_h(zone: &str, minute: i64) -> i64 {
    let change = |text| Timestamp::parse_rfc3339(text).map_or(0, |at: Timestamp| at.as_millis().div_euclid(60_000));
    match zone {
        "UTC" => 0,
        "Europe/Berlin" => 1 + i64::from(minute >= change(FORWARD) && minute < change(BACK)),
        other => panic!("{other} is not a zone of a day"),
    }
}

/// Any length: at most an hour, so that occurrences do not meet.
pub(super) fn schedule(chance: &mut fastrand::Rng) -> WrittenSchedule {
    let minute = chance.u8(0..60);
    let hours = match chance.u8(0..3) {
        0 => "*".to_owned(),
        1 => chance.u8(0..24).to_string(),
        _ => format!("2,{}", chance.u8(4..22)),
    };
    WrittenSchedule {
        cron: format!("{minute} {hours} * * *"),
        duration: Duration::from_secs(60 * chance.u64(1..=60)),
        timezone: chance.choice(["UTC", "Europe/Berlin"]).unwrap_or("UTC").to_owned(),
        until: None,
    }
}
