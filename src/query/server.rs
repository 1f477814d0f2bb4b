//! A server that answers like Prometheus.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use super::answer::Answer;
use super::connection::{Connection, seconds};
use super::question::{Question, When};
use super::wire::Envelope;

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// A server and how it is asked.
pub struct Server {
    connection: Connection,
    timeout: Duration,
}

impl Server {
    /// For a server's base URL, such as `http://prometheus:9090`. `timeout` is for each question.
    ///
    /// # Errors
    /// The URL is none, or the file of HTTP options cannot be used.
    pub fn new(url: &str, timeout: Duration, http_config: Option<&Path>) -> anyhow::Result<Server> {
        Ok(Server { connection: Connection::open(url, http_config, ANSWER_BYTES_MAX)?, timeout })
    }

    /// Asks.
    ///
    /// # Errors
    /// There is no answer in time, it is not one of Prometheus' API, or the server says no.
    pub async fn ask(&self, question: &Question) -> anyhow::Result<Answer> {
        let expr = ("query", question.expr.as_str());
        let response = match question.when {
            When::At(at_ms) => self.connection.post("query", &[expr, ("time", &seconds(at_ms))], self.timeout).await,
            When::Range { start_ms, end_ms, step_ms } => {
                let (start, end, step) = (seconds(start_ms), seconds(end_ms), seconds(step_ms));
                let parameters = [expr, ("start", start.as_str()), ("end", &end), ("step", &step)];
                self.connection.post("query_range", &parameters, self.timeout).await
            }
        };
        let response = response.context("cannot ask the server")?;
        if response.truncated {
            bail!("the answer is longer than {} MiB: ask for less", ANSWER_BYTES_MAX >> 20);
        }
        match serde_json::from_slice::<Envelope>(&response.body) {
            Ok(envelope) => envelope.answer().map_err(|text| anyhow!("the server says: {text}")),
            Err(error) if response.status.is_success() => bail!("cannot read the server's answer: {error}"),
            Err(_) => bail!("the server answered {} with something that is not Prometheus' API", response.status),
        }
    }
}
