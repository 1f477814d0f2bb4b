//! The machine on virtual time: stories with exact instants.

mod clock;
mod conduct;
mod explain;
mod hiding;
mod naming;
mod promises;
mod random;
mod reload;
mod restart;
mod sending;
mod speed;
mod stage;
mod timelines;
mod windows;

pub(crate) use stage::config;
