//! Taking up what an earlier process left in the store.

use model::Timestamp;

use super::Notifier;
use super::known::Stored;
use crate::record::{Record, RecordV1};

impl Notifier {
    /// Takes in stored records; to be called before the first configuration. Answers a warning for each record that
    /// cannot be read: it is left out, the others are taken.
    pub fn restore(&mut self, now: Timestamp, records: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<String> {
        let mut warnings = Vec::new();
        self.restored_at = Some(now);
        for (key, value) in records {
            let read = Record::from_bytes(&value).map_err(|error| error.to_string());
            if let Err(why) = read.and_then(|Record::V1(record)| match record {
                RecordV1::History(page) => self.history.restore(&key, value.len(), &page.into_events()?),
                record => self.take_record(now, key.clone(), record),
            }) {
                warnings.push(format!("record {key} is left out: {why}"));
            }
        }
        self.known.book.find_free();
        self.restore_windows(now);
        warnings
    }

    fn take_record(&mut self, now: Timestamp, key: String, record: RecordV1) -> Result<(), String> {
        match record {
            RecordV1::Silence(silence) => self.known.silences.put(silence.into_silence()?),
            RecordV1::Ack(ack) => self.acks.put(ack.into_acknowledgement()),
            RecordV1::Maintenance(maintenance) => self.restore_maintenance(maintenance.into_maintenance()?),
            RecordV1::Log(entry) => {
                let (key, entry) = entry.into_entry();
                self.log.restore(key, entry);
            }
            RecordV1::Alerts(page) => {
                let taken = page.into_alerts(now, self.settings.restart_grace)?.into_iter().map(|restored| {
                    let stored = if restored.is_resolved { Stored::Resolved } else { Stored::Firing };
                    self.known.restore(restored.id, restored.alert, stored)
                });
                // One that cannot be taken leaves the others of its page.
                return taken.fold(Ok(()), Result::and);
            }
            RecordV1::Group(group) => self.groups.leave(key, group.into_left()),
            // It is read with its size.
            RecordV1::History(_) => {}
        }
        Ok(())
    }
}
