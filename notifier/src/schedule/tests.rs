use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn written(cron: &str, duration_s: u64, timezone: &str) -> WrittenSchedule {
    let duration = Duration::from_secs(duration_s);
    WrittenSchedule { cron: cron.to_owned(), duration, timezone: timezone.to_owned(), until: None }
}

fn begins(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::new(written(cron, 600, zone)).unwrap();
    let mark = |occurrence: &Occurrence| match occurrence.clock_change {
        None => "",
        Some(ClockChange::Skipped) => " skipped",
        Some(ClockChange::First) => " first",
        Some(ClockChange::Second) => " second",
    };
    schedule.occurrences(at(from)).take(count).map(|o| format!("{}{}", schedule.local(o.starts_at), mark(&o))).collect()
}

#[test]
fn recurs_by_the_wall_clock_of_its_zone() {
    let cases: [(&str, &str, &str, &[&str]); 6] = [
        ("30 2 * * SAT", "UTC", "2026-01-05T00:00:00Z", &["2026-01-10T02:30:00+00:00", "2026-01-17T02:30:00+00:00"]),
        (
            "0 22 * * *",
            "America/New_York",
            "2026-03-07T12:00:00Z",
            &["2026-03-07T22:00:00-05:00", "2026-03-08T22:00:00-04:00"],
        ),
        // the instant itself counts, also with a fraction before it
        ("0 2 * * *", "UTC", "2026-01-05T02:00:00Z", &["2026-01-05T02:00:00+00:00"]),
        ("0 2 * * *", "UTC", "2026-01-05T02:00:00.001Z", &["2026-01-06T02:00:00+00:00"]),
        ("0 3 L * *", "Asia/Tokyo", "2026-02-01T00:00:00Z", &["2026-02-28T03:00:00+09:00"]),
        ("@weekly", "UTC", "2026-01-05T00:00:00Z", &["2026-01-11T00:00:00+00:00"]),
    ];
    for (cron, zone, from, expected) in cases {
        assert_eq!(begins(cron, zone, from, expected.len()), expected, "{cron} {zone}");
    }
}

/// Berlin, 29 March 2026: 02:00 is followed by 03:00.
#[test]
fn a_time_that_the_clock_skips_begins_when_the_skipped_hour_is_over() {
    let cases: [(&str, &[&str]); 5] = [
        (
            "30 2 * * *",
            &["2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00 skipped", "2026-03-30T02:30:00+02:00"],
        ),
        // a list of hours does not lose the skipped one
        (
            "30 2,14 * * *",
            &[
                "2026-03-28T02:30:00+01:00",
                "2026-03-28T14:30:00+01:00",
                "2026-03-29T03:00:00+02:00 skipped",
                "2026-03-29T14:30:00+02:00",
            ],
        ),
        // hours that pass: there is none to be made up for
        ("30 */1 * * *", &["2026-03-28T00:30:00+01:00", "2026-03-28T01:30:00+01:00"]),
        ("0 1 * * *", &["2026-03-28T01:00:00+01:00", "2026-03-29T01:00:00+01:00", "2026-03-30T01:00:00+02:00"]),
        ("0 3 * * *", &["2026-03-28T03:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T03:00:00+02:00"]),
    ];
    for (cron, expected) in cases {
        assert_eq!(begins(cron, "Europe/Berlin", "2026-03-28T00:00:00+01:00", expected.len()), expected, "{cron}");
    }
}

#[test]
fn hours_that_pass_are_not_made_up_for() {
    let expected = ["2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-29T04:30:00+02:00"];
    assert_eq!(begins("30 * * * *", "Europe/Berlin", "2026-03-29T01:00:00+01:00", 3), expected);
}

/// Berlin, 25 October 2026: 03:00 is followed by 02:00.
#[test]
fn a_time_that_comes_twice_counts_once_unless_hours_are_counted() {
    let cases: [(&str, &[&str]); 3] = [
        ("30 2 * * *", &["2026-10-25T02:30:00+02:00 first", "2026-10-26T02:30:00+01:00"]),
        ("30 2,14 * * *", &["2026-10-25T02:30:00+02:00 first", "2026-10-25T14:30:00+01:00"]),
        (
            "30 * * * *",
            &[
                "2026-10-25T00:30:00+02:00",
                "2026-10-25T01:30:00+02:00",
                "2026-10-25T02:30:00+02:00 first",
                "2026-10-25T02:30:00+01:00 second",
                "2026-10-25T03:30:00+01:00",
            ],
        ),
    ];
    for (cron, expected) in cases {
        assert_eq!(begins(cron, "Europe/Berlin", "2026-10-25T00:00:00+02:00", expected.len()), expected, "{cron}");
    }
}

#[test]
fn an_occurrence_lasts_its_elapsed_time_over_a_clock_change() {
    let schedule = Schedule::new(written("0 1 * * *", 3 * 3600, "Europe/Berlin")).unwrap();
    let ends = |from| schedule.from(at(from)).map(|o| schedule.local(o.ends_at)).unwrap();
    assert_eq!(ends("2026-03-29T00:00:00+01:00"), "2026-03-29T05:00:00+02:00");
    assert_eq!(ends("2026-10-25T00:00:00+02:00"), "2026-10-25T03:00:00+01:00");
    assert_eq!(ends("2026-10-26T00:00:00+01:00"), "2026-10-26T04:00:00+01:00");
}

#[test]
fn no_occurrence_begins_at_its_end_or_later() {
    let until = Some(at("2026-01-07T02:00:00Z"));
    let schedule = Schedule::new(WrittenSchedule { until, ..written("0 2 * * *", 3600, "UTC") }).unwrap();
    assert_eq!(schedule.occurrences(at("2026-01-05T00:00:00Z")).count(), 2);
}

#[test]
fn what_cannot_recur_is_refused_with_the_reason() {
    let now = at("2026-01-05T00:00:00Z");
    let refused = |written: WrittenSchedule| {
        Schedule::new(written).and_then(|schedule| schedule.check(now)).unwrap_err().to_string()
    };
    let cases = [
        (written("0 2 * *", 3600, "UTC"), "schedule.cron \"0 2 * *\" cannot be read"),
        (written("0 0 2 * * *", 3600, "UTC"), "5 fields"),
        (written("0 25 * * *", 3600, "UTC"), "cannot be read"),
        (written("@reboot", 3600, "UTC"), "cannot be read"),
        (written("0 0 30 2 *", 3600, "UTC"), "never comes"),
        (written("0 2 * * *", 59, "UTC"), "schedule.duration 59s is too short, 1m is the least"),
        (written("0 2 * * *", 3600, "Europe/Berln"), "schedule.timezone \"Europe/Berln\" is unknown"),
        (written("*/10 * * * *", 60, "UTC"), "comes again after 10m (2026-01-05T00:10:00Z), 15m is the least"),
        (written("0 2 * * *", 25 * 3600, "UTC"), "schedule.duration 1d1h reaches beyond the next occurrence"),
        // Friday and Saturday are close, though a week goes by from Saturday to Friday
        (written("0 2 * * 5,6", 30 * 3600, "UTC"), "which begins 1d later (2026-01-10T02:00:00Z)"),
        (
            WrittenSchedule { until: Some(at("2026-01-05T01:00:00Z")), ..written("0 2 * * *", 3600, "UTC") },
            "does not come again before schedule.until 2026-01-05T01:00:00Z; it would next at 2026-01-05T02:00:00Z",
        ),
    ];
    for (schedule, expected) in cases {
        let message = refused(schedule.clone());
        assert!(message.contains(expected), "{schedule:?}: {message}");
    }
    for (cron, length) in [
        ("0 2 * * *", 24 * 3600),
        ("0 5 * * *", 24 * 3600),
        ("*/15 * * * *", 600),
        ("0 * * * *", 3600),
        ("0 0 29 2 *", 3600),
    ] {
        for zone in ["UTC", "Europe/Berlin", "Australia/Lord_Howe"] {
            let schedule = Schedule::new(written(cron, length, zone)).unwrap();
            // over a year of clock changes
            for month in 1..=12 {
                assert_eq!(
                    schedule.check(at(&format!("2026-{month:02}-20T00:00:00Z"))),
                    Ok(()),
                    "{cron} {zone} {month}"
                );
            }
        }
    }
}
