use super::*;

fn entry(at: i64, firing: &[u64], resolved: &[u64], owed: &[u64]) -> Option<Entry> {
    let starts = firing.iter().map(|_| 7).collect();
    let (firing, resolved, owed) = (firing.into(), resolved.into(), owed.into());
    Some(Entry { firing, starts, resolved, owed, ..Entry::blank(0, Timestamp::from_secs(at), Timestamp::MAX) })
}

/// Asked at second 1000 with a repeat interval of 100 s.
fn ask(entry: Option<Entry>, firing: &[u64], resolved: &[u64], send_resolved: bool) -> &'static str {
    let starts = vec![7; firing.len()];
    is_news(entry.as_ref(), Question { firing, starts: &starts, resolved, send_resolved, ..QUESTION }).as_str()
}

const QUESTION: Question<'static> = Question {
    firing: &[],
    starts: &[],
    hidden: &[],
    resolved: &[],
    send_resolved: true,
    repeat_interval: Duration::from_secs(100),
    is_acknowledged: false,
    at: Timestamp::from_secs(1000),
    as_alertmanager: false,
};

#[test]
fn alertmanagers_table_line_by_line() {
    let (nothing, first, new) = ("nothing to tell", "first notification", "new alerts added");
    let (some, all, same) = ("some alerts resolved", "all alerts resolved", "unchanged since the last notification");
    type Case = (u32, Option<Entry>, &'static [u64], &'static [u64], bool, &'static str);
    let cases: [Case; 18] = [
        (1, None, &[1], &[], true, first),
        (1, None, &[1], &[2], true, first),
        (2, None, &[], &[], true, nothing),
        (2, None, &[], &[1], true, nothing),
        (3, entry(950, &[], &[1], &[]), &[1], &[], true, first),
        (4, entry(950, &[1], &[], &[]), &[1, 2], &[], true, new),
        (4, entry(950, &[1], &[], &[]), &[2], &[1], true, new),
        (5, entry(950, &[1], &[], &[]), &[], &[1], true, all),
        (5, entry(950, &[1], &[], &[]), &[], &[1], false, all),
        (6, entry(950, &[], &[1], &[]), &[], &[1], true, nothing),
        (6, entry(100, &[], &[1], &[]), &[], &[2], true, nothing),
        (7, entry(950, &[1, 2], &[], &[]), &[1], &[2], true, some),
        (9, entry(950, &[1, 2], &[], &[]), &[1], &[2], false, same),
        (9, entry(950, &[1], &[2], &[]), &[1], &[2], true, same),
        (8, entry(899, &[1], &[], &[]), &[1], &[], true, "repeat interval elapsed"),
        (9, entry(900, &[1], &[], &[]), &[1], &[], true, same),
        (9, entry(1000, &[1, 2], &[], &[]), &[1], &[], true, same),
        (8, entry(800, &[1, 2], &[3], &[]), &[1], &[3], true, "repeat interval elapsed"),
    ];
    for (line, entry, firing, resolved, send_resolved, expected) in cases {
        let asked = format!("line {line}: {entry:?} {firing:?} {resolved:?}");
        assert_eq!(ask(entry, firing, resolved, send_resolved), expected, "{asked}");
    }
}

#[test]
fn what_was_hidden_meanwhile_is_still_owed_its_resolve() {
    assert_eq!(ask(entry(950, &[], &[2], &[1]), &[], &[1], true), "all alerts resolved");
    assert_eq!(ask(entry(950, &[], &[2], &[1]), &[], &[1], false), "all alerts resolved", "to clear the entry");
    assert_eq!(ask(entry(950, &[2], &[], &[1]), &[2], &[1], true), "some alerts resolved");
}

#[test]
fn a_later_episode_is_news_to_all_but_alertmanager() {
    let told = entry(950, &[1, 2], &[], &[]);
    let ask = |starts: &[i64], as_alertmanager| {
        is_news(told.as_ref(), Question { firing: &[1, 2], starts, as_alertmanager, ..QUESTION }).as_str()
    };
    assert_eq!(ask(&[7, 8], false), "fires again");
    assert_eq!(ask(&[7, 8], true), "unchanged since the last notification");
    assert_eq!(ask(&[6, 7], false), "unchanged since the last notification", "an earlier start is the same episode");
}

#[test]
fn what_comes_out_of_a_silence_is_told_with_that_reason() {
    let ask = |entry: Option<Entry>, firing: &[u64]| ask(entry, firing, &[], true);
    assert_eq!(ask(entry(950, &[], &[], &[1]), &[1]), "no longer muted");
    assert_eq!(ask(entry(950, &[2], &[], &[1]), &[1, 2]), "no longer muted");
    assert_eq!(ask(entry(950, &[], &[], &[1]), &[1, 3]), "new alerts added");
}

#[test]
fn a_group_is_not_closed_while_something_told_fires_unseen() {
    let told = entry(950, &[1], &[], &[2]);
    let ask = |hidden, resolved, as_alertmanager| {
        is_news(told.as_ref(), Question { hidden, resolved, as_alertmanager, ..QUESTION }).as_str()
    };
    assert_eq!(ask(&[2], &[1], false), "some alerts resolved");
    assert_eq!(ask(&[2], &[1], true), "all alerts resolved");
    assert_eq!(ask(&[3], &[1], false), "all alerts resolved", "the receiver was never told of it");
    assert_eq!(ask(&[2], &[], false), "nothing to tell");
}

#[test]
fn what_somebody_has_taken_on_is_not_repeated_but_closed() {
    let told = entry(800, &[1, 2], &[], &[]);
    let ask = |firing: &[u64], resolved, as_alertmanager| {
        let starts = vec![7; firing.len()];
        let q = Question { firing, starts: &starts, resolved, is_acknowledged: true, as_alertmanager, ..QUESTION };
        is_news(told.as_ref(), q).as_str()
    };
    for as_alertmanager in [false, true] {
        assert_eq!(ask(&[1, 2], &[], as_alertmanager), "acknowledged");
        assert_eq!(ask(&[1], &[2], as_alertmanager), "some alerts resolved");
        assert_eq!(ask(&[], &[1, 2], as_alertmanager), "all alerts resolved");
        assert_eq!(ask(&[1, 2, 3], &[], as_alertmanager), "new alerts added");
    }
}
