//! Reload, all or nothing: every part reads its files first; only if all can be used, all are put in force.

use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Mutex;
use tracing::{error, info};

use crate::{live, service_manager};

/// A part of the process that has a configuration.
pub trait Reloadable: Send + Sync {
    /// Reads and checks the files. The answer puts them in force; dropping it changes nothing.
    ///
    /// # Errors
    /// Every mistake in the files, ready to be shown.
    fn prepare(&self) -> anyhow::Result<Box<dyn FnOnce() + Send>>;
}

/// Reloads all parts, one reload at a time.
pub struct Reloader {
    parts: Vec<Box<dyn Reloadable>>,
    turn: Mutex<()>,
    last: StdMutex<Option<String>>,
    last_success_secs: AtomicI64,
}

impl Reloader {
    /// For these parts, whose first configuration is in force already.
    pub fn new(parts: Vec<Box<dyn Reloadable>>) -> Self {
        let last_success_secs = AtomicI64::new(live::now().as_millis() / 1000);
        Self { parts, turn: Mutex::default(), last: StdMutex::default(), last_success_secs }
    }

    /// Reads every file again.
    ///
    /// # Errors
    /// The mistakes found; the old configuration stays in force.
    pub async fn reload(&self) -> anyhow::Result<()> {
        let _turn = self.turn.lock().await;
        let _told = service_manager::Reloading::begin();
        let prepared: anyhow::Result<Vec<_>> =
            tokio::task::block_in_place(|| self.parts.iter().map(|part| part.prepare()).collect());
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match prepared {
            Ok(apply) => {
                apply.into_iter().for_each(|put_in_force| put_in_force());
                self.last_success_secs.store(live::now().as_millis() / 1000, Ordering::Relaxed);
                *last = None;
                info!("configuration reloaded");
                Ok(())
            }
            Err(mistakes) => {
                error!(error = format!("{mistakes:#}"), "the new configuration cannot be used, the old one stays");
                *last = Some(format!("{mistakes:#}"));
                Err(mistakes)
            }
        }
    }

    /// Whether the last reload worked, and when one last did (Unix seconds).
    pub fn status(&self) -> (bool, i64) {
        let failed = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some();
        (!failed, self.last_success_secs.load(Ordering::Relaxed))
    }
}
