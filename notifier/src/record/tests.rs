use super::*;

fn back(record: &Record) -> RecordV1 {
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
    };
    let RecordV1::Silence(stored) = back(&Record::of_silence(&silence)) else { panic!() };
    assert_eq!(stored.into_silence().unwrap(), silence);
}

#[test]
fn log_entries_come_back_as_they_were() {
    let entry = Entry {
        at: Timestamp::from_nanos(5),
        firing: [1, u64::MAX].into(),
        resolved: [2].into(),
        owed: [3].into(),
        expires_at: Timestamp::from_nanos(9),
    };
    let key: Arc<str> = r#"{}:{a="b"}:hook/webhook/0"#.into();
    let RecordV1::Log(stored) = back(&Record::of_log(&key, &entry)) else { panic!() };
    assert_eq!(stored.into_entry(), (key, entry));
}

#[test]
fn a_firing_alert_gets_one_more_term() {
    let at = Timestamp::from_secs;
    let alert = |ends_at| StoredAlert {
        labels: LabelSet::from_pairs([("alertname", "A"), ("x", "1")]),
        annotations: LabelSet::from_pairs([("note", "ü")]),
        fingerprint: LabelSet::from_pairs([("alertname", "A"), ("x", "1")]).fingerprint(),
        starts_at: at(10),
        ends_at,
        updated_at: at(100),
        known_at: at(50),
        is_timeout: true,
        generator_url: "http://p".into(),
    };
    // stored end, now of the restart, end after it
    for (end, now, expected) in [(340, 110, 350), (340, 1000, 1240), (5000, 110, 5010), (90, 1000, 90)] {
        let stored = alert(at(end));
        let RecordV1::Alert(record) = back(&Record::of_alert(&stored, at(100))) else { panic!() };
        let (restored, is_resolved) = record.into_alert(at(now));
        assert_eq!(restored, alert(at(expected)));
        assert_eq!(is_resolved, end <= 100);
    }
    assert_eq!(Record::alert_key(&alert(at(1))), "alert/6051004c729abe0e");
}

#[test]
fn keys_and_form() {
    assert_eq!(Record::silence_key(Uuid::from_u128(1)), "silence/00000000-0000-0000-0000-000000000001");
    assert_ne!(Record::group_key("{}:{}", 0), Record::group_key("{}:{}", 1));
    let group = Record::of_group(&"{}:{}".into(), 0, Timestamp::from_nanos(3));
    assert_eq!(String::from_utf8(group.to_bytes()).unwrap(), r#"{"v1":{"group":{"key":"{}:{}","twin":0,"anchor":3}}}"#);
    assert!(Record::from_bytes(br#"{"v2":{}}"#).is_err());
}
