//! What the first release stored is read by every later one, to the same values.
//!
//! `tests/stored/` has a folder for each release whose stored forms differ: the store's files (the large ones compressed) and a copy as
//! `watchfire store export` writes it. They are never written again. What they say is told here, in terms of today's types. When
//! a kind of record is added, or a new form of one, `WATCHFIRE_STORED=v2 cargo test --test suite store_upgrade` writes another folder.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::labels::Fingerprint;
use model::{LabelSet, MatchOp, Matcher, Timestamp};
use notifier::acknowledgement::Acknowledgement;
use notifier::alert_book::{AlertId, StoredAlert, Texts};
use notifier::group::{Grid, Group, Unanswered, Waiting};
use notifier::history::event::{Ended, Event, Happening, Subject, What};
use notifier::maintenance::Maintenance;
use notifier::notification::Reason;
use notifier::notification_log::Entry;
use notifier::record::{AlertPageV1, PageWriter, Record, RecordV1, Whole};
use notifier::route::RouteId;
use notifier::schedule::{Schedule, WrittenSchedule};
use notifier::silence::Silence;
use rules_engine::backlog::{Backlog, Keeping};
use rules_engine::group::GroupKey;
use rules_engine::io::write_samples::PACKING;
use rules_engine::namespaces::record as pieces;
use rules_engine::record::{self as rule_record, AlertRecord, GroupRecord, Labels, RuleKey, StoredState};
use rules_engine::sample::Sample;
use store::copies;
use uuid::Uuid;

use crate::peers::root;
use crate::sink::Sink;
use crate::stage::Watchfire;

/// Sunday, 22 November 2026, in the forenoon.
const NOON: Timestamp = Timestamp::from_secs(1_795_340_000);
const KEY: &str = r#"{}/{team="db"}:{alertname="Down"}"#;
/// Large enough for two pieces.
const RULES_LINES: usize = 60;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(NOON.as_nanos() + seconds * 1_000_000_000 + 123_456_789)
}

fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    LabelSet::from_pairs(pairs.iter().copied())
}

fn matchers() -> Vec<Matcher> {
    let ops =
        [(MatchOp::Equal, "Down"), (MatchOp::NotEqual, "Up"), (MatchOp::Regex, "D.*"), (MatchOp::NotRegex, "(U|V).*")];
    ops.map(|(op, value)| Matcher::new("alertname", op, value).unwrap()).into()
}

fn silence() -> Silence {
    Silence {
        id: Uuid::from_u128(7),
        matchers: matchers(),
        starts_at: at(0),
        ends_at: at(3600),
        updated_at: at(1),
        created_by: "ann".to_owned(),
        comment: "ü \"quoted\"\n".to_owned(),
        annotations: labels(&[("ticket", "OPS-1")]),
        until_resolved: true,
        has_matched: true,
        schedule: Some(Uuid::from_u128(8)),
    }
}

fn maintenance() -> Maintenance {
    let written = WrittenSchedule {
        cron: "0 2 * * 1-5".to_owned(),
        duration: Duration::from_secs(5400),
        timezone: "Europe/Berlin".to_owned(),
        until: Some(at(86_400 * 365)),
    };
    Maintenance {
        id: Uuid::from_u128(8),
        schedule: Schedule::new(written).unwrap(),
        starts_at: at(2),
        matchers: matchers(),
        until_resolved: true,
        updated_at: at(3),
        created_by: "bob".to_owned(),
        comment: "backups".to_owned(),
        annotations: labels(&[("ticket", "OPS-2")]),
        latest: Some(at(4)),
        ended_at: Some(at(5)),
    }
}

fn maintenance_fields(m: Maintenance) -> impl PartialEq + std::fmt::Debug {
    (
        (m.id, m.schedule.written().clone(), m.starts_at, m.matchers, m.until_resolved, m.updated_at),
        (m.created_by, m.comment, m.annotations, m.latest, m.ended_at),
    )
}

fn log_entry() -> (Arc<str>, Entry) {
    let entry = Entry {
        at: at(10),
        firing: [1, u64::MAX].into(),
        starts: [at(6).as_millis(), at(7).as_millis()].into(),
        resolved: [2].into(),
        owed: [3].into(),
        maybe: [4].into(),
        blocked_until: Some(at(70)),
        address: 11,
        named: Some(r#"{"ts":"1.5"}"#.into()),
        expires_at: at(432_000),
        record_key: None,
    };
    (format!("{KEY}:pager/webhook/0").into(), entry)
}

fn alerts() -> Vec<(AlertId, StoredAlert, bool)> {
    let alert = |number: u32, is_timeout| {
        let labels = labels(&[("alertname", "Down"), ("instance", &format!("db-{number}:9100")), ("team", "db")]);
        StoredAlert {
            fingerprint: labels.fingerprint(),
            texts: Texts::new(
                labels,
                LabelSet::from_pairs([("summary", "it is down")]),
                "http://prometheus:9090/graph?g0.expr=up".into(),
            ),
            starts_at: at(6),
            ends_at: at(300 + i64::from(number)),
            updated_at: at(60),
            known_at: at(8),
            is_timeout,
        }
    };
    vec![(AlertId(0), alert(0, true), false), (AlertId(3), alert(3, false), true)]
}

fn group() -> Group {
    Group {
        route: RouteId(0),
        labels: labels(&[("alertname", "Down")]),
        key: KEY.into(),
        record_key: String::new(),
        members: Vec::new(),
        guests: Vec::new(),
        grid: Grid { anchor: at(36), interval: Duration::from_secs(300) },
        next_flush: at(36),
        slots: Vec::new(),
        unanswered: Some(Box::new(Unanswered { waiting: vec![waiting()], next: None })),
    }
}

fn waiting() -> Waiting {
    Waiting { hash: 77, start_ms: at(6).as_millis(), since: at(36) }
}

fn events() -> Vec<Event> {
    let subject = |ended| Subject {
        labels: labels(&[("alertname", "Down"), ("instance", "db-0:9100")]),
        starts_at: Timestamp::from_millis(at(6).as_millis()),
        ended,
    };
    let event = |second, what, alerts| Event {
        at: Timestamp::from_millis(at(second).as_millis()),
        group_key: KEY.to_owned(),
        receiver: "pager".to_owned(),
        integration: Some(("webhook".to_owned(), 0)),
        what,
        alerts,
        more: 2,
    };
    let delivered = What::Delivered { reason: Reason::FirstNotification, attempt: 2, firing: 1, resolved: 0 };
    let failed = What::Failed {
        kind: "serverError".to_owned(),
        message: "503".to_owned(),
        attempt: 1,
        in_a_row: 1,
        next_ms: Some(at(40).as_millis()),
        asked_ms: Some(4000),
    };
    vec![
        event(36, failed, vec![subject(None)]),
        event(40, delivered, vec![subject(None)]),
        event(400, What::EndedUntold, vec![subject(Some(Ended::BySource))]),
    ]
}

fn acknowledgement() -> Acknowledgement {
    Acknowledgement {
        fingerprint: Fingerprint(0xfeed),
        starts_at: at(6),
        by: "cleo".to_owned(),
        comment: "on it".to_owned(),
        at: at(50),
        until: Some(at(3600)),
    }
}

fn rule_alert() -> AlertRecord {
    let rule = RuleKey {
        file: "/etc/rules/db.yml".to_owned(),
        group: "db".to_owned(),
        name: "Down".to_owned(),
        labels: Labels(labels(&[("severity", "page")])),
        duplicate: 1,
    };
    AlertRecord {
        rule: rule.into(),
        labels: Labels(labels(&[("alertname", "Down"), ("instance", "db-0:9100")])),
        annotations: Labels(labels(&[("summary", "é\"\n")])),
        value: "+Inf".to_owned(),
        state: StoredState::Firing,
        active_at: at(1).as_nanos(),
        fired_at: Some(at(6).as_nanos()),
        resolved_at: Some(at(7).as_nanos()),
        last_sent_at: Some(at(8).as_nanos()),
        keep_firing_since: Some(at(9).as_nanos()),
    }
}

fn rule_group() -> GroupRecord {
    GroupRecord { file: "/etc/rules/db.yml".to_owned(), name: "db".to_owned(), last_evaluation: at(11).as_nanos() }
}

fn rules_text() -> (GroupKey, String) {
    let text: String =
        (0..RULES_LINES).map(|line| format!("- record: line_{line} # größer als 1400 Bytes\n")).collect();
    (GroupKey::new("team/ü", "set through the API"), text)
}

/// Samples that wait to be written.
fn samples() -> Vec<Sample> {
    let sample = |number: i64| Sample {
        labels: labels(&[("__name__", "db:up:sum"), ("team", "db")]),
        timestamp_ms: at(number).as_millis(),
        value: 0.1 + number as f64,
    };
    (0..3).map(sample).collect()
}

fn waiting_samples() -> Vec<(String, Vec<u8>)> {
    let mut keepings = Vec::new();
    let mut backlog = Backlog::new(1 << 20, PACKING);
    backlog.push(samples(), &mut keepings);
    backlog.spill(&mut keepings);
    let kept = keepings.into_iter().filter_map(|keeping| match keeping {
        Keeping::Keep(number, record) => Some((format!("rules-queue/remote/{number:016x}"), record)),
        Keeping::Forget(_) => None,
    });
    kept.collect()
}

/// Every kind of record there is today, as it is stored today.
fn today() -> Vec<(String, Vec<u8>)> {
    let (log_key, entry) = log_entry();
    let alerts = alerts();
    let whole: Vec<_> = alerts.iter().map(|(id, alert, is_over)| Whole::new(*id, alert, *is_over)).collect();
    let mut history = PageWriter::default();
    for event in &events() {
        history.write(&Happening {
            at: event.at,
            group_key: &event.group_key,
            receiver: &event.receiver,
            integration: event.integration.as_ref().map(|(kind, index)| (kind.as_str(), *index)),
            what: event.what.clone(),
            alerts: event.alerts.clone(),
            more: event.more,
        });
    }
    let ack = acknowledgement();
    let in_notifier = [
        (Record::silence_key(silence().id), Record::of_silence(&silence()).to_bytes()),
        (Record::maintenance_key(maintenance().id), Record::of_maintenance(&maintenance()).to_bytes()),
        (Record::log_key(&log_key), Record::of_log(&log_key, &entry).to_bytes()),
        (Record::page_key(0), Record::of_alerts(AlertPageV1::new(&whole).unwrap()).to_bytes()),
        (Record::group_key(KEY, 1), Record::of_group(&group(), 1, "pager").to_bytes()),
        (Record::history_key(0), history.to_bytes()),
        (Record::ack_key(ack.fingerprint), Record::of_ack(&ack).to_bytes()),
    ];
    let (alert, group) = (rule_alert(), rule_group());
    let group_key = rule_record::group_key(&GroupKey::new(&group.file, &group.name));
    let in_rules = [
        (
            rule_record::alert_key(&alert.rule.prefix(), &alert.labels.0),
            rule_record::Record::V1(rule_record::RecordV1::Alert(alert)).to_json(),
        ),
        (group_key, rule_record::Record::V1(rule_record::RecordV1::Group(group)).to_json()),
    ];
    let (key, text) = rules_text();
    let texts = pieces::replace(&key, None, Some(&text)).into_iter().filter_map(|(key, value)| Some((key, value?)));
    let under = |prefix: &'static str| move |(key, value): (String, Vec<u8>)| (format!("{prefix}{key}"), value);
    let mut all: Vec<_> = in_notifier.into_iter().map(under("notifier/")).collect();
    all.extend(in_rules.into_iter().map(under("rules/")));
    all.extend(texts.map(under("rule-groups/")));
    all.extend(waiting_samples());
    all.push(("secret/ack-links".to_owned(), b"0123456789abcdef0123456789abcdef".to_vec()));
    all.sort();
    all
}

/// Compares a record of the notifier with what it was meant to say; the name of its kind. A new kind belongs here and into `today`.
fn check_of_notifier(record: RecordV1) -> &'static str {
    match record {
        RecordV1::Silence(stored) => {
            assert_eq!(stored.into_silence().unwrap(), silence());
            "silence"
        }
        RecordV1::Maintenance(stored) => {
            let found = stored.into_maintenance().unwrap();
            assert_eq!(maintenance_fields(found), maintenance_fields(maintenance()));
            "maintenance"
        }
        RecordV1::Log(stored) => {
            assert_eq!(stored.into_entry(), log_entry());
            "log"
        }
        RecordV1::Alerts(stored) => {
            // An alert that fires gets the time it was promised once more: from the last report on, it is the same end.
            let restored = stored.into_alerts(at(60), Duration::MAX).unwrap();
            let found: Vec<_> =
                restored.into_iter().map(|restored| (restored.id, restored.alert, restored.is_resolved)).collect();
            assert_eq!(found, alerts());
            "alerts"
        }
        RecordV1::Group(stored) => {
            let (left, group) = (stored.into_left(), group());
            assert_eq!((&*left.key, &*left.receiver, &left.labels), (KEY, "pager", &group.labels));
            assert_eq!((&*left.route.0, left.route.1), (r#"{}/{team="db"}"#, 1));
            assert_eq!((left.grid.anchor, left.grid.interval), (group.grid.anchor, group.grid.interval));
            assert_eq!(left.waiting, [waiting()]);
            "group"
        }
        RecordV1::History(stored) => {
            assert_eq!(stored.into_events().unwrap(), events());
            "history"
        }
        RecordV1::Ack(stored) => {
            assert_eq!(stored.into_acknowledgement(), acknowledgement());
            "ack"
        }
    }
}

fn check_of_rules(record: rule_record::RecordV1) -> &'static str {
    match record {
        rule_record::RecordV1::Alert(stored) => {
            assert_eq!(stored, rule_alert());
            let course = stored.into_instance().course;
            assert_eq!((course.active_at, course.fired_at, course.resolved_at), (at(1), Some(at(6)), Some(at(7))));
            assert_eq!((course.last_sent_at, course.keep_firing_since), (Some(at(8)), Some(at(9))));
            "rule alert"
        }
        rule_record::RecordV1::Group(stored) => {
            assert_eq!(stored, rule_group());
            "rule group"
        }
    }
}

/// The kinds among these records, each of which says what it was meant to.
fn check(records: &[(String, Vec<u8>)]) -> BTreeSet<&'static str> {
    let mut kinds = BTreeSet::new();
    let mut texts = Vec::new();
    for (key, value) in records {
        let (half, rest) = key.split_once('/').unwrap();
        kinds.insert(match half {
            "notifier" => {
                let Record::V1(record) = Record::from_bytes(value).unwrap_or_else(|error| panic!("{key}: {error}"));
                check_of_notifier(record)
            }
            "rules" => match rule_record::Record::from_json(value).unwrap_or_else(|error| panic!("{key}: {error}")) {
                rule_record::Record::V1(record) => check_of_rules(record),
            },
            "rule-groups" => {
                texts.push((rest.to_owned(), value.clone()));
                "rules text"
            }
            "rules-queue" => {
                let mut backlog = Backlog::new(1 << 20, PACKING);
                let mut keepings = Vec::new();
                backlog.restore(vec![(0, value.clone())], &mut keepings);
                assert_eq!(backlog.take(100, None, &mut keepings).samples, samples());
                "waiting samples"
            }
            "secret" => {
                assert_eq!(value, b"0123456789abcdef0123456789abcdef");
                "secret"
            }
            _ => panic!("{key} is nobody's"),
        });
    }
    let (found, complaints) = pieces::join(texts);
    assert_eq!((found, complaints), (BTreeMap::from([rules_text()]), Vec::new()));
    kinds
}

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<_> =
        std::fs::read_dir(root().join("tests/stored")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

/// Copies files, those that end in `.gz` without that.
fn unpack(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for path in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let target = to.join(path.file_stem().filter(|_| is_packed(&path)).or(path.file_name()).unwrap());
        if path.is_dir() {
            unpack(&path, &target);
        } else if is_packed(&path) {
            let mut bytes = Vec::new();
            flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_end(&mut bytes).unwrap();
            std::fs::write(target, bytes).unwrap();
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "gz")
}

fn pack(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for path in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            pack(&path, &to.join(name));
        } else if name != "lock" {
            let file = std::fs::File::create(to.join(format!("{name}.gz"))).unwrap();
            let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::best());
            packed.write_all(&std::fs::read(&path).unwrap()).unwrap();
            packed.finish().unwrap();
        }
    }
}

/// Writes what this version stores: half of the records in the database, the others in the journal.
fn write_folder(folder: &Path) {
    use store::Backend;
    let work = tempfile::tempdir().unwrap();
    let records = today();
    let changes = |records: &[(String, Vec<u8>)]| -> store::Batch {
        records.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect()
    };
    let (early, late) = records.split_at(records.len() / 2);
    let (mut sled, _) = store::Sled::open(work.path(), NOON.as_millis()).unwrap();
    sled.commit(&[changes(early)]).unwrap();
    sled.close(NOON.as_millis()).unwrap();
    let (mut sled, _) = store::Sled::open(work.path(), NOON.as_millis()).unwrap();
    sled.commit(&[changes(late)]).unwrap();
    // As a kill would leave it: nothing is brought into the database any more.
    pack(work.path(), &folder.join("store"));
    drop(sled);
    let whole = copies::read(work.path(), NOON.as_millis()).unwrap();
    copies::write(&whole, &folder.join("copy"), false, NOON.as_millis()).unwrap();
}

#[test]
fn what_every_release_stored_is_read_to_the_same_values() {
    if let Ok(name) = std::env::var("WATCHFIRE_STORED") {
        write_folder(&root().join("tests/stored").join(name));
    }
    let mut kinds = BTreeSet::new();
    for folder in folders() {
        let work = tempfile::tempdir().unwrap();
        unpack(&folder.join("store"), work.path());
        let stored = copies::read(work.path(), 1).unwrap();
        assert!(stored.is_whole(), "{}: {:?}", folder.display(), stored.recovery);
        let copied = copies::read(&folder.join("copy"), 1).unwrap();
        assert!(copied.is_whole() && copied.records == stored.records, "{}", folder.display());
        assert_eq!(copied.written_at_ms, Some(NOON.as_millis()));
        kinds.extend(check(&stored.records));
    }
    assert_eq!(check(&today()), kinds, "every kind of record is among those of tests/stored");
}

#[tokio::test]
async fn the_program_takes_up_what_every_release_stored() {
    for stored in folders() {
        let folder = tempfile::tempdir().unwrap();
        unpack(&stored.join("store"), &folder.path().join("data"));
        let sink = Sink::open().await;
        let config = format!(
            "route: {{receiver: pager}}\nreceivers:\n- name: pager\n  webhook_configs: [{{url: '{}'}}]\n",
            sink.url("/hook")
        );
        let ours = Watchfire::notifier(folder.path(), &config).await;
        let printed = ours.process.lines();
        let complaint = printed.iter().find(|line| line.contains("level=warn") || line.contains("level=error"));
        assert!(complaint.is_none(), "{complaint:?}");
        assert!(
            printed.iter().any(|line| line.contains("notifier restored") && line.contains("records=7")),
            "{printed:#?}"
        );
    }
}
