//! The engine on virtual time: a bench answers its queries from a table and keeps what it asks for.

mod alerts;
pub(super) mod bench;
mod clock;
mod crashes;
mod faults;
mod order;
mod pace;
mod parallel;
mod properties;
mod reload;
mod restart;
mod series;
mod texts;

/// The live shell keeps the engine behind a lock that any thread may take.
#[test]
fn an_engine_may_move_between_threads() {
    fn is_send<T: Send + 'static>(_: &T) {}
    is_send(&super::Engine::default());
}
