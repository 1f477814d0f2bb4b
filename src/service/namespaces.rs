//! The keeper of the rule groups that people set through the API: in memory, and in the store before anybody is told.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use model::source::Diagnostics;
use rules_engine::io::api::namespaces::EditFailure;
use rules_engine::namespaces::{Edit, Namespaces, Record, Refusal};
use store::{Batch, Store, StoreError};
use tracing::warn;

/// Where the store has them.
const PREFIX: &str = "rule-groups/";
/// A disk that takes longer has failed as far as the caller is concerned.
const COMMIT_DEADLINE: Duration = Duration::from_secs(30);

/// The groups and their place in the store.
pub struct NamespaceKeeper {
    store: Store,
    namespaces: Mutex<Namespaces>,
    /// One change at a time.
    turn: tokio::sync::Mutex<()>,
}

impl NamespaceKeeper {
    /// Takes out of the store what was set before.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn restore(store: Store) -> anyhow::Result<NamespaceKeeper> {
        let records = store.scan(PREFIX).await.context("cannot read the stored rule groups")?;
        let own = |(key, value): (String, Vec<u8>)| (key.strip_prefix(PREFIX).unwrap_or(&key).to_owned(), value);
        let (namespaces, complaints) = Namespaces::restore(records.into_iter().map(own));
        store.left_out(complaints.len());
        for complaint in complaints {
            warn!("{complaint}");
        }
        Ok(NamespaceKeeper { store, namespaces: Mutex::new(namespaces), turn: tokio::sync::Mutex::default() })
    }

    /// The groups as they are.
    pub fn look(&self) -> MutexGuard<'_, Namespaces> {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change once it is on disk, all of it; `put_in_force` follows before the next change.
    ///
    /// # Errors
    /// The plan is refused, or cannot be stored; nothing has changed then.
    pub async fn change(
        &self,
        plan: impl FnOnce(&Self) -> Result<Edit, Refusal>,
        put_in_force: impl FnOnce(),
    ) -> Result<Diagnostics, EditFailure> {
        let _turn = self.turn.lock().await;
        let mut edit = plan(self)?;
        if let Err(error) = self.commit(std::mem::take(&mut edit.records)).await {
            // What could not be written is kept to be written later: put what was there over it.
            let undone = self.store.submit(batch(std::mem::take(&mut edit.undo))).await;
            let undone = undone.err().filter(|undone| !matches!(undone, StoreError::Closed));
            if let Some(undone) = undone {
                warn!(error = %undone, "a change of rule groups that could not be stored may come back with a restart");
            }
            return Err(EditFailure::NotStored(error.to_string()));
        }
        let warnings = std::mem::take(&mut edit.warnings);
        self.look().apply(edit);
        put_in_force();
        Ok(warnings)
    }

    async fn commit(&self, records: Vec<Record>) -> Result<(), StoreError> {
        let no_answer = || Err(StoreError::Engine { what: "the disk does not answer".to_owned() });
        let commit = self.store.commit(batch(records));
        tokio::time::timeout(COMMIT_DEADLINE, commit).await.unwrap_or_else(|_| no_answer())
    }
}

fn batch(records: Vec<Record>) -> Batch {
    records.into_iter().map(|(key, value)| (format!("{PREFIX}{key}"), value)).collect()
}
