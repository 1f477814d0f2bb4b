//! What the notifier wants done, as values.

use std::sync::Arc;

use model::Timestamp;

use crate::decision::Decision;
use crate::notification::Notification;
use crate::receiver::{Integration, Receiver};

/// Something for the shell to do. Effects of one call belong together: persist all or none, then send.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send this, then report through [`Notifier::delivered`](super::Notifier::delivered), exactly once.
    Deliver(Delivery),
    /// Keep this record.
    Persist {
        /// `silence/…`, `log/…`, `alert/…` or `group/…`.
        key: String,
        /// A [`Record`](crate::record::Record) as JSON.
        value: Vec<u8>,
    },
    /// Drop this record.
    Forget {
        /// As it was persisted.
        key: String,
    },
    /// A flush was decided for one integration: for logs, metrics and explanations. Nothing to do.
    Decided(Decision),
}

/// One attempt to tell one integration. Never is more than one under way for the same group and integration.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// For the report; unique since the start of the process.
    pub id: DeliveryId,
    /// Who is told.
    pub receiver: Arc<Receiver>,
    /// Through which of its integrations.
    pub integration: Arc<Integration>,
    /// What, shared by the integrations of a flush; later attempts repeat it.
    pub notification: Arc<Notification>,
    /// What the receiver calls the message of the notification before this one, as JSON; not for a first notification.
    pub named: Option<Arc<str>>,
    /// 1 for the first attempt at this content.
    pub attempt: u32,
    /// The effects before this one record that it may be under way, or that what it tells to be over is over: it is to be
    /// made once the store has that, unless the store takes too long. Else an alert that was told to be over might fire
    /// again after a kill, as nobody else had been told yet that it ended.
    pub is_recorded: bool,
    /// When the shell must have given up on this attempt and reported.
    pub deadline: Timestamp,
}

/// Names one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);
