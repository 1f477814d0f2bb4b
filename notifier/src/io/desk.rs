//! How the network side reaches the machine. The live shell implements it; tests may.

use std::future::Future;
use std::sync::Arc;

use model::Timestamp;

use super::deliver::Deliverer;
use crate::notifier::{Effect, Notifier};

/// Access to the one notifier of the process.
pub trait Desk: Send + Sync + 'static {
    /// Looks at the machine as of now. Keep it short: clone what is needed, format outside.
    fn read<T>(&self, look: impl FnOnce(&Notifier, Timestamp) -> T) -> T;

    /// Hands a fact to the machine and starts the effects.
    fn act<T>(&self, fact: impl FnOnce(&mut Notifier, Timestamp, &mut Vec<Effect>) -> T) -> T;

    /// Sends what the configuration in force says; nothing before there is one.
    fn deliverer(&self) -> Option<Arc<Deliverer>>;

    /// The records that the machine wanted kept under these keys, in their order, as they are stored; an error says why they
    /// cannot be read.
    fn records(&self, keys: Vec<String>) -> impl Future<Output = Result<Vec<Option<Vec<u8>>>, String>> + Send;

    /// Resolves once everything the machine wanted kept so far has been stored; an error says why it cannot be.
    fn durable(&self) -> impl Future<Output = Result<(), String>> + Send;
}
