//! Samples on their way to one target, in order: in memory while the target takes them, on disk too while it does not.
//!
//! Pure: what is to be kept on disk and what may be forgotten is told, and done by the caller. A record holds a few dozen
//! samples, at most 4 KiB. When more waits than may, the oldest is dropped and counted.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;

use crate::sample::Sample;

/// Bytes of a record before compression: it stays below 4 KiB even if compression makes it longer.
const RECORD_BYTES: usize = 3_400;

/// What a sample needs beside its labels, at most.
const SAMPLE_BYTES: usize = 24;

/// What a label needs beside its texts, at most.
const LABEL_BYTES: usize = 8;

/// Samples that are held as they came; those beyond are held packed.
const UNPACKED_SAMPLES_MAX: usize = 20_000;

/// The version of records, their first byte.
const VERSION: u8 = 1;

/// Version, number of samples, the newest timestamp.
const HEAD_BYTES: usize = 1 + 4 + 8;

/// Samples as bytes and back; the caller's, as the form is that of the wire.
#[derive(Clone, Copy, Debug)]
pub struct Packing {
    /// Packs samples.
    pub pack: fn(&[Sample]) -> Result<Vec<u8>, String>,
    /// Unpacks them, bit for bit.
    pub unpack: fn(&[u8]) -> Result<Vec<Sample>, String>,
}

/// What is to be done on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// Keep this record.
    Keep(u64, Vec<u8>),
    /// Forget this record.
    Forget(u64),
}

/// What became of samples that will not be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Samples dropped because too much waited.
    pub overflowed: u64,
    /// Samples dropped because they were too old to be sent.
    pub outdated: u64,
    /// Records that could not be read again.
    pub unreadable: u64,
}

/// The queue.
#[derive(Debug)]
pub struct Backlog {
    packing: Packing,
    bytes_max: usize,
    entries: VecDeque<Entry>,
    next: u64,
    bytes: usize,
    samples: usize,
    unpacked: usize,
    /// Entries at the front that are being sent.
    in_flight: usize,
    /// Whether what comes is kept on disk at once.
    is_spilling: bool,
    losses: Losses,
}

/// A record, or what will be one.
#[derive(Debug)]
struct Entry {
    number: u64,
    content: Content,
    samples: usize,
    newest_ms: i64,
    bytes: usize,
    is_on_disk: bool,
}

#[derive(Debug)]
enum Content {
    Samples(Vec<Sample>),
    Packed(Vec<u8>),
}

/// What is to be sent next.
#[derive(Debug, Default)]
pub struct Batch {
    /// In order.
    pub samples: Vec<Sample>,
    /// For each record: its number, and where its samples end.
    pub ends: Vec<(u64, usize)>,
}

impl Backlog {
    /// An empty one that holds so many bytes at most.
    pub fn new(bytes_max: usize, packing: Packing) -> Backlog {
        Backlog {
            packing,
            bytes_max,
            entries: VecDeque::new(),
            next: 0,
            bytes: 0,
            samples: 0,
            unpacked: 0,
            in_flight: 0,
            is_spilling: false,
            losses: Losses::default(),
        }
    }

    /// Takes back what was kept, before anything else.
    pub fn restore(&mut self, mut records: Vec<(u64, Vec<u8>)>, out: &mut Vec<Keeping>) {
        records.sort_by_key(|(number, _)| *number);
        for (number, record) in records {
            self.next = self.next.max(number.saturating_add(1));
            match Entry::read(number, record) {
                Some(entry) => self.append(entry),
                None => {
                    self.losses.unreadable += 1;
                    out.push(Keeping::Forget(number));
                }
            }
        }
        self.drop_overflow(out);
    }

    /// How much it may hold, from now on.
    pub fn set_bytes_max(&mut self, bytes_max: usize, out: &mut Vec<Keeping>) {
        self.bytes_max = bytes_max;
        self.drop_overflow(out);
    }

    /// Takes samples in; gives the number of the last record they are in.
    pub fn push(&mut self, samples: Vec<Sample>, out: &mut Vec<Keeping>) -> Option<u64> {
        let mut part = Vec::new();
        let mut part_bytes = 0;
        for sample in samples {
            let bytes = bytes_of(&sample);
            if part_bytes + bytes > RECORD_BYTES && !part.is_empty() {
                self.push_part(std::mem::take(&mut part), part_bytes, out);
                part_bytes = 0;
            }
            part_bytes += bytes;
            part.push(sample);
        }
        if part.is_empty() {
            return None;
        }
        self.push_part(part, part_bytes, out);
        self.drop_overflow(out);
        self.next.checked_sub(1)
    }

    fn push_part(&mut self, samples: Vec<Sample>, bytes: usize, out: &mut Vec<Keeping>) {
        let newest_ms = samples.iter().map(|sample| sample.timestamp_ms).max().unwrap_or_default();
        let number = self.next;
        self.next += 1;
        let count = samples.len();
        let content = Content::Samples(samples);
        let mut entry = Entry { number, content, samples: count, newest_ms, bytes, is_on_disk: false };
        if self.is_spilling || self.unpacked + count > UNPACKED_SAMPLES_MAX {
            entry.pack(self.packing);
        }
        if self.is_spilling {
            out.extend(entry.keep());
        }
        self.append(entry);
    }

    /// The number of the next record.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// From now on everything is kept on disk, what waits already included: the target is not taking it.
    pub fn spill(&mut self, out: &mut Vec<Keeping>) {
        if self.is_spilling {
            return;
        }
        self.is_spilling = true;
        let Self { entries, packing, unpacked, bytes, .. } = self;
        for entry in entries.iter_mut().filter(|entry| !entry.is_on_disk) {
            *unpacked -= entry.unpacked();
            *bytes -= entry.bytes;
            entry.pack(*packing);
            *bytes += entry.bytes;
            *unpacked += entry.unpacked();
            out.extend(entry.keep());
        }
    }

    /// The target takes samples: what comes is kept in memory only.
    pub fn is_taken(&mut self) {
        self.is_spilling = false;
    }

    /// The next samples to send, about as many as wanted. Answer it with [`Backlog::settle`].
    pub fn take(&mut self, samples_max: usize, oldest: Option<Timestamp>, out: &mut Vec<Keeping>) -> Batch {
        self.in_flight = 0;
        let mut batch = Batch::default();
        while let Some(entry) = self.entries.get(self.in_flight) {
            let is_outdated = oldest.is_some_and(|oldest| entry.newest_ms < oldest.as_millis());
            if !is_outdated && !batch.samples.is_empty() && batch.samples.len() + entry.samples > samples_max {
                break;
            }
            let samples = match &entry.content {
                _ if is_outdated => Err(()),
                Content::Samples(samples) => Ok(samples.clone()),
                Content::Packed(packed) => (self.packing.unpack)(packed).map_err(drop),
            };
            match samples {
                Ok(samples) => {
                    batch.samples.extend(samples);
                    batch.ends.push((entry.number, batch.samples.len()));
                    self.in_flight += 1;
                }
                Err(()) => {
                    if is_outdated {
                        self.losses.outdated += entry.samples as u64;
                    } else {
                        self.losses.unreadable += 1;
                    }
                    self.remove(self.in_flight, out);
                }
            }
        }
        batch
    }

    /// The records up to this number need not be sent any more; none of the rest is under way.
    pub fn settle(&mut self, last: Option<u64>, out: &mut Vec<Keeping>) {
        self.in_flight = 0;
        while let Some(entry) = self.entries.front()
            && last.is_some_and(|last| entry.number <= last)
        {
            self.remove(0, out);
        }
        self.drop_overflow(out);
    }

    /// Everything is dropped; gives how many samples that were.
    pub fn clear(&mut self, out: &mut Vec<Keeping>) -> usize {
        let dropped = self.samples;
        self.in_flight = 0;
        while !self.entries.is_empty() {
            self.remove(0, out);
        }
        dropped
    }

    /// Samples that wait, those under way included.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// About how many bytes they need.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What was lost.
    pub fn losses(&self) -> Losses {
        self.losses
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn append(&mut self, entry: Entry) {
        self.bytes += entry.bytes;
        self.samples += entry.samples;
        self.unpacked += entry.unpacked();
        self.entries.push_back(entry);
    }

    fn remove(&mut self, place: usize, out: &mut Vec<Keeping>) {
        let Some(entry) = self.entries.remove(place) else { return };
        self.bytes -= entry.bytes;
        self.samples -= entry.samples;
        self.unpacked -= entry.unpacked();
        if entry.is_on_disk {
            out.push(Keeping::Forget(entry.number));
        }
    }

    /// The oldest go, but for those under way.
    fn drop_overflow(&mut self, out: &mut Vec<Keeping>) {
        while self.bytes > self.bytes_max && self.entries.len() > self.in_flight {
            self.losses.overflowed += self.entries.get(self.in_flight).map_or(0, |entry| entry.samples as u64);
            self.remove(self.in_flight, out);
        }
    }
}

impl Entry {
    fn read(number: u64, mut record: Vec<u8>) -> Option<Entry> {
        let (head, _) = record.split_at_checked(HEAD_BYTES)?;
        let (version, rest) = head.split_first()?;
        let (samples, newest_ms) = rest.split_at_checked(4)?;
        if *version != VERSION {
            return None;
        }
        let samples = usize::try_from(u32::from_le_bytes(samples.try_into().ok()?)).ok()?;
        let newest_ms = i64::from_le_bytes(newest_ms.try_into().ok()?);
        let packed = record.split_off(HEAD_BYTES);
        let bytes = packed.len();
        Some(Entry { number, content: Content::Packed(packed), samples, newest_ms, bytes, is_on_disk: true })
    }

    /// The record to keep; none if the samples could not be packed, which then stay in memory only.
    fn keep(&mut self) -> Option<Keeping> {
        let Content::Packed(packed) = &self.content else { return None };
        let mut record = Vec::with_capacity(HEAD_BYTES + packed.len());
        record.push(VERSION);
        record.extend_from_slice(&u32::try_from(self.samples).unwrap_or(u32::MAX).to_le_bytes());
        record.extend_from_slice(&self.newest_ms.to_le_bytes());
        record.extend_from_slice(packed);
        self.is_on_disk = true;
        Some(Keeping::Keep(self.number, record))
    }

    fn pack(&mut self, packing: Packing) {
        if let Content::Samples(samples) = &self.content
            && let Ok(packed) = (packing.pack)(samples)
        {
            self.bytes = packed.len();
            self.content = Content::Packed(packed);
        }
    }

    /// Samples that are held as they came.
    fn unpacked(&self) -> usize {
        match &self.content {
            Content::Samples(samples) => samples.len(),
            Content::Packed(_) => 0,
        }
    }
}

/// The instant before which samples are too old.
pub fn oldest(now: Timestamp, age_max: Option<Duration>) -> Option<Timestamp> {
    age_max.map(|age| now.minus(age))
}

fn bytes_of(sample: &Sample) -> usize {
    let labels: usize = sample.labels.iter().map(|(name, value)| name.len() + value.len() + LABEL_BYTES).sum();
    labels + SAMPLE_BYTES
}

#[cfg(test)]
mod tests;
