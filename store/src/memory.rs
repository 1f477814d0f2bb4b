//! Records in memory only: tests, simulation, and `--storage.path=""`.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::backend::{Backend, Usage};
use crate::batch::{Batch, Key};
use crate::error::StoreError;

/// Records in memory only; gone with the process.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    records: BTreeMap<Key, Vec<u8>>,
    bytes: u64,
    generation: u64,
    closed: bool,
}

impl Memory {
    /// A memory without records.
    pub fn new() -> Self {
        Self::default()
    }

    fn open(&mut self) -> Result<&mut Self, StoreError> {
        if self.closed { Err(StoreError::Closed) } else { Ok(self) }
    }

    fn forget(&mut self, key: &str) {
        if let Some((key, value)) = self.records.remove_entry(key) {
            self.bytes -= (key.len() + value.len()) as u64;
        }
    }
}

impl Backend for Memory {
    fn commit(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        let open = self.open()?;
        for batch in batches {
            batch.check()?;
            for (key, value) in batch.changes() {
                open.forget(key);
                if let Some(value) = value {
                    open.bytes += (key.len() + value.len()) as u64;
                    open.records.insert(key.clone(), value.clone());
                }
            }
        }
        open.generation += 1;
        Ok(())
    }

    fn scan(&mut self, prefix: &str) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        let records = &self.open()?.records;
        let from_prefix = records.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        Ok(from_prefix
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn get(&mut self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let records = &self.open()?.records;
        Ok(keys.iter().map(|key| records.get(key).cloned()).collect())
    }

    fn export(&mut self, _now_ms: i64) -> Result<(), StoreError> {
        self.open().map(|_| ())
    }

    fn close(&mut self, _now_ms: i64) -> Result<(), StoreError> {
        self.open()?.closed = true;
        Ok(())
    }

    fn usage(&self) -> Usage {
        Usage { records: self.records.len() as u64, bytes: self.bytes, generation: self.generation, recoveries: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scan_gives_the_prefix_only_and_the_last_change_wins() {
        let mut memory = Memory::new();
        let mut batch = Batch::new();
        batch.put("a/1", "x").put("b/1", "old").put("b/1", "new").put("b/2", "y").put("c", "z").delete("b/2");
        memory.commit(&[batch]).unwrap();
        assert_eq!(memory.scan("b/").unwrap(), [("b/1".to_owned(), b"new".to_vec())]);
        assert_eq!(memory.usage().records, 3);
        assert_eq!(memory.usage().bytes, 4 + 6 + 2);
        memory.close(0).unwrap();
        assert!(matches!(memory.scan(""), Err(StoreError::Closed)));
    }
}
