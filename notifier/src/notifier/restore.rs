//! Taking up what an earlier process left in the store.

use model::Timestamp;
use model::source::shortened;

use super::Notifier;
use super::known::Stored;
use crate::alert_book::StoredAlert;
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
                warnings.push(format!("record {key} is left out: {}", shortened(&why)));
            }
        }
        self.known.book.find_free();
        self.restore_windows(now);
        warnings
    }

    fn take_record(&mut self, now: Timestamp, key: String, record: RecordV1) -> Result<(), String> {
        match record {
            RecordV1::Silence(silence) => {
                let mut silence = silence.into_silence()?;
                if silence.updated_at > now && silence.ends_at <= silence.updated_at {
                    // It was ended by hand, before the clock was set back.
                    silence.ends_at = silence.ends_at.min(now);
                    silence.starts_at = silence.starts_at.min(now);
                } else if silence.starts_at <= silence.updated_at && silence.schedule.is_none() {
                    // It was active then, and stays so.
                    silence.starts_at = silence.starts_at.min(now);
                }
                self.known.silences.put(silence);
            }
            RecordV1::Ack(ack) => self.acks.put(ack.into_acknowledgement()),
            RecordV1::Maintenance(maintenance) => self.restore_maintenance(maintenance.into_maintenance()?),
            RecordV1::Log(entry) => {
                let (key, mut entry) = entry.into_entry();
                entry.at = entry.at.min(now);
                self.log.restore(key, entry);
            }
            RecordV1::Alerts(page) => {
                let taken = page.into_alerts(now, self.settings.restart_grace)?.into_iter().map(|restored| {
                    let stored = if restored.is_resolved { Stored::Resolved } else { Stored::Firing };
                    let alert = not_ahead(restored.alert, restored.is_resolved, now);
                    self.known.restore(restored.id, alert, stored)
                });
                // One that cannot be taken leaves the others of its page.
                return taken.fold(Ok(()), Result::and);
            }
            RecordV1::Group(group) => {
                let mut left = group.into_left();
                // No group waits for the clock to be where it was.
                left.grid.anchor = left.grid.anchor.min(now.plus(left.grid.interval));
                self.groups.leave(key, left);
            }
            // It is read with its size.
            RecordV1::History(_) => {}
        }
        Ok(())
    }
}

/// An alert from a time that is yet to come: the clock was set back while the process was down. It is known all the same, and
/// what is over stays over.
fn not_ahead(alert: StoredAlert, is_resolved: bool, now: Timestamp) -> StoredAlert {
    if alert.updated_at <= now {
        return alert;
    }
    StoredAlert {
        starts_at: alert.starts_at.min(now),
        ends_at: if is_resolved { alert.ends_at.min(now) } else { alert.ends_at },
        updated_at: now,
        known_at: alert.known_at.min(now),
        ..alert
    }
}
