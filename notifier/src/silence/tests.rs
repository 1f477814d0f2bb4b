use super::*;

fn s(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn draft(id: Option<Uuid>, value: &str, start: i64, end: i64) -> SilenceDraft {
    SilenceDraft {
        id,
        matchers: vec![Matcher::equal("a", value)],
        starts_at: s(start),
        ends_at: s(end),
        created_by: String::new(),
        comment: String::new(),
        annotations: LabelSet::empty(),
        until_resolved: None,
    }
}

const OLD: Uuid = Uuid::from_u128(1);
const NEW: Uuid = Uuid::from_u128(2);

/// One silence made at 0, over 10 to 100.
fn one() -> Silences {
    let mut silences = Silences::default();
    let edit = silences.plan(s(0), draft(None, "x", 10, 100), OLD).unwrap();
    assert_eq!(edit.ended, None);
    silences.put(edit.set);
    silences
}

#[test]
fn a_new_silence_begins_no_earlier_than_now() {
    let set = one().plan(s(50), draft(None, "y", 10, 100), NEW).unwrap().set;
    assert_eq!((set.id, set.starts_at, set.ends_at, set.updated_at), (NEW, s(50), s(100), s(50)));
}

#[test]
fn edits_in_place_or_by_a_new_silence() {
    // now, value, start, end -> id, start, end, end of the old one
    let cases = [
        ("pending, moved", 5, ("x", 20, 50), (OLD, 20, 50, None)),
        ("pending, into the past", 5, ("x", 1, 50), (NEW, 5, 50, Some((5, 5)))),
        ("active, extended", 50, ("x", 10, 500), (OLD, 10, 500, None)),
        ("active, cut short", 50, ("x", 10, 60), (OLD, 10, 60, None)),
        ("active, start moved", 50, ("x", 11, 100), (NEW, 50, 100, Some((10, 50)))),
        ("active, other matchers", 50, ("y", 10, 100), (NEW, 50, 100, Some((10, 50)))),
        ("pending, other matchers", 5, ("y", 10, 100), (NEW, 10, 100, Some((5, 5)))),
        ("expired, revived", 150, ("x", 10, 200), (NEW, 150, 200, None)),
    ];
    for (what, now, (value, start, end), (id, starts_at, ends_at, ended)) in cases {
        let edit = one().plan(s(now), draft(Some(OLD), value, start, end), NEW).unwrap();
        assert_eq!((edit.set.id, edit.set.starts_at, edit.set.ends_at), (id, s(starts_at), s(ends_at)), "{what}");
        let ended_at = edit.ended.map(|old| (old.starts_at, old.ends_at));
        assert_eq!(ended_at, ended.map(|(start, end)| (s(start), s(end))), "{what}");
    }
}

#[test]
fn a_start_is_the_same_to_the_second() {
    let mut moved = draft(Some(OLD), "x", 10, 100);
    moved.starts_at = moved.starts_at.plus(Duration::from_millis(999));
    assert_eq!(one().plan(s(50), moved, NEW).unwrap().set.id, OLD);
}

#[test]
fn what_is_refused() {
    let refused = |draft| one().plan(s(50), draft, NEW).unwrap_err().to_string();
    let list = |matchers| SilenceDraft { matchers, ..draft(None, "x", 60, 100) };
    let unknown = Uuid::from_u128(9);
    assert_eq!(refused(draft(Some(unknown), "x", 60, 100)), format!("silence {unknown} not found"));
    assert_eq!(refused(list(vec![])), "invalid silence: at least one matcher is required");
    let empty = "invalid silence: at least one matcher must not match the empty string";
    assert_eq!(refused(draft(None, "", 60, 100)), empty);
    assert_eq!(refused(list(vec![Matcher::new("a", MatchOp::Regex, ".*").unwrap()])), empty);
    assert_eq!(refused(draft(None, "x", 60, 60)), "invalid silence: it must start before it ends");
    assert_eq!(refused(draft(None, "x", 10, 40)), "invalid silence: it ends in the past");
    let negative = list(vec![Matcher::new("a", MatchOp::NotEqual, "x").unwrap()]);
    assert!(one().plan(s(50), negative, NEW).is_ok(), "as in Alertmanager, though it covers nearly everything");
}

#[test]
fn ending() {
    let ended = |now| one().plan_end(s(now), OLD).unwrap().map(|old| (old.starts_at, old.ends_at));
    assert_eq!(ended(5), Some((s(5), s(5))));
    assert_eq!(ended(50), Some((s(10), s(50))));
    assert_eq!(ended(150), None);
    assert_eq!(one().plan_end(s(5), NEW), Err(SilenceError::NotFound(NEW)));
}

#[test]
fn kept_for_the_retention() {
    let mut silences = one();
    let day = Duration::from_secs(86_400);
    assert!(silences.collect(s(100 + 86_399), day).is_empty());
    assert!(silences.get(OLD).is_some());
    assert_eq!(silences.collect(s(100 + 86_400), day), [OLD]);
    assert!(silences.is_empty() && silences.get(OLD).is_none());
}

/// Whatever the order of additions, edits, expiries and look-ups, the memory of an alert answers as plain matching does.
#[test]
fn the_memory_answers_as_plain_matching_does() {
    let mut silences = Silences::default();
    let sets: Vec<LabelSet> =
        (0..6).map(|i| LabelSet::from_pairs([("a", format!("{}", i % 3)), ("b", format!("{}", i % 2))])).collect();
    let mut memory = vec![Covering::default(); sets.len()];
    let mut state = 7u64;
    for step in 0..3000i64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = |bits: u32, of: u64| (state >> bits) % of;
        let matcher = match pick(20, 5) {
            0 => Matcher::equal("a", pick(30, 3).to_string()),
            1 => Matcher::equal("b", pick(30, 2).to_string()),
            2 => Matcher::new("a", MatchOp::Regex, "0|2").unwrap(),
            3 => Matcher::new("a", MatchOp::Regex, "[01]").unwrap(),
            _ => Matcher::new("a", MatchOp::NotEqual, "1").unwrap(),
        };
        let made =
            SilenceDraft { matchers: vec![matcher], ..draft(None, "", step, step + 1 + pick(40, 40).cast_signed()) };
        for _ in 0..pick(50, 3) * pick(55, 8) {
            let id = Uuid::from_u128(silences.next_number.into());
            let edit = silences.plan(s(step), made.clone(), id).unwrap();
            silences.put(edit.set);
        }
        if pick(45, 10) == 0 {
            silences.collect(s(step), Duration::from_secs(20));
        }
        let at = usize::try_from(pick(33, 6)).unwrap();
        silences.refresh(&sets[at], &mut memory[at]);
        let remembered: Vec<Uuid> = silences.active(&memory[at], s(step)).map(|silence| silence.id).collect();
        let plain = silences
            .iter()
            .filter(|silence| silence.state(s(step)) == SilenceState::Active && silence.matches(&sets[at]));
        assert_eq!(remembered, plain.map(|silence| silence.id).collect::<Vec<_>>(), "step {step}");
    }
}
