//! Reload, all or nothing: every part reads its files first; only if all can be used, all are put in force.
//!
//! - [`files`]: the files a configuration is made of, and what they hold
//! - [`settling`]: when those that change are read again
//! - [`follow`]: the loop that looks at them

pub mod files;
pub mod follow;
pub mod settling;

use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

use model::caller::{Book, Deed, KnownBy};
use model::{Caller, Timestamp};
use tokio::sync::Mutex;
use tracing::{error, info, warn};

use crate::{live, service_manager};
use files::{Contents, FilePattern, Looker};

/// A part of the process that has a configuration.
pub trait Reloadable: Send + Sync {
    /// Reads and checks the files. The answer puts them in force; dropping it changes nothing.
    ///
    /// # Errors
    /// Every mistake in the files, ready to be shown.
    fn prepare(&self) -> anyhow::Result<Box<dyn FnOnce() + Send>>;

    /// The files that are in force.
    fn files(&self) -> Vec<FilePattern>;

    /// How many variables the files name that the environment does not have.
    fn unset_variables(&self) -> usize {
        0
    }
}

/// Why the configuration is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A file has changed.
    Files,
    /// SIGHUP.
    Signal,
    /// `POST /-/reload`.
    Request,
}

impl Trigger {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Files, Self::Signal, Self::Request];

    /// As metrics and log lines name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Signal => "signal",
            Self::Request => "request",
        }
    }
}

/// Reloads all parts, one reload at a time.
pub struct Reloader {
    parts: Vec<Box<dyn Reloadable>>,
    turn: Mutex<()>,
    last: StdMutex<Option<String>>,
    last_success_secs: AtomicI64,
    /// Attempts and failures by trigger.
    attempts: [AtomicU64; 3],
    failures: [AtomicU64; 3],
    /// Where files are looked at: what they held when they were last read.
    looked: Option<StdMutex<Looked>>,
    watch: WatchTally,
    /// Where it is noted.
    book: Option<Arc<dyn Book>>,
}

/// What files held, and how to see what they hold.
#[derive(Debug, Default)]
struct Looked {
    looker: Looker,
    /// When they were last read, with success or without.
    tried: Contents,
}

/// About the looking at files.
#[derive(Debug, Default)]
pub struct WatchTally {
    /// Files that are looked at.
    pub files: AtomicUsize,
    /// Folders the system tells about.
    pub folders: AtomicUsize,
    /// Folders it could not be asked about.
    pub errors: AtomicU64,
    /// Whether all files of a pattern are gone, which is not put in force by itself.
    pub is_held: AtomicBool,
}

impl Reloader {
    /// For these parts, whose first configuration is in force already.
    pub fn new(parts: Vec<Box<dyn Reloadable>>) -> Self {
        Self {
            parts,
            turn: Mutex::default(),
            last: StdMutex::default(),
            last_success_secs: AtomicI64::new(live::now().as_millis() / 1000),
            attempts: Default::default(),
            failures: Default::default(),
            looked: None,
            watch: WatchTally::default(),
            book: None,
        }
    }

    /// So that reloads nobody asked for over HTTP are noted in a book.
    pub fn noting(self, book: Arc<dyn Book>) -> Self {
        Self { book: Some(book), ..self }
    }

    /// So that it can be told what has changed since. `began`: no file was read before this time.
    pub fn following(mut self, began: Timestamp) -> Self {
        let mut looker = Looker::default();
        let tried = looker.look(live::now(), &self.files()).without_newer(began);
        self.looked = Some(StdMutex::new(Looked { looker, tried }));
        self
    }

    /// Reads every file again.
    ///
    /// # Errors
    /// The mistakes found; the old configuration stays in force.
    pub async fn reload(&self, trigger: Trigger) -> anyhow::Result<()> {
        let _turn = self.turn.lock().await;
        let _told = service_manager::Reloading::begin();
        let outcome = tokio::task::block_in_place(|| self.read_again());
        count(&self.attempts, trigger);
        let trigger_name = trigger.as_str();
        match outcome {
            Ok(()) => {
                self.last_success_secs.store(live::now().as_millis() / 1000, Ordering::Relaxed);
                *self.last() = None;
                info!(trigger = trigger_name, "configuration reloaded");
                self.note(trigger, "");
                Ok(())
            }
            Err(mistakes) => {
                count(&self.failures, trigger);
                let text = format!("{mistakes:#}");
                let told = self.last().replace(text.clone());
                if trigger == Trigger::Files && told.as_ref() == Some(&text) {
                    warn!(trigger = trigger_name, "the new configuration still cannot be used, the old one stays");
                } else {
                    let failure = "the new configuration cannot be used, the old one stays";
                    error!(trigger = trigger_name, error = text, "{failure}");
                    self.note(trigger, failure);
                }
                Err(mistakes)
            }
        }
    }

    /// What a request asks for is noted with who sent it.
    fn note(&self, trigger: Trigger, failure: &str) {
        if let Some(book) = self.book.as_ref().filter(|_| trigger != Trigger::Request) {
            let process = Caller { known_by: KnownBy::Process, ..Caller::anybody() };
            book.note(&process, &Deed::new("reload", trigger.as_str()).failed(failure));
        }
    }

    fn read_again(&self) -> anyhow::Result<()> {
        let before = self.look();
        match self.parts.iter().map(|part| part.prepare()).collect::<anyhow::Result<Vec<_>>>() {
            Ok(apply) => {
                apply.into_iter().for_each(|put_in_force| put_in_force());
                // another configuration may name other files
                self.read_were(self.look().as_of(&before));
                Ok(())
            }
            Err(mistakes) => {
                self.read_were(before);
                Err(mistakes)
            }
        }
    }

    /// Whether the last reload worked, and when one last did (Unix seconds).
    pub fn status(&self) -> (bool, i64) {
        (self.last().is_none(), self.last_success_secs.load(Ordering::Relaxed))
    }

    /// Attempts for this reason, and how many of them failed.
    pub fn count(&self, trigger: Trigger) -> (u64, u64) {
        let of =
            |counts: &[AtomicU64; 3]| counts.get(trigger as usize).map_or(0, |count| count.load(Ordering::Relaxed));
        (of(&self.attempts), of(&self.failures))
    }

    /// About the looking at files.
    pub fn watch(&self) -> &WatchTally {
        &self.watch
    }

    /// How many variables the files name that the environment does not have.
    pub fn unset_variables(&self) -> usize {
        self.parts.iter().map(|part| part.unset_variables()).sum()
    }

    fn files(&self) -> Vec<FilePattern> {
        self.parts.iter().flat_map(|part| part.files()).collect()
    }

    /// What the files hold now; nothing where they are not looked at.
    fn look(&self) -> Contents {
        let files = if self.looked.is_some() { self.files() } else { Vec::new() };
        self.looked().map(|mut looked| looked.looker.look(live::now(), &files)).unwrap_or_default()
    }

    fn tried(&self) -> Contents {
        self.looked().map(|looked| looked.tried.clone()).unwrap_or_default()
    }

    fn read_were(&self, contents: Contents) {
        if let Some(mut looked) = self.looked() {
            looked.tried = contents;
        }
    }

    fn looked(&self) -> Option<MutexGuard<'_, Looked>> {
        self.looked.as_ref().map(|looked| looked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn last(&self) -> MutexGuard<'_, Option<String>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(counts: &[AtomicU64; 3], trigger: Trigger) {
    if let Some(count) = counts.get(trigger as usize) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}
