//! Records as they are stored, of every kind and of both halves: damaged ones are refused, good ones are stored as they were.

use std::time::Duration;

use model::Timestamp;
use notifier::notifier::Notifier;
use notifier::record::{Record, RecordV1};
use rules_engine::engine::{Engine, Settings};
use rules_engine::namespaces::Namespaces;

use super::text;

const NOW: Timestamp = Timestamp::from_nanos(1_767_323_040_000_000_000);

pub fn check(data: &[u8]) {
    of_notifier(data);
    of_rules(data);
    // As a restart reads them: whatever the key says, the value may be another's.
    let keys =
        ["silence/", "maintenance/", "log/", "alert/00000000", "group/", "history/0000000000000000", "ack/", "?"];
    let records = keys.iter().map(|key| ((*key).to_owned(), data.to_vec()));
    let complaints = Notifier::new(notifier::notifier::Settings::default()).restore(NOW, records.clone());
    complaints.iter().for_each(|complaint| text::says(complaint));
    Engine::new(Settings::default()).restore(records, &mut Vec::new());
    let (namespaces, complaints) = Namespaces::restore([("ab/0000".to_owned(), data.to_vec())]);
    assert!(namespaces.len() <= 1);
    complaints.iter().for_each(|complaint| text::says(complaint));
}

fn of_notifier(data: &[u8]) {
    let Ok(record) = Record::from_bytes(data) else { return };
    let stored = record.to_bytes();
    let again = Record::from_bytes(&stored).expect("what is stored can be read");
    assert_eq!(again.to_bytes(), stored);
    match again {
        Record::V1(RecordV1::Silence(silence)) => drop(silence.into_silence()),
        Record::V1(RecordV1::Maintenance(maintenance)) => drop(maintenance.into_maintenance()),
        Record::V1(RecordV1::Log(log)) => drop(log.into_entry()),
        Record::V1(RecordV1::Alerts(page)) => drop(page.into_alerts(NOW, Duration::from_secs(3600))),
        Record::V1(RecordV1::Group(group)) => drop(group.into_left()),
        Record::V1(RecordV1::History(page)) => drop(page.into_events()),
        Record::V1(RecordV1::Ack(ack)) => drop(ack.into_acknowledgement()),
    }
}

fn of_rules(data: &[u8]) {
    use rules_engine::record::{Record, RecordV1};
    match Record::from_json(data) {
        Err(error) => text::says(&error),
        Ok(record) => {
            assert_eq!(Record::from_json(&record.to_json()), Ok(record.clone()));
            let Record::V1(record) = record;
            if let RecordV1::Alert(alert) = record {
                drop(alert.into_instance());
            }
        }
    }
}
