//! The engine on virtual time: a bench answers its queries from a table and keeps what it asks for.

mod alerts;
mod bench;
mod faults;
mod order;
mod properties;
mod reload;
mod restart;
mod series;
mod texts;
