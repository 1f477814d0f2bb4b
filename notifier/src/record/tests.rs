use super::*;
use crate::alert_book::{AlertId, StoredAlert, Texts};

fn back(record: &Record<'_>) -> RecordV1<'static> {
    let Record::V1(back) = Record::from_bytes(&record.to_bytes()).unwrap();
    back
}

#[test]
fn silences_come_back_as_they_were() {
    let silence = Silence {
        id: Uuid::from_u128(7),
        matchers: [
            (MatchOp::Equal, "x"),
            (MatchOp::NotEqual, "y"),
            (MatchOp::Regex, "z.*"),
            (MatchOp::NotRegex, "(a|b)"),
        ]
        .map(|(op, value)| Matcher::new("a", op, value).unwrap())
        .to_vec(),
        starts_at: Timestamp::from_nanos(1_234_567_890_123_456_789),
        ends_at: Timestamp::MAX,
        updated_at: Timestamp::EPOCH,
        created_by: "ann".to_owned(),
        comment: "ü \"quoted\"\n".to_owned(),
        annotations: LabelSet::from_pairs([("ticket", "1")]),
        until_resolved: true,
        has_matched: true,
        schedule: Some(Uuid::from_u128(8)),
    };
    let RecordV1::Silence(stored) = back(&Record::of_silence(&silence)) else { panic!() };
    assert_eq!(stored.into_silence().unwrap(), silence);
}

#[test]
fn log_entries_come_back_as_they_were() {
    let entry = Entry {
        at: Timestamp::from_nanos(5),
        firing: [1, u64::MAX].into(),
        starts: [-4, 7].into(),
        resolved: [2].into(),
        owed: [3].into(),
        maybe: [4].into(),
        blocked_until: Some(Timestamp::from_nanos(8)),
        address: 11,
        named: Some(r#"{"ts":"1"}"#.into()),
        expires_at: Timestamp::from_nanos(9),
        record_key: None,
    };
    let key: Arc<str> = r#"{}:{a="b"}:hook/webhook/0"#.into();
    let RecordV1::Log(stored) = back(&Record::of_log(&key, &entry)) else { panic!() };
    assert_eq!(stored.into_entry(), (key, entry));
}

#[test]
fn a_firing_alert_gets_one_more_term() {
    let at = Timestamp::from_secs;
    let alert = |ends_at| StoredAlert {
        texts: Texts::new(
            LabelSet::from_pairs([("alertname", "A"), ("x", "1")]),
            LabelSet::from_pairs([("note", "ü")]),
            "http://p".into(),
        ),
        fingerprint: LabelSet::from_pairs([("alertname", "A"), ("x", "1")]).fingerprint(),
        starts_at: at(10),
        ends_at,
        updated_at: at(100),
        known_at: at(50),
        is_timeout: true,
    };
    // stored end, now of the restart, end after it
    for (end, now, expected) in [(340, 110, 350), (340, 1000, 1240), (5000, 110, 5010), (90, 1000, 90)] {
        let stored = alert(at(end));
        let whole = [Whole::new(AlertId(21), &stored, end <= 100)];
        let RecordV1::Alerts(page) = back(&Record::of_alerts(AlertPageV1::new(&whole).unwrap())) else { panic!() };
        let restored = page.into_alerts(at(now), Duration::MAX).unwrap().remove(0);
        assert_eq!(restored.alert, alert(at(expected)));
        assert_eq!((restored.id, restored.is_resolved), (AlertId(21), end <= 100));
    }
    assert_eq!(Record::page_key(AlertPageV1::number_of(AlertId(21))), "alert/00000001");
    assert!(AlertPageV1::ids(1).any(|id| id == AlertId(21)) && AlertPageV1::ids(1).all(|id| id.0 / 20 == 1));
}

#[test]
fn the_texts_of_a_page_are_stored_once_and_a_page_of_nothing_is_none() {
    let alert = |n: u32| StoredAlert {
        texts: Texts::new(
            LabelSet::from_pairs([("alertname", "SomethingRatherLong".to_owned()), ("x", n.to_string())]),
            LabelSet::from_pairs([("note", "the same for each of them")]),
            "http://prometheus.example.com:9090/graph".into(),
        ),
        fingerprint: model::labels::Fingerprint(0),
        starts_at: Timestamp::from_secs(10),
        ends_at: Timestamp::from_secs(400),
        updated_at: Timestamp::from_secs(100),
        known_at: Timestamp::from_secs(50),
        is_timeout: false,
    };
    let alerts: Vec<_> = (0..3).map(alert).collect();
    let ids = (0..3).map(AlertId);
    let whole: Vec<_> = ids.zip(&alerts).map(|(id, alert)| Whole::new(id, alert, false)).collect();
    let page = AlertPageV1::new(&whole).unwrap();
    let bytes = Record::of_alerts(page).to_bytes();
    assert_eq!(String::from_utf8_lossy(&bytes).matches("the same for each").count(), 1);
    let Record::V1(RecordV1::Alerts(page)) = Record::from_bytes(&bytes).unwrap() else { panic!() };
    let restored = page.into_alerts(Timestamp::from_secs(100), Duration::ZERO).unwrap();
    assert!(restored.iter().zip(&alerts).all(|(restored, alert)| restored.alert.labels() == alert.labels()));
    assert!(AlertPageV1::new(&[]).is_none());
    for (broken, why) in [
        (&br#"{"v1":{"alerts":[[0,1,["a",1],[0,0,0,0],0]]}}"#[..], "text 1 is told as a change of nothing"),
        (br#"{"v1":{"alerts":[[0,1,["a","b"],[0,0,0,0],0]]}}"#, "a label without a value"),
        (br#"{"v1":{"alerts":[[0,2,["a","b",""],[0,0,0,0],0]]}}"#, "labels are missing"),
        (br#"{"v1":{"alerts":[[0,0,[""],[0,0,0,0],0]]}}"#, "the alert has no labels"),
    ] {
        let Record::V1(RecordV1::Alerts(page)) = Record::from_bytes(broken).unwrap() else { panic!() };
        assert_eq!(page.into_alerts(Timestamp::EPOCH, Duration::ZERO), Err(why.to_owned()));
    }
}

#[test]
fn keys_and_form() {
    assert_eq!(Record::silence_key(Uuid::from_u128(1)), "silence/00000000-0000-0000-0000-000000000001");
    assert_ne!(Record::group_key("{}:{}", 0), Record::group_key("{}:{}", 1));
    let old = br#"{"v1":{"group":{"key":"{}/{a=\"b\"}:{}","twin":0,"anchor":3}}}"#;
    let Ok(Record::V1(RecordV1::Group(group))) = Record::from_bytes(old) else { panic!() };
    let left = group.into_left();
    assert_eq!(
        (&*left.route.0, left.receiver.as_str(), left.grid.anchor),
        (r#"{}/{a="b"}"#, "", Timestamp::from_nanos(3))
    );
    assert!(Record::from_bytes(br#"{"v2":{}}"#).is_err());
}
