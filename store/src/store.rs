//! The handle both services hold.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::{mpsc, oneshot};

use crate::backend::Backend;
use crate::batch::{Batch, Key};
use crate::disk::Disk;
use crate::error::StoreError;
use crate::memory::Memory;
use crate::recovery::Recovery;
use crate::stats::Stats;
use crate::writer::{Request, Writer};

/// How many batches and requests can wait for the writer before callers wait too.
pub const QUEUE_CAPACITY: usize = 1024;

/// A handle to the stored records; clones share one writer thread and one queue.
///
/// Calls may come from any tokio task and take effect in the order in which they entered the queue. The store sets no
/// deadlines of its own: a disk can hang for minutes, so callers that cannot wait bound their calls.
#[derive(Debug, Clone)]
pub struct Store {
    queue: mpsc::Sender<Request>,
    stats: Arc<Mutex<Stats>>,
}

/// A store that was opened, and what had to be repaired to do so.
#[derive(Debug)]
pub struct Opened {
    /// The store, ready for use.
    pub store: Store,
    /// What was found damaged; `None` if all was well.
    pub recovery: Option<Recovery>,
}

impl Store {
    /// Starts a writer thread for `backend`; [`QUEUE_CAPACITY`] is a good `capacity`.
    pub fn start(backend: Box<dyn Backend>, capacity: usize) -> Result<Self, StoreError> {
        let (store, writer) = Self::pair(capacity);
        spawn_writer(move || writer.run(backend))?;
        Ok(store)
    }

    /// A store that lives in memory only.
    pub fn memory() -> Result<Self, StoreError> {
        Self::start(Box::new(Memory::new()), QUEUE_CAPACITY)
    }

    /// Opens or creates the sled store in `dir`, on the writer's thread.
    ///
    /// Damaged data is set aside and replaced by the last export, data of a newer version by nothing, which
    /// [`Opened::recovery`] tells. Where the directory cannot be written, [`Stats::last_error`] says why: what can be read of it
    /// is there, and commits fail until it can. An error is left for a directory that another process has. `now_ms`
    /// (milliseconds since 1970) names what is set aside.
    pub async fn sled(dir: impl Into<PathBuf>, now_ms: i64) -> Result<Opened, StoreError> {
        let dir = dir.into();
        Self::open(move || Disk::open(&dir, now_ms), QUEUE_CAPACITY).await
    }

    /// Like [`start`](Self::start), for a backend whose opening may block: `open` runs on the writer's thread.
    pub async fn open<B: Backend + 'static>(
        open: impl FnOnce() -> Result<(B, Option<Recovery>), StoreError> + Send + 'static,
        capacity: usize,
    ) -> Result<Opened, StoreError> {
        let (store, writer) = Self::pair(capacity);
        let (opened, opening) = oneshot::channel();
        spawn_writer(move || match open() {
            Ok((backend, recovery)) => {
                writer.publish(backend.usage());
                if let Some(error) = backend.trouble() {
                    lock(&writer.stats).last_error = Some(error.to_string());
                }
                // Nobody waiting any more means nobody has a handle either, and the writer ends at once.
                let _ = opened.send(Ok(recovery));
                writer.run(Box::new(backend));
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        })?;
        let recovery = opening.await.unwrap_or(Err(StoreError::Closed))?;
        Ok(Opened { store, recovery })
    }

    fn pair(capacity: usize) -> (Self, Writer) {
        let (queue, requests) = mpsc::channel(capacity);
        let stats = Arc::new(Mutex::new(Stats { queue_capacity: capacity, ..Stats::default() }));
        (Self { queue, stats: Arc::clone(&stats) }, Writer::new(requests, stats))
    }

    /// Stores `batch`; resolves once it is on disk.
    ///
    /// An error that is no [refusal](StoreError::is_refusal) and not [`StoreError::BacklogFull`] means "not durable yet":
    /// the changes are kept in memory and go along with the next commit or [`flush`](Self::flush) that works, so there
    /// is no need to send them again. Dropping this future does not take the batch back once it is in the queue.
    pub async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.submit(batch).await?.await
    }

    /// Puts `batch` into the queue, waiting only for a free place there, and returns what resolves once it is on disk.
    /// One task that submits keeps its order without waiting for the disk between batches.
    pub async fn submit(&self, batch: Batch) -> Result<Durable, StoreError> {
        batch.check()?;
        self.send(|reply| Request::Commit(batch, reply)).await.map(Durable)
    }

    /// All records whose key starts with `prefix`, in key order, each verified. Meant for the start: it holds up commits.
    pub async fn scan(&self, prefix: &str) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        self.ask(|reply| Request::Scan(prefix.to_owned(), reply)).await
    }

    /// The records with these keys, in the order asked for, each verified. It holds up commits: ask for few.
    pub async fn get(&self, keys: Vec<Key>) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.ask(|reply| Request::Get(keys, reply)).await
    }

    /// Waits until all that entered the queue before is on disk, and tries again what could not be written so far.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.ask(Request::Flush).await
    }

    /// Writes the copy of all records from which a damaged store is rebuilt; call it about once an hour.
    pub async fn export(&self, now_ms: i64) -> Result<(), StoreError> {
        self.ask(|reply| Request::Export(now_ms, reply)).await
    }

    /// Writes what waits, exports, and lets go of the files. Whatever is sent later gets [`StoreError::Closed`].
    pub async fn close(&self, now_ms: i64) -> Result<(), StoreError> {
        self.ask(|reply| Request::Close(now_ms, reply)).await
    }

    /// Counts records that whoever owns them could not read, and left as they are.
    pub fn left_out(&self, records: usize) {
        lock(&self.stats).left_out += records as u64;
    }

    /// The store's figures at this moment; never waits for the disk.
    pub fn stats(&self) -> Stats {
        let capacity = self.queue.max_capacity();
        Stats { queue_length: capacity - self.queue.capacity(), queue_capacity: capacity, ..lock(&self.stats).clone() }
    }

    async fn send<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(request(reply)).await.map_err(|_| StoreError::Closed)?;
        Ok(answer)
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        self.send(request).await?.await.unwrap_or(Err(StoreError::Closed))
    }
}

/// Resolves once a submitted batch is on disk; see [`Store::commit`] for what an error means.
#[derive(Debug)]
#[must_use = "the batch is stored either way, but nobody would learn of a failure"]
pub struct Durable(oneshot::Receiver<Result<(), StoreError>>);

impl Future for Durable {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or(Err(StoreError::Closed)))
    }
}

/// The figures, even if a thread died while it held them: they are plain numbers.
pub(crate) fn lock(stats: &Mutex<Stats>) -> MutexGuard<'_, Stats> {
    stats.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn_writer(run: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(run)
        .map(|_| ())
        .map_err(|error| StoreError::io("start the store's writer thread", error))
}
