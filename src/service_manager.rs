//! What systemd is told (`sd_notify(3)`): ready, reloading, stopping, and signs of life for its watchdog. Without
//! `NOTIFY_SOCKET` in the environment nothing is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::{info, warn};

use crate::live;

/// Comes back once a part of the process could be looked at.
pub type Pulse = Box<dyn Fn() + Send + Sync>;

/// The first configuration is in force and requests are answered.
pub fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("at work")]);
}

/// The end has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("delivers what is under way")]);
}

/// A reload under way. When it is over, however it went, the process is ready again.
#[derive(Debug)]
pub struct Reloading(());

impl Reloading {
    /// It begins now. The time is for `Type=notify-reload`, which waits for an answer to its own signal.
    pub fn begin() -> Self {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now, NotifyState::Status("reads its configuration")]),
            // Without the time systemd would take the service for broken.
            Err(error) => warn!(%error, "the service manager cannot be told of the reload"),
        }
        Self(())
    }
}

impl Drop for Reloading {
    fn drop(&mut self) {
        ready();
    }
}

/// Gives signs of life twice as often as the service manager wants them, as long as every part can be looked at. One that
/// cannot for all that time is stuck, and a restart costs no state.
pub async fn watchdog(mut pulses: Vec<Pulse>) {
    let Some(interval) = sd_notify::watchdog_enabled().filter(|interval| !interval.is_zero()) else { return };
    info!(?interval, "the service manager watches for signs of life");
    loop {
        let looked = tokio::task::spawn_blocking(move || {
            pulses.iter().for_each(|pulse| pulse());
            pulses
        });
        match looked.await {
            Ok(back) => pulses = back,
            Err(error) => {
                warn!(%error, "no sign of life can be given");
                return;
            }
        }
        tell(&[NotifyState::Watchdog]);
        live::wait((interval / 2).max(Duration::from_millis(1))).await;
    }
}

/// Nobody can be told of what cannot be told, but in the log.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "the service manager cannot be told");
    }
}
