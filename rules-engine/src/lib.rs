//! The rule service: evaluates recording and alerting rules on schedule.
//!
//! The core is a state machine: [`engine::Engine`] is told the time and facts, and answers with [`engine::Effect`]s. It
//! reads no clock and does no I/O, so the same inputs always give the same effects. In reading order:
//!
//! - [`rule`]: rule groups as meant
//! - [`sample`]: what queries give and what is written
//! - [`group`]: when a group is due, and the slots it missed
//! - [`recording`]: query result to samples, and which series have ended
//! - [`alerting`]: one rule's alerts: pending, firing, resolved, and when to send them
//! - [`annotation`]: label and annotation templates, for each series of a result
//! - [`record`]: what survives a restart, as it is stored
//! - [`engine`]: the machine; it owns every group
//! - [`tally`]: counters of what the engine did
//!
//! Around the core:
//!
//! - [`config`]: `prometheus.yml` without scraping, and flags over it
//! - [`rule_file`]: rule files and `PrometheusRule` manifests to groups, all mistakes with their places
//! - [`namespaces`]: rule groups that people set through the API
//! - [`preview`]: a rule evaluated once, for whoever asks, without consequences
//! - [`relabel`]: rules that rewrite or drop a label set
//! - [`backlog`]: samples on their way to one target
//! - [`failover`]: which of several equal servers is asked next
//! - [`outbox`]: what a notifier is still to be told
//! - [`io`]: queries, remote write, alert sending; the read API and the metrics
//!
//! One evaluation of an alerting rule: the slot of its group comes, `advance` asks the query; the answer comes with
//! `queried`, each series is rendered and settled into the rule's alerts, and out go the alerts that are due, the
//! records that changed, and the samples to write; once they are `written`, the queries of the rules that read them go out.
//! Rules that read nothing of one another are evaluated beside each other.

pub mod alerting;
pub mod annotation;
pub mod engine;
pub mod group;
pub mod record;
pub mod recording;
pub mod rule;
pub mod sample;
pub mod tally;

pub mod backlog;
pub mod config;
pub mod failover;
pub mod io;
pub mod namespaces;
pub mod outbox;
pub mod preview;
pub mod relabel;
pub mod rule_file;
