use super::*;

const NOW: i64 = 100;

fn report(start: i64, end: i64, is_timeout: bool) -> Report {
    Report {
        labels: LabelSet::from_pairs([("alertname", "A")]),
        annotations: LabelSet::empty(),
        starts_at: Timestamp::from_secs(start),
        ends_at: Timestamp::from_secs(end),
        is_timeout,
        generator_url: "".into(),
    }
}

fn put(old: Report, new: Report) -> (i64, i64, Change) {
    let now = Timestamp::from_secs(NOW);
    let mut book = AlertBook::default();
    let (id, change) = book.put(now, old);
    assert_eq!(change, Change::New);
    let (_, change) = book.put(now, new);
    let alert = book.get(id).unwrap();
    (alert.starts_at.as_millis() / 1000, alert.ends_at.as_millis() / 1000, change)
}

#[test]
fn merging() {
    let fixed = |start, end| report(start, end, false);
    let open = |start, end| report(start, end, true);
    let (same, news) = (Change::Refresh, Change::Material);
    let cases = [
        ("a refresh moves the end", fixed(50, 200), fixed(50, 260), (50, 260, same)),
        ("the same again", fixed(50, 200), fixed(50, 200), (50, 200, same)),
        ("the earlier start survives", fixed(50, 200), fixed(60, 260), (50, 260, news)),
        ("an earlier start comes in if the ends overlap", fixed(50, 200), fixed(40, 150), (40, 200, news)),
        (
            "a start before, an end after: no overlap by Alertmanager's test",
            fixed(50, 200),
            fixed(40, 300),
            (40, 300, news),
        ),
        ("an explicit end is not shortened by a fire", fixed(50, 200), fixed(60, 150), (50, 200, same)),
        ("an assumed end is", open(50, 200), fixed(60, 150), (50, 150, same)),
        ("nor by an assumed end", fixed(50, 400), open(60, 150), (50, 400, same)),
        ("a resolve ends it", fixed(50, 200), fixed(50, 90), (50, 90, news)),
        ("the later of two resolves wins", fixed(50, 95), fixed(50, 90), (50, 95, same)),
        ("a resolve after the end replaces", fixed(50, 90), fixed(50, 95), (50, 95, same)),
        ("a new fire after the end is a new one", fixed(50, 90), fixed(95, 200), (95, 200, news)),
        ("a fire that began before the end goes on", fixed(50, 90), fixed(80, 200), (50, 200, news)),
    ];
    for (what, old, new, (start, end, change)) in cases {
        // A start that is only merged away is no change to the stored alert.
        let (got_start, got_end, got_change) = put(old.clone(), new.clone());
        assert_eq!((got_start, got_end), (start, end), "{what}");
        let unchanged_start = old.starts_at.as_millis() / 1000 == start;
        let turned = (old.ends_at.as_millis() / 1000 <= NOW) != (end <= NOW);
        let expected = if unchanged_start && !turned { Change::Refresh } else { change };
        assert_eq!(got_change, expected, "{what}");
    }
}

#[test]
fn text_and_source_are_material() {
    let now = Timestamp::from_secs(NOW);
    let mut book = AlertBook::default();
    book.put(now, report(50, 200, false));
    let noted = |text| Report { annotations: LabelSet::from_pairs([("note", text)]), ..report(50, 200, false) };
    assert_eq!(book.put(now, noted("x")).1, Change::Material);
    assert_eq!(book.put(now, noted("x")).1, Change::Refresh);
    let sourced = || Report { generator_url: "http://p/graph".into(), ..noted("x") };
    assert_eq!(book.put(now, sourced()).1, Change::Material);
    assert_eq!(book.put(now, sourced()).1, Change::Refresh);
}

#[test]
fn known_again_when_it_fires_again() {
    let mut book = AlertBook::default();
    let (id, _) = book.put(Timestamp::from_secs(60), report(50, 90, false));
    book.put(Timestamp::from_secs(70), report(50, 95, false));
    assert_eq!(book.get(id).unwrap().known_at, Timestamp::from_secs(60));
    book.put(Timestamp::from_secs(100), report(98, 200, false));
    assert_eq!(book.get(id).unwrap().known_at, Timestamp::from_secs(100));
}

#[test]
fn ids_are_used_again() {
    let mut book = AlertBook::default();
    let (first, _) = book.put(Timestamp::EPOCH, report(1, 2, false));
    assert!(book.remove(first).is_some() && book.remove(first).is_none());
    let (second, change) = book.put(Timestamp::EPOCH, report(1, 2, false));
    assert_eq!((second, change), (first, Change::New));
    assert_eq!(book.iter().count(), 1);
}
