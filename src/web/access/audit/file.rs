//! The file that changes are noted in: a thread of its own writes it, and says when a line is on disk.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::oneshot;

/// Lines that wait for the disk; of more, the rest is in the log only.
const WAITING_MAX: usize = 4096;
/// Nobody waits longer for a disk.
const DEADLINE: Duration = Duration::from_secs(5);

enum Order {
    Write(Vec<u8>),
    Settle(oneshot::Sender<()>),
}

/// The way to the thread.
pub(super) struct AuditFile {
    orders: SyncSender<Order>,
    lost: Arc<AtomicU64>,
}

impl AuditFile {
    /// Opens the file, to write behind what is there.
    ///
    /// # Errors
    /// It cannot be opened, or there is no thread to be had.
    pub(super) fn open(path: PathBuf, bytes_max: u64) -> anyhow::Result<Self> {
        let what = || format!("--audit.file: cannot open {}", path.display());
        let file = appended(&path).with_context(what)?;
        let bytes = file.metadata().with_context(what)?.len();
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer { path: path.clone(), file, bytes, bytes_max, lost: lost.clone(), is_failing: false };
        let (orders, received) = sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.work(&received));
        thread.context("cannot start a thread for --audit.file")?;
        Ok(Self { orders, lost })
    }

    /// Has a line written.
    pub(super) fn write(&self, mut line: Vec<u8>) {
        line.push(b'\n');
        match self.orders.try_send(Order::Write(line)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Comes back once what was given is on disk, within 5 s.
    pub(super) async fn settled(&self) {
        let (tell, told) = oneshot::channel();
        if self.orders.try_send(Order::Settle(tell)).is_ok() {
            // Whoever waited has been told by then, or the log tells.
            drop(tokio::time::timeout(DEADLINE, told).await);
        }
    }

    /// Lines that are not in the file.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

struct Writer {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
    lost: Arc<AtomicU64>,
    is_failing: bool,
}

impl Writer {
    /// Until nobody can give orders any more. What came together is brought to the disk together.
    fn work(mut self, orders: &Receiver<Order>) {
        while let Ok(first) = orders.recv() {
            let mut waiting = Vec::new();
            let mut written = 0;
            for order in std::iter::once(first).chain(orders.try_iter().take(WAITING_MAX)) {
                match order {
                    Order::Write(line) => written += u64::from(self.tell(|writer| writer.write(&line), 1)),
                    Order::Settle(tell) => waiting.push(tell),
                }
            }
            if written > 0 {
                self.tell(|writer| writer.file.sync_data(), written);
            }
            for tell in waiting {
                // An error: who asked is gone.
                let _gone = tell.send(()).is_err();
            }
        }
    }

    fn write(&mut self, line: &[u8]) -> std::io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.bytes > 0 && self.bytes.saturating_add(length) > self.bytes_max {
            self.file.sync_data()?;
            let mut aside = self.path.clone().into_os_string();
            aside.push(".1");
            std::fs::rename(&self.path, aside)?;
            self.file = appended(&self.path)?;
            self.bytes = 0;
        }
        self.file.write_all(line)?;
        self.bytes += length;
        Ok(())
    }

    /// Whether it worked. The first failure of a row is told, and the end of the row.
    fn tell(&mut self, act: impl FnOnce(&mut Self) -> std::io::Result<()>, lines: u64) -> bool {
        let outcome = act(self);
        if let Err(error) = &outcome {
            self.lost.fetch_add(lines, Ordering::Relaxed);
            if !self.is_failing {
                let path = self.path.display();
                tracing::error!(%error, file = %path, "--audit.file cannot be written: changes are in the log only");
            }
        } else if self.is_failing {
            tracing::info!(file = %self.path.display(), "--audit.file is written again");
        }
        self.is_failing = outcome.is_err();
        outcome.is_ok()
    }
}

fn appended(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
