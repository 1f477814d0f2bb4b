//! A thread of its own for what one half asks and hears: a request, its answer and what follows from it wake no other thread.

use std::io;
use std::thread;

use tokio::runtime::{Builder, EnterGuard, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The thread; it ends when this is dropped, and with it what is under way on it.
pub struct IoThread {
    handle: Handle,
    _end: oneshot::Sender<()>,
}

impl IoThread {
    /// Starts it.
    ///
    /// # Errors
    /// The operating system gives no thread or no poller.
    pub fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            // Nobody sends: the other side is dropped.
            let _ended = runtime.block_on(ended);
        })?;
        Ok(Self { handle, _end: end })
    }

    /// Has something done there.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.handle.spawn(work)
    }

    /// While this is held, tasks that the calling thread spawns run there.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }
}
