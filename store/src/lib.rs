//! What must survive a restart: the one place where Watchfire keeps state.
//!
//! The rule service and the notifier each keep their records under a key prefix of their own (`rules/…`, `notifier/…`).
//! Values are opaque bytes; who writes them versions them.
//!
//! In reading order:
//!
//! * [`Batch`] (`batch.rs`): puts and deletes that become durable together or not at all;
//! * [`Store`] (`store.rs`): the handle both services hold: commit, scan, flush, export, close, stats;
//! * `writer.rs`: the one thread behind the handle; it merges all waiting batches into one flush;
//! * `backlog.rs`: changes that could not be written, kept until the disk works again;
//! * [`Backend`] (`backend.rs`): what an engine has to promise. Two exist:
//!   [`Memory`] (`memory.rs`) and [`Sled`] (`sled.rs`, with `sled/` below it);
//! * `disk.rs`: the sled store of a service, up even where its directory cannot be written;
//! * [`copies`] (`sled/copies.rs`): copies that people make, look at and put in place;
//! * [`StoreError`] (`error.rs`), [`Stats`] (`stats.rs`), [`Recovery`] (`recovery.rs`).
//!
//! Promises: a commit that returned `Ok` survives `kill -9` and power loss. A damaged database is set aside and rebuilt
//! from the last export, with a [`Recovery`] that says so; it is never deleted and never a reason not to start. While the
//! disk fails, also at the start, commits say so and their changes are kept in memory, to be written with the next commit that
//! works.

mod backend;
mod backlog;
mod batch;
mod disk;
mod error;
mod memory;
mod recovery;
mod sled;
mod stats;
mod store;
mod writer;

pub use crate::backend::{Backend, Usage};
pub use crate::batch::{Batch, Change, Key, MAX_KEY_BYTES, MAX_VALUE_BYTES};
pub use crate::error::StoreError;
pub use crate::memory::Memory;
pub use crate::recovery::{Recovery, Source};
pub use crate::sled::{Sled, copies};
pub use crate::stats::Stats;
pub use crate::store::{Durable, Opened, QUEUE_CAPACITY, Store};
