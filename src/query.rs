//! Questions in PromQL and their answers, wherever they are answered.
//!
//! - [`question`], [`answer`]: what is asked, and what comes back
//! - [`wire`]: answers as Prometheus' HTTP API writes them, read and written
//! - [`connection`], [`server`]: the way to a server, and asking it
//! - [`live_series`]: series in memory that grow while they are asked
//! - [`api`]: Prometheus' HTTP API over such series
//! - [`series_file`]: series from a file
//! - [`moment`]: times as people write them
//! - [`table`]: answers as text
//! - [`table`]: answers as text

pub mod answer;
pub mod api;
pub mod connection;
pub mod live_series;
pub mod moment;
pub mod question;
pub mod series_file;
pub mod server;
pub mod table;
pub mod wire;
