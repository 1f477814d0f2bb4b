//! Looks at the files of the configuration whenever the system tells of a change, and from time to time without, and has
//! them read again once they have settled.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use super::files::{self, Contents};
use super::settling::{Next, Settling};
use super::{Reloader, Trigger};
use crate::live;

/// Between two looks there is at least this time, however many changes are told.
const PAUSE: Duration = Duration::from_millis(50);

/// The same where what changes again and again is none of ours: a log in the same folder.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The shortest interval of looking without being told.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Most files that a log line names.
const NAMED_MAX: usize = 5;

/// Follows the files until `ended` turns true.
pub async fn follow(reloader: Arc<Reloader>, interval: Duration, mut ended: watch::Receiver<bool>) {
    let told = Arc::new(Notify::new());
    let mut follower = Follower::new(reloader, told.clone());
    let interval = interval.max(INTERVAL_MIN);
    let mut pause = PAUSE;
    while !*ended.borrow() {
        let looked = tokio::task::spawn_blocking(move || {
            let wants = follower.look();
            (follower, wants)
        });
        let wants;
        (follower, wants) = match looked.await {
            Ok(looked) => looked,
            Err(error) => {
                error!(%error, "files of the configuration are not followed any more: SIGHUP reads them again");
                return;
            }
        };
        if wants.reload {
            // The outcome is logged and shown in the metrics.
            drop(follower.reloader.reload(Trigger::Files).await);
            continue;
        }
        pause = if wants.is_quiet { (pause * 2).min(PAUSE_MAX) } else { PAUSE };
        tokio::select! {
            () = live::wait(wants.look_within.unwrap_or(interval).min(interval)) => pause = PAUSE,
            () = told.notified() => live::wait(pause).await,
            _ = ended.changed() => {}
        }
    }
}

/// What to do after a look.
struct Wants {
    reload: bool,
    look_within: Option<Duration>,
    /// Nothing had changed.
    is_quiet: bool,
}

struct Follower {
    reloader: Arc<Reloader>,
    folders: Folders,
    settling: Settling<Contents>,
    /// Contents that are not put in force by themselves.
    held: Option<Contents>,
}

impl Follower {
    fn new(reloader: Arc<Reloader>, told: Arc<Notify>) -> Self {
        let folders = Folders::new(told);
        Self { reloader, folders, settling: Settling::default(), held: None }
    }

    /// Blocks: files are read.
    fn look(&mut self) -> Wants {
        // first, so that no change is missed between the look and the next event
        self.folders.watch(&self.reloader, files::folders(&self.reloader.files()));
        let (found, tried) = (self.reloader.look(), self.reloader.tried());
        let now = live::now();
        self.reloader.watch.files.store(found.count(), Ordering::Relaxed);
        let was_held = self.held.take_if(|held| *held != found).is_some();
        let next = if self.held.is_some() {
            Next::Rest
        } else {
            self.settling.look(now, &found, &tried, !self.reloader.status().0)
        };
        self.reloader.watch.is_held.store(self.held.is_some(), Ordering::Relaxed);
        // files that are back as they were may be told to be in force at once
        let reload = (next == Next::Reload || was_held && found == tried) && !self.hold(&found, &tried);
        let look_within = match next {
            Next::LookAt(at) => Some(at.since(now)),
            Next::Rest | Next::Reload => None,
        };
        Wants { reload, look_within, is_quiet: next == Next::Rest }
    }

    /// That all files of a pattern are gone is more often a volume that is missing than what somebody wants, and would end
    /// alerts. A signal or a request puts it in force.
    fn hold(&mut self, found: &Contents, tried: &Contents) -> bool {
        let gone = found.gone_since(tried);
        if gone.is_empty() {
            let changed = found.changed_since(tried);
            if changed.is_empty() {
                return false;
            }
            let named = changed.iter().take(NAMED_MAX).map(|path| path.display().to_string()).collect::<Vec<_>>();
            info!(files = named.join(", "), count = changed.len(), "files of the configuration have changed");
            return false;
        }
        let why = format!("no file is left of {}", gone.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        warn!("{why}: the old configuration stays; SIGHUP or POST /-/reload puts it in force without them");
        self.reloader.last().replace(why);
        self.reloader.watch.is_held.store(true, Ordering::Relaxed);
        self.held = Some(found.clone());
        true
    }
}

/// Folders the system tells about.
struct Folders {
    watcher: Option<RecommendedWatcher>,
    /// Which folder it was when the system was asked; none if it would not tell.
    known: BTreeMap<PathBuf, Option<(u64, u64)>>,
}

impl Folders {
    fn new(told: Arc<Notify>) -> Self {
        let tell = move |event: notify::Result<Event>| {
            // An overflow is an event or an error: then, too, something may have changed.
            if event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_)) && !event.need_rescan()) {
                return;
            }
            told.notify_one();
        };
        let watcher = notify::recommended_watcher(tell);
        let watcher = watcher.inspect_err(|error| {
            warn!(%error, "the system does not tell of changes: files are looked at from time to time");
        });
        Self { watcher: watcher.ok(), known: BTreeMap::new() }
    }

    /// From now on these.
    fn watch(&mut self, reloader: &Reloader, folders: Vec<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        self.known.retain(|folder, _| {
            let is_wanted = folders.binary_search(folder).is_ok();
            if !is_wanted {
                // It may be gone already.
                drop(watcher.unwatch(folder));
            }
            is_wanted
        });
        for folder in folders {
            let identity = files::folder_identity(&folder);
            if self.known.get(&folder).is_some_and(|known| *known == identity) {
                continue;
            }
            if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
                reloader.watch.errors.fetch_add(1, Ordering::Relaxed);
                warn!(folder = %folder.display(), %error, "the system does not tell of changes here: it is looked at from time to time");
            }
            self.known.insert(folder, identity);
        }
        reloader.watch.folders.store(self.known.len(), Ordering::Relaxed);
    }
}
