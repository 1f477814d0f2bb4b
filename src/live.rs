//! The live shell: the only clock, and the loop that waits for a machine's next wake, feeds it, and performs its effects.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the clock and waits")]

pub mod ledger;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use model::Timestamp;
use tokio::sync::{Notify, watch};
use tracing::error;

/// No wait is longer, so that a step of the system clock is noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The system's time. It may be set back; machines follow.
pub fn now() -> Timestamp {
    Timestamp::from_jiff(jiff::Timestamp::now())
}

/// Waits. Only for shells: a machine says `next_wake` instead.
pub async fn wait(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// A deterministic state machine: told the time and facts, answers with effects.
pub trait Machine: Send + 'static {
    /// What it wants done.
    type Effect: Send;

    /// Time has passed.
    fn advance(&mut self, now: Timestamp, out: &mut Vec<Self::Effect>);

    /// When `advance` wants to be called next.
    fn next_wake(&self) -> Option<Timestamp>;
}

/// Performs effects. Called with the machine locked, in order; must only hand the work on, never wait.
pub trait Perform<M: Machine>: Send + Sync {
    /// Starts one effect; its outcome comes back to the machine as a later input.
    fn perform(&self, effect: M::Effect);

    /// Tells the machine what became of effects that were over at once.
    fn report(&self, _machine: &mut M, _now: Timestamp, _out: &mut Vec<M::Effect>) {}
}

/// A machine at work: whoever has a fact hands it in here.
pub struct Desk<M: Machine> {
    machine: Mutex<M>,
    performer: Box<dyn Perform<M>>,
    moved: Notify,
}

impl<M: Machine> Desk<M> {
    /// Puts a machine to work. `performer` gets a handle to the desk for reporting outcomes.
    pub fn open<P: Perform<M> + 'static>(machine: M, performer: impl FnOnce(Weak<Self>) -> P) -> Arc<Self> {
        Arc::new_cyclic(|desk| Self {
            machine: Mutex::new(machine),
            performer: Box::new(performer(desk.clone())),
            moved: Notify::new(),
        })
    }

    /// Looks at the machine. Keep it short: clone what is needed, format outside.
    pub fn read<T>(&self, look: impl FnOnce(&M, Timestamp) -> T) -> T {
        let machine = self.lock();
        look(&machine, now())
    }

    /// Hands a fact to the machine and starts the effects, in order, before anybody else may act.
    pub fn act<T>(&self, fact: impl FnOnce(&mut M, Timestamp, &mut Vec<M::Effect>) -> T) -> T {
        let mut machine = self.lock();
        let before = machine.next_wake();
        let mut effects = Vec::new();
        let now = now();
        let answer = fact(&mut machine, now, &mut effects);
        while !effects.is_empty() {
            effects.drain(..).for_each(|effect| self.performer.perform(effect));
            self.performer.report(&mut machine, now, &mut effects);
        }
        if machine.next_wake() != before {
            self.moved.notify_one();
        }
        answer
    }

    /// Tells the machine the time whenever it asks to be woken, until `shutdown` turns true.
    pub async fn run(&self, mut shutdown: watch::Receiver<bool>) {
        while !*shutdown.borrow() {
            let wait = self.read(|machine, now| {
                machine.next_wake().map_or(LONGEST_WAIT, |wake| wake.since(now).min(LONGEST_WAIT))
            });
            if !wait.is_zero() {
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = self.moved.notified() => continue,
                    _ = shutdown.changed() => return,
                }
            }
            // A panic is a bug of ours in one place; the loop must go on for everything else.
            let advance = || self.act(|machine, now, effects| machine.advance(now, effects));
            if std::panic::catch_unwind(AssertUnwindSafe(advance)).is_err() {
                error!("the machine panicked while time passed; it goes on with the state it has");
            }
            // Others get the lock and the thread between two busy instants.
            tokio::task::yield_now().await;
        }
    }

    /// A panic inside the machine is a bug that must not silence every later page: the state is used as it is.
    fn lock(&self) -> MutexGuard<'_, M> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics at its first wake, and reports the second.
    #[derive(Default)]
    struct Stumbling {
        advanced: u32,
    }

    impl Machine for Stumbling {
        type Effect = u32;

        fn advance(&mut self, _: Timestamp, out: &mut Vec<u32>) {
            self.advanced += 1;
            assert!(self.advanced > 1, "the first wake");
            out.push(self.advanced);
        }

        fn next_wake(&self) -> Option<Timestamp> {
            (self.advanced < 2).then_some(Timestamp::EPOCH)
        }
    }

    struct Ending(watch::Sender<bool>);

    impl Perform<Stumbling> for Ending {
        fn perform(&self, _: u32) {
            self.0.send_replace(true);
        }
    }

    #[tokio::test]
    async fn a_panic_of_the_machine_does_not_end_its_loop() {
        let (end, ended) = watch::channel(false);
        let desk = Desk::open(Stumbling::default(), |_| Ending(end));
        desk.run(ended).await;
        assert_eq!(desk.read(|machine, _| machine.advanced), 2);
    }
}
