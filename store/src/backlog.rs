//! Changes that could not be written, kept until the disk works again.

use std::collections::BTreeMap;

use crate::batch::{Batch, Key};

/// Most that is kept, in bytes.
pub(crate) const BACKLOG_BYTES: usize = 64 << 20;

/// Counted per kept change on top of its key and value.
const OVERHEAD_BYTES: usize = 64;

/// The newest unwritten change of each key.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    changes: BTreeMap<Key, Option<Vec<u8>>>,
    bytes: usize,
}

impl Backlog {
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Takes what is kept, as one batch to be written before anything newer.
    pub(crate) fn take(&mut self) -> Batch {
        self.bytes = 0;
        std::mem::take(&mut self.changes).into_iter().collect()
    }

    /// Keeps all changes of `batch`, or none if that would be too much; false means none.
    pub(crate) fn keep(&mut self, batch: &Batch, limit_bytes: usize) -> bool {
        let added = batch.bytes() + OVERHEAD_BYTES * batch.changes().len();
        if self.bytes + added > limit_bytes {
            return false;
        }
        for (key, value) in batch.changes() {
            let size = |value: &Option<Vec<u8>>| OVERHEAD_BYTES + key.len() + value.as_ref().map_or(0, Vec::len);
            self.bytes += size(value);
            if let Some(older) = self.changes.insert(key.clone(), value.clone()) {
                self.bytes -= size(&older);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_change_of_each_key_and_counts_it_once() {
        let mut backlog = Backlog::default();
        let mut batch = Batch::new();
        batch.put("a", vec![0; 100]).put("a", vec![1; 10]).delete("b");
        assert!(backlog.keep(&batch, 1000));
        assert_eq!((backlog.len(), backlog.bytes()), (2, 64 + 1 + 10 + 64 + 1));
        let kept = backlog.take();
        assert_eq!(kept.changes(), [("a".to_owned(), Some(vec![1; 10])), ("b".to_owned(), None)]);
        assert_eq!(backlog.bytes(), 0);
    }

    #[test]
    fn refuses_a_batch_whole_when_it_is_full() {
        let mut backlog = Backlog::default();
        let mut batch = Batch::new();
        batch.put("a", vec![0; 100]).put("b", vec![0; 100]);
        assert!(!backlog.keep(&batch, 300));
        assert!(backlog.is_empty());
    }
}
