use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_795_348_800);

fn form(text: &str) -> Typed {
    Typed::of_fields(&Fields::read(text.as_bytes()))
}

fn mistakes(typed: &Typed) -> Vec<String> {
    let found = typed.matchers().and_then(|matchers| typed.meant(matchers, NOW).map(drop)).err().unwrap_or_default();
    found.into_iter().map(|mistake| format!("{}: {}", mistake.field, mistake.text)).collect()
}

const GOOD: &str = "name=job&op==&value=a&by=me&duration=2h";

fn times(text: &str) -> (i64, i64) {
    let typed = form(text);
    match typed.meant(typed.matchers().unwrap(), NOW) {
        Ok(Meant::Once(draft)) => {
            let after = |at: Timestamp| (at.as_millis() - NOW.as_millis()) / 1000;
            (after(draft.starts_at), after(draft.ends_at))
        }
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn the_one_that_was_changed_counts() {
    // 2026-11-22T12:00:00Z is now.
    let given = |rest: &str| times(&format!("{GOOD}&{rest}"));
    assert_eq!(given(""), (0, 7200));
    assert_eq!(given("ends=2026-11-22T15:00&shown_ends=2026-11-22T14:00:00&shown_duration=2h"), (0, 3 * 3600));
    assert_eq!(given("ends=2026-11-22T14:00&shown_ends=2026-11-22T14:00&shown_duration=1h"), (0, 7200));
    assert_eq!(
        given("ends=2026-11-22T15:00&shown_ends=2026-11-22T14:00&shown_duration=1h"),
        (0, 7200),
        "both: duration"
    );
    assert_eq!(given("ends=2026-11-22T15:00&ends_by=duration"), (0, 7200));
    assert_eq!(given("ends=2026-11-22T15:00&ends_by=end"), (0, 3 * 3600));
    assert_eq!(given("starts=2026-11-22T13:00"), (3600, 3 * 3600));
    assert_eq!(given("starts=2026-11-22T14:00&zone=Europe/Berlin"), (3600, 3 * 3600));
    assert_eq!(given("starts=2026-11-22T14:00:00.5%2B01:00"), (3600, 3 * 3600));
}

#[test]
fn every_mistake_is_told_with_its_field() {
    assert_eq!(mistakes(&form(GOOD)), Vec::<String>::new());
    for (text, expected) in [
        ("", vec!["matchers: at least one matcher is required"]),
        ("name=a&op=%3D~&value=.*", vec!["matchers: at least one matcher must not match the empty string"]),
        ("name=&op=%3D&value=x", vec!["matcher-1: The label has no name."]),
        (
            "name=a&op=%3D&value=x",
            vec!["by: Say who you are: others may want to ask.", "duration: How long? Such as 45m, 2h or 1d."],
        ),
        ("name=a&op=<>&value=x", vec!["matcher-1: \"<>\" is no operator, expected =, !=, =~ or !~"]),
        ("name=a&op=%3D&value=x&by=me&duration=2x", vec!["duration: \"2x\" is no duration such as 45m, 2h or 1d12h"]),
        (
            "name=a&op=%3D&value=x&by=me&duration=1h&zone=Mars",
            vec!["zone: \"Mars\" is no time zone such as Europe/Berlin"],
        ),
        (
            "name=a&op=%3D&value=x&by=me&duration=1h&starts=soon",
            vec!["starts: \"soon\" is no time such as 2026-01-31T12:00"],
        ),
        ("name=a&op=%3D&value=x&by=me&ends=2026-11-22T11:00", vec!["ends: It must end after it starts."]),
        ("name=a&op=%3D&value=x&by=me&duration=1h&starts=2026-11-22T10:00", vec!["ends: It would be over already."]),
        (
            "name=a&op=%3D&value=x&by=me&duration=1h&recurs=1&cron=0 0 30 2 *",
            vec!["cron: cron \"0 0 30 2 *\" never comes: there is no such day"],
        ),
        (
            "name=a&op=%3D&value=x&by=me&duration=1h&recurs=1&cron=@daily&timezone=Mars",
            vec!["timezone: timezone \"Mars\" is unknown, expected one such as Europe/Berlin or UTC"],
        ),
    ] {
        assert_eq!(mistakes(&form(text)), expected, "{text}");
    }
    let two = mistakes(&form("name=a&op=%3D~&value=%28&name=b&op=%3D~&value=x&name=c&op=!~&value=["));
    assert!(two.len() == 2 && two[0].starts_with("matcher-1: ") && two[1].starts_with("matcher-3: "), "{two:?}");
}

#[test]
fn matchers_are_pasted() {
    let mut typed = form("name=&op=%3D&value=&paste={a%3D\"b\",c%3D~\"d.*\"}");
    typed.take_paste(ParseMode::default()).unwrap();
    let rows: Vec<String> = typed.rows.iter().map(|row| format!("{}{}{}", row.name, row.op, row.value)).collect();
    assert_eq!((rows.join(" ").as_str(), typed.paste.as_str()), ("a=b c=~d.*", ""));
    let mut wrong = form("paste={a");
    assert_eq!(wrong.take_paste(ParseMode::default()).unwrap_err().field, "paste");
    assert_eq!(wrong.paste, "{a");
}

#[test]
fn a_silence_is_edited_as_it_is_and_made_again_when_it_is_over() {
    let silence = Silence {
        id: Uuid::from_u128(7),
        matchers: vec![Matcher::equal("a", "b")],
        starts_at: NOW.minus(Duration::from_millis(600_400)),
        ends_at: NOW.plus(Duration::from_secs(3600)),
        updated_at: NOW,
        created_by: "me".to_owned(),
        comment: "why".to_owned(),
        annotations: LabelSet::empty(),
        until_resolved: true,
        has_matched: false,
        schedule: None,
    };
    let typed = Typed::of_silence(&silence, NOW);
    assert_eq!(
        (typed.id, typed.starts.as_str(), typed.ends.as_str()),
        (Some(silence.id), "2026-11-22T11:49:59", "2026-11-22T13:00:00")
    );
    let Ok(Meant::Once(draft)) = typed.meant(typed.matchers().unwrap(), NOW) else { panic!() };
    assert_eq!(draft.starts_at.as_millis() / 1000, silence.starts_at.as_millis() / 1000, "edited in place");
    assert_eq!(draft.ends_at, silence.ends_at);
    assert_eq!((draft.until_resolved, draft.id), (Some(true), Some(silence.id)));
    let later = NOW.plus(Duration::from_secs(7200));
    let again = Typed::of_silence(&silence, later);
    assert_eq!((again.id, again.starts.as_str(), again.duration.as_str()), (None, "", "1h10m"));
}

#[test]
fn a_recurring_silence() {
    let typed = form(&format!("{GOOD}&recurs=1&cron=30 2 * * SUN&timezone=Europe/Berlin&until=2027-01-01T00:00"));
    let Ok(Meant::Recurring(draft)) = typed.meant(typed.matchers().unwrap(), NOW) else {
        panic!("{:?}", mistakes(&typed))
    };
    assert_eq!(draft.schedule.to_string(), "30 2 * * SUN, Europe/Berlin, for 2h, until 2027-01-01T00:00:00Z");
    assert_eq!((draft.starts_at, draft.id), (None, None));
}

#[test]
fn forms_show_duration_and_end_as_they_follow() {
    let settled = |text: &str| {
        let mut typed = form(&format!("name=job&op==&value=a&by=me&{text}"));
        let meant = typed.meant(typed.matchers().unwrap(), NOW).unwrap();
        typed.settle(&meant);
        (typed.duration, typed.ends)
    };
    assert_eq!(settled("duration=90m"), ("90m".to_owned(), "2026-11-22T13:30:00".to_owned()));
    assert_eq!(
        settled("ends=2026-11-22T16:00&zone=Europe/Berlin"),
        ("3h".to_owned(), "2026-11-22T16:00:00".to_owned())
    );
}
