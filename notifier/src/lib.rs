//! The notifier: dedupes, groups, inhibits, silences and delivers alerts.
//!
//! The core is a state machine, [`notifier::Notifier`]: inputs with the time go in, [`notifier::Effect`]s come out. It
//! knows no clock, socket, disk, `async` or randomness; the same inputs in the same order give the same effects. What
//! users see follows Alertmanager 0.34, but nothing told to fire is left without its resolve, and a restart loses nothing.
//!
//! In reading order:
//! - [`config`], [`receiver`]: what the files say, as meant
//! - [`alert_book`]: every alert known: identity, merging, end; [`alert_size`]: how large one may be
//! - [`route`]: which routes take an alert, and into which group
//! - [`group`]: members, instants of flushes, what is under way
//! - [`silence`], [`inhibit`], [`mute_time`]: what hides alerts; they answer questions and decide nothing
//! - [`maintenance`], [`schedule`]: silences that recur, and when
//! - [`matcher_index`]: how these find the few matchers that can match
//! - [`acknowledgement`], [`ack_link`]: who has taken an alert on, also by a link
//! - [`notification_log`]: what each integration was last told
//! - [`decision`]: is there news? one verdict with its reason
//! - [`history`]: what was decided and what came of it, in bounded pages; [`explanation`]: answers to "why?"
//! - [`comparison`]: what another configuration would change
//! - [`rate`], [`digest`]: how often receivers wish to be told, and many notifications told as one
//! - [`notification`]: what receivers get and templates see
//! - [`rendering`]: notifications as texts, in both template languages
//! - [`notifier`]: the machine; owns all state above
//! - [`name_limit`], [`tally`]: a bound, and plain counts
//! - [`record`]: stored forms, versioned
//!
//! One alert's walk: `notifier/ingest.rs` checks and stores it, `placement.rs` puts it into groups, `flush.rs` looks
//! (`sight.rs`) and decides for each integration, `outcome.rs` writes the log, `settle.rs` lets go of it.

pub mod ack_link;
pub mod acknowledgement;
pub mod alert_book;
pub mod alert_size;
pub mod comparison;
pub mod config;
pub mod decision;
pub mod digest;
pub mod explanation;
pub mod group;
pub mod history;
pub mod inhibit;
pub mod io;
pub mod maintenance;
pub mod matcher_index;
pub mod mute_time;
pub mod name_limit;
pub mod notification;
pub mod notification_log;
pub mod notifier;
mod rare_list;
pub mod rate;
pub mod receiver;
pub mod record;
pub mod rendering;
pub mod route;
pub mod schedule;
pub mod silence;
pub mod tally;

#[cfg(test)]
mod tests;
