//! Tables of what an interval contains and what is refused.

use yaml::{Decoder, Diagnostics, SourceFile};

use super::*;

fn read(text: &str) -> Result<TimeInterval, Diagnostics> {
    let file = SourceFile::new("t.yml", text);
    let decoder = Decoder::new(&file);
    let interval = decoder.first_document().and_then(|root| TimeInterval::decode(&root, &decoder));
    decoder.finish(interval).map(|(interval, _)| interval)
}

#[test]
fn contains() {
    // Interval, instant, whether it is in.
    let cases = [
        ("{}", "2026-01-01T00:00:00Z", true),
        ("{times: []}", "2026-01-01T00:00:00Z", false),
        ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-01-01T09:00:00Z", true),
        ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-01-01T08:59:59.999Z", false),
        ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-01-01T16:59:59.999Z", true),
        ("{times: [{start_time: '09:00', end_time: '17:00'}]}", "2026-01-01T17:00:00Z", false),
        ("{times: [{start_time: '00:00', end_time: '24:00'}]}", "2026-01-01T23:59:00Z", true),
        (
            "{times: [{start_time: '00:00', end_time: '01:00'}, {start_time: '23:00', end_time: '24:00'}]}",
            "2026-01-01T23:30:00Z",
            true,
        ),
        ("{weekdays: ['monday:friday']}", "2026-11-21T12:00:00Z", false), // a Saturday
        ("{weekdays: [Saturday]}", "2026-11-21T12:00:00Z", true),
        ("{weekdays: [sunday]}", "2026-11-22T00:00:00Z", true),
        ("{weekdays: ['sunday:saturday']}", "2026-11-22T00:00:00Z", true),
        ("{days_of_month: [1, '15:16']}", "2026-01-16T00:00:00Z", true),
        ("{days_of_month: [1, '15:16']}", "2026-01-17T00:00:00Z", false),
        ("{days_of_month: [-1]}", "2026-02-28T23:59:00Z", true),
        ("{days_of_month: [-1]}", "2028-02-28T23:59:00Z", false),
        ("{days_of_month: [-1]}", "2028-02-29T00:00:00Z", true),
        ("{days_of_month: ['-3:-1']}", "2026-04-28T00:00:00Z", true),
        ("{days_of_month: ['-3:-1']}", "2026-04-27T00:00:00Z", false),
        // Cut at the month's end; behind it never.
        ("{days_of_month: ['28:31']}", "2026-02-28T00:00:00Z", true),
        ("{days_of_month: ['30:31']}", "2026-02-28T00:00:00Z", false),
        ("{days_of_month: ['30:31']}", "2026-03-01T00:00:00Z", false),
        ("{days_of_month: ['-31:-30']}", "2026-02-01T00:00:00Z", false),
        ("{days_of_month: ['-31:-28']}", "2026-02-01T00:00:00Z", true),
        ("{days_of_month: ['1:-2']}", "2026-01-30T00:00:00Z", true),
        ("{days_of_month: ['1:-2']}", "2026-01-31T00:00:00Z", false),
        ("{months: [january, '11:december']}", "2026-12-31T00:00:00Z", true),
        ("{months: [january, '11:december']}", "2026-02-01T00:00:00Z", false),
        ("{years: ['2024:2026', 2030]}", "2026-06-01T00:00:00Z", true),
        ("{years: ['2024:2026', 2030]}", "2027-06-01T00:00:00Z", false),
        ("{weekdays: [saturday], months: [may]}", "2026-11-21T12:00:00Z", false),
        // The wall clock of the place, also for the day.
        ("{weekdays: [sunday], location: Asia/Tokyo}", "2026-11-21T15:00:00Z", true),
        ("{weekdays: [sunday], location: Asia/Tokyo}", "2026-11-21T14:59:00Z", false),
        ("{years: [2026], location: America/New_York}", "2027-01-01T04:59:00Z", true),
        ("{times: [{start_time: '09:00', end_time: '10:00'}], location: Europe/Berlin}", "2026-07-01T07:30:00Z", true),
        ("{times: [{start_time: '09:00', end_time: '10:00'}], location: Europe/Berlin}", "2026-01-01T07:30:00Z", false),
    ];
    for (text, at, expected) in cases {
        let interval = read(text).unwrap();
        assert_eq!(interval.contains(Timestamp::parse_rfc3339(at).unwrap()), expected, "{text} at {at}");
    }
}

#[test]
fn days_of_a_clock_change() {
    let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    let night = read("{times: [{start_time: '02:00', end_time: '03:00'}], location: Europe/Berlin}").unwrap();
    // 2026-03-29: 02:00 to 03:00 is skipped, so the window never opens.
    let minutes =
        (0..24 * 60).map(|minute| at("2026-03-28T23:00:00Z").plus(std::time::Duration::from_secs(60 * minute)));
    assert_eq!(minutes.filter(|minute| night.contains(*minute)).count(), 0);
    // 2026-10-25: it comes twice.
    let minutes =
        (0..25 * 60).map(|minute| at("2026-10-24T22:00:00Z").plus(std::time::Duration::from_secs(60 * minute)));
    assert_eq!(minutes.filter(|minute| night.contains(*minute)).count(), 120);
    // The last day of the month is the last day on a day of 23 or 25 hours and in months that have one.
    let last = read("{days_of_month: ['-3:-3'], location: Europe/Berlin}").unwrap();
    for (instant, expected) in [
        ("2026-03-28T22:59:00Z", false),
        ("2026-03-28T23:00:00Z", true),
        ("2026-03-29T21:59:00Z", true),
        ("2026-03-29T22:00:00Z", false),
        ("2026-10-28T23:00:00Z", true),
        ("2026-10-28T22:59:00Z", false),
    ] {
        assert_eq!(last.contains(at(instant)), expected, "{instant}");
    }
}

#[test]
fn refused() {
    let cases = [
        "{times: [{start_time: '9:00', end_time: '17:00'}]}",
        "{times: [{start_time: '09:00'}]}",
        "{times: [{start_time: '17:00', end_time: '09:00'}]}",
        "{times: [{start_time: '09:00', end_time: '09:00'}]}",
        "{times: [{start_time: '09:00', end_time: '24:01'}]}",
        "{times: [{start_time: '09:60', end_time: '10:00'}]}",
        "{times: ['09:00']}",
        "{weekdays: [mon]}",
        "{weekdays: ['friday:monday']}",
        "{weekdays: ['1']}",
        "{weekdays: ['monday:tuesday:friday']}",
        "{days_of_month: [0]}",
        "{days_of_month: [32]}",
        "{days_of_month: [-32]}",
        "{days_of_month: ['-1:1']}",
        "{days_of_month: ['5:1']}",
        "{days_of_month: ['1:-31']}",
        "{days_of_month: ['-1:-3']}",
        "{months: [smarch]}",
        "{months: ['december:january']}",
        "{months: [0]}",
        "{years: [soon]}",
        "{years: ['2026:2024']}",
        "{location: Mars/Base}",
        "{wekdays: [monday]}",
    ];
    for text in cases {
        assert!(read(text).is_err(), "{text}");
    }
}
