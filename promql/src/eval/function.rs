//! Functions, a family per file.

pub(super) mod absent;
pub(super) mod bucket_quantile;
mod classic_buckets;
pub(super) mod elementwise;
pub(super) mod histogram_stat;
pub(super) mod info;
pub(super) mod label;
mod natural_order;
pub(super) mod over_range;
mod over_time;
mod rate;
mod regression;
pub(super) mod sort;
pub(super) mod time;
mod turn;

pub(super) use rate::note_mixed_schemas;
