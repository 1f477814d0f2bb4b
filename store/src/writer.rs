//! The one thread behind the handle: all waiting batches become one flush.

use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, oneshot};

use crate::backend::{Backend, Usage};
use crate::backlog::{BACKLOG_BYTES, Backlog};
use crate::batch::{Batch, Key};
use crate::error::StoreError;
use crate::stats::Stats;
use crate::store::lock;

/// A flush takes no more than this many bytes, or one batch if that alone is larger.
const GROUP_BYTES: usize = 4 << 20;

pub(crate) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the handle asks of the writer.
#[derive(Debug)]
pub(crate) enum Request {
    Commit(Batch, Reply<()>),
    Scan(String, Reply<Vec<(Key, Vec<u8>)>>),
    Get(Vec<Key>, Reply<Vec<Option<Vec<u8>>>>),
    Flush(Reply<()>),
    Export(i64, Reply<()>),
    Close(i64, Reply<()>),
}

/// Batches on their way to one flush, and who waits for each.
#[derive(Default)]
struct Group {
    batches: Vec<Batch>,
    replies: Vec<Reply<()>>,
    bytes: usize,
}

impl Group {
    fn add(&mut self, batch: Batch, reply: Reply<()>) {
        self.bytes += batch.bytes();
        self.batches.push(batch);
        self.replies.push(reply);
    }

    fn is_full(&self) -> bool {
        self.bytes >= GROUP_BYTES
    }
}

/// Owns the backend's side of the queue.
pub(crate) struct Writer {
    requests: mpsc::Receiver<Request>,
    pub(crate) stats: Arc<Mutex<Stats>>,
    backlog: Backlog,
}

impl Writer {
    pub(crate) fn new(requests: mpsc::Receiver<Request>, stats: Arc<Mutex<Stats>>) -> Self {
        Self { requests, stats, backlog: Backlog::default() }
    }

    /// Serves requests until the store is closed or every handle is gone.
    pub(crate) fn run(mut self, mut backend: Box<dyn Backend>) {
        self.publish(backend.usage());
        while let Some(first) = self.requests.blocking_recv() {
            let (group, other) = self.gather(first);
            if !group.batches.is_empty() {
                self.write(&mut *backend, group);
            }
            if let Some(other) = other
                && self.serve(&mut *backend, other)
            {
                return;
            }
        }
        if let Err(error) = self.write_backlog(&mut *backend) {
            tracing::error!(%error, records = self.backlog.len(), "the store ends with changes it could not write");
        }
    }

    /// Takes all batches that wait, up to the first request of another kind.
    fn gather(&mut self, first: Request) -> (Group, Option<Request>) {
        let mut group = Group::default();
        let mut next = Some(first);
        while let Some(request) = next {
            match request {
                Request::Commit(batch, reply) => group.add(batch, reply),
                other => return (group, Some(other)),
            }
            next = if group.is_full() { None } else { self.requests.try_recv().ok() };
        }
        (group, None)
    }

    /// True if that was the last request. Nobody listening for an answer is fine: what was asked is done all the same.
    fn serve(&mut self, backend: &mut dyn Backend, request: Request) -> bool {
        match request {
            Request::Commit(batch, reply) => {
                self.write(backend, Group { bytes: 0, batches: vec![batch], replies: vec![reply] })
            }
            Request::Scan(prefix, reply) => {
                let _ = reply.send(backend.scan(&prefix));
            }
            Request::Get(keys, reply) => {
                let _ = reply.send(backend.get(&keys));
            }
            Request::Flush(reply) => {
                let _ = reply.send(self.write_backlog(backend));
            }
            Request::Export(now_ms, reply) => {
                let result = self.write_backlog(backend).and_then(|()| backend.export(now_ms));
                self.note_export(&result);
                let _ = reply.send(result);
            }
            Request::Close(now_ms, reply) => {
                self.requests.close();
                let written = self.write_backlog(backend);
                let closed = backend.close(now_ms);
                self.publish(backend.usage());
                let _ = reply.send(written.and(closed));
                return true;
            }
        }
        false
    }

    /// One flush for all batches of the group, and for what could not be written before.
    fn write(&mut self, backend: &mut dyn Backend, group: Group) {
        let Group { batches, replies, .. } = group;
        let result = self.commit(backend, &batches);
        let answers: Vec<Result<(), StoreError>> = match &result {
            Ok(()) => {
                lock(&self.stats).commits += replies.len() as u64;
                vec![Ok(()); replies.len()]
            }
            Err(error) => batches.iter().map(|batch| Err(self.keep(batch, error.clone()))).collect(),
        };
        // Before the answers, so that who got one finds it in the figures.
        self.publish(backend.usage());
        for (reply, answer) in replies.into_iter().zip(answers) {
            let _ = reply.send(answer);
        }
    }

    fn write_backlog(&mut self, backend: &mut dyn Backend) -> Result<(), StoreError> {
        if self.backlog.is_empty() && backend.trouble().is_none() {
            return Ok(());
        }
        let result = self.commit(backend, &[]);
        self.publish(backend.usage());
        result
    }

    /// Commits the backlog and `batches` in one go. After a failure the backlog is as before, without `batches`.
    fn commit(&mut self, backend: &mut dyn Backend, batches: &[Batch]) -> Result<(), StoreError> {
        let result = if self.backlog.is_empty() {
            backend.commit(batches)
        } else {
            let mut all = vec![self.backlog.take()];
            all.extend_from_slice(batches);
            let result = backend.commit(&all);
            if result.is_err()
                && let Some(kept) = all.first()
            {
                self.backlog.keep(kept, usize::MAX);
            }
            result
        };
        self.note_flush(&result);
        result
    }

    /// Remembers a batch that could not be written; the answer its sender gets.
    fn keep(&mut self, batch: &Batch, cause: StoreError) -> StoreError {
        if self.backlog.keep(batch, BACKLOG_BYTES) {
            return cause;
        }
        lock(&self.stats).dropped += batch.changes().len() as u64;
        StoreError::BacklogFull { bytes: self.backlog.bytes(), cause: Box::new(cause) }
    }

    fn note_flush(&self, result: &Result<(), StoreError>) {
        let mut stats = lock(&self.stats);
        match result {
            Ok(()) => {
                stats.flushes += 1;
                if stats.last_error.take().is_some() {
                    tracing::info!("the store can write again");
                }
            }
            Err(error) => {
                if stats.last_error.is_none() {
                    tracing::error!(%error, "the store cannot write; changes are kept in memory until it can");
                }
                stats.failures += 1;
                stats.last_error = Some(error.to_string());
            }
        }
    }

    fn note_export(&self, result: &Result<(), StoreError>) {
        let mut stats = lock(&self.stats);
        match result {
            Ok(()) => stats.exports += 1,
            Err(error) => {
                stats.failures += 1;
                stats.last_error = Some(error.to_string());
            }
        }
    }

    /// Makes the backend's sizes visible to readers of the figures.
    pub(crate) fn publish(&self, usage: Usage) {
        let mut stats = lock(&self.stats);
        stats.records = usage.records;
        stats.bytes = usage.bytes;
        stats.generation = usage.generation;
        stats.recoveries = usage.recoveries;
        stats.backlog_records = self.backlog.len();
        stats.backlog_bytes = self.backlog.bytes();
    }
}
