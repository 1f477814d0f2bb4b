//! A server that answers like Prometheus.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use outbound::{HttpClient, HttpConfig, Limits, Request};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use url::{Url, form_urlencoded};

use super::answer::Answer;
use super::question::{Question, When};
use super::wire::Envelope;
use crate::client::api::read_http_config;
use crate::live;

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// A server and how it is asked.
pub struct Server {
    http: HttpClient,
    base: Url,
    timeout: Duration,
}

impl Server {
    /// For a server's base URL, such as `http://prometheus:9090`. `timeout` is for each question.
    ///
    /// # Errors
    /// The URL is none, or the file of HTTP options cannot be used.
    pub fn new(url: &str, timeout: Duration, http_config: Option<&Path>) -> anyhow::Result<Server> {
        // The parser's words only: the URL may hold a password.
        let base = Url::parse(url).map_err(|error| anyhow!("--query.url is not a URL: {error}"))?;
        if !matches!(base.scheme(), "http" | "https") {
            bail!("--query.url must begin with http:// or https://");
        }
        let config = http_config.map(read_http_config).transpose()?.unwrap_or_else(HttpConfig::default);
        let limits = Limits { body_bytes: ANSWER_BYTES_MAX, ..Limits::default() };
        Ok(Server { http: HttpClient::new(&config, limits)?, base, timeout })
    }

    /// Asks.
    ///
    /// # Errors
    /// There is no answer in time, it is not one of Prometheus' API, or the server says no.
    pub async fn ask(&self, question: &Question) -> anyhow::Result<Answer> {
        let (what, form) = written(question);
        let mut url = self.base.clone();
        let path = format!("{}/api/v1/{what}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, form_type)]);
        let request = Request { method: Method::POST, url: url.to_string(), headers, body: form.into() };
        let response = self.http.send(request, self.timeout, live::now()).await.context("cannot ask the server")?;
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

/// The end of the path, and the form.
fn written(question: &Question) -> (&'static str, String) {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("query", &question.expr);
    let what = match question.when {
        When::At(at_ms) => {
            form.append_pair("time", &seconds(at_ms));
            "query"
        }
        When::Range { start_ms, end_ms, step_ms } => {
            form.append_pair("start", &seconds(start_ms)).append_pair("end", &seconds(end_ms));
            form.append_pair("step", &seconds(step_ms));
            "query_range"
        }
    };
    (what, form.finish())
}

/// Exact for every millisecond.
fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000)
}
