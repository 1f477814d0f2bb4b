use super::*;

fn entry(at: i64, firing: &[u64], resolved: &[u64], owed: &[u64]) -> Option<Entry> {
    let at = Timestamp::from_secs(at);
    let expires_at = Timestamp::MAX;
    Some(Entry { at, firing: firing.into(), resolved: resolved.into(), owed: owed.into(), named: None, expires_at })
}

/// Asked at second 1000 with a repeat interval of 100 s.
fn ask(entry: Option<Entry>, firing: &[u64], resolved: &[u64], send_resolved: bool) -> &'static str {
    let repeat_interval = Duration::from_secs(100);
    let question = Question { firing, resolved, send_resolved, repeat_interval, at: Timestamp::from_secs(1000) };
    is_news(entry.as_ref(), question).as_str()
}

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
    assert_eq!(ask(entry(950, &[], &[2], &[1]), &[], &[1], false), "nothing to tell");
    assert_eq!(ask(entry(950, &[2], &[], &[1]), &[2], &[1], true), "some alerts resolved");
}
