//! The live shell: the only clock, and the loop that waits for a machine's next wake, feeds it, and performs its effects.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the clock and waits")]

pub mod ledger;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use model::{ClockStep, Timestamp};
use tokio::sync::{Notify, watch};
use tracing::{error, warn};

/// No wait is longer, so that a step of the system clock is noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The system's clock was moved if it parts from the time that passed by as much between two looks; less is waited out.
const STEP_LEAST: Duration = Duration::from_secs(2);

/// The system's time. It may be set back or put forward; machines follow.
pub fn now() -> Timestamp {
    Timestamp::from_jiff(jiff::Timestamp::now())
}

/// A clock that shows the system's time now and is never moved: for what only measures how much time passes.
pub fn steady_clock() -> impl Fn() -> Timestamp + Send + Sync + 'static {
    let (shown, since) = (now(), Instant::now());
    move || shown.plus(since.elapsed())
}

/// A point on the clock that is never set, to tell how long something takes.
pub fn instant() -> Instant {
    Instant::now()
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

    /// The system's clock was moved, and now is `now`; told before anything else is.
    fn clock_moved(&mut self, now: Timestamp, step: ClockStep, out: &mut Vec<Self::Effect>);
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
    machine: Mutex<Watched<M>>,
    performer: Box<dyn Perform<M>>,
    moved: Notify,
}

/// A machine, and what the clocks showed when it was last told the time.
struct Watched<M> {
    machine: M,
    shown: Timestamp,
    at: Instant,
}

impl<M: Machine> Watched<M> {
    /// The time, and the step that the system's clock has made since the last look. A system that was suspended counts as one
    /// whose clock was put forward: nobody could tell us anything meanwhile.
    fn look(&mut self) -> (Timestamp, Option<ClockStep>) {
        let (shown, at) = (now(), Instant::now());
        let step = step(shown, self.shown.plus(at.duration_since(self.at)));
        (self.shown, self.at) = (shown, at);
        (shown, step)
    }
}

/// The step of a clock that shows something else than expected.
fn step(shown: Timestamp, expected: Timestamp) -> Option<ClockStep> {
    let (back, forward) = (expected.since(shown), shown.since(expected));
    match () {
        () if back >= STEP_LEAST => Some(ClockStep::Back(back)),
        () if forward >= STEP_LEAST => Some(ClockStep::Forward(forward)),
        () => None,
    }
}

impl<M: Machine> Desk<M> {
    /// Puts a machine to work. `performer` gets a handle to the desk for reporting outcomes.
    pub fn open<P: Perform<M> + 'static>(machine: M, performer: impl FnOnce(Weak<Self>) -> P) -> Arc<Self> {
        Arc::new_cyclic(|desk| Self {
            machine: Mutex::new(Watched { machine, shown: now(), at: Instant::now() }),
            performer: Box::new(performer(desk.clone())),
            moved: Notify::new(),
        })
    }

    /// Looks at the machine. Keep it short: clone what is needed, format outside.
    pub fn read<T>(&self, look: impl FnOnce(&M, Timestamp) -> T) -> T {
        look(&self.lock().machine, now())
    }

    /// Hands a fact to the machine and starts the effects, in order, before anybody else may act.
    pub fn act<T>(&self, fact: impl FnOnce(&mut M, Timestamp, &mut Vec<M::Effect>) -> T) -> T {
        let mut watched = self.lock();
        let (now, step) = watched.look();
        let machine = &mut watched.machine;
        let before = machine.next_wake();
        let mut effects = Vec::new();
        if let Some(step) = step {
            warn!(?step, "the system's clock was moved; what waits for time to pass is not, silences and mutes are");
            machine.clock_moved(now, step, &mut effects);
        }
        let answer = fact(machine, now, &mut effects);
        while !effects.is_empty() {
            effects.drain(..).for_each(|effect| self.performer.perform(effect));
            self.performer.report(machine, now, &mut effects);
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
    fn lock(&self) -> MutexGuard<'_, Watched<M>> {
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

        fn clock_moved(&mut self, _: Timestamp, _: ClockStep, _: &mut Vec<u32>) {}
    }

    struct Ending(watch::Sender<bool>);

    impl Perform<Stumbling> for Ending {
        fn perform(&self, _: u32) {
            self.0.send_replace(true);
        }
    }

    #[test]
    fn a_step_is_told_from_time_that_passes() {
        let expected = Timestamp::from_secs(10_000);
        let hour = Duration::from_secs(3600);
        for (shown, seen) in [
            (expected, None),
            (expected.plus(Duration::from_millis(1900)), None),
            (expected.minus(Duration::from_millis(1900)), None),
            (expected.plus(hour), Some(ClockStep::Forward(hour))),
            (expected.minus(hour), Some(ClockStep::Back(hour))),
        ] {
            assert_eq!(step(shown, expected), seen);
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
