//! Requests to a rule service.

use anyhow::{Context, bail};
use outbound::{HttpClient, HttpConfig, Limits, Request};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::api::read_http_config;
use crate::cli::rules::RulesClientFlags;
use crate::live;

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// The envelope of an answer.
#[derive(Deserialize)]
struct Envelope {
    status: String,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    error: String,
}

/// Asks, and gives the data of the answer.
///
/// # Errors
/// There is no answer in time, or it says no.
pub async fn ask(flags: &RulesClientFlags, method: Method, path: &str, body: String) -> anyhow::Result<Value> {
    let http = match &flags.http_config_file {
        Some(path) => read_http_config(path)?,
        None => HttpConfig::default(),
    };
    let client = HttpClient::new(&http, Limits { body_bytes: ANSWER_BYTES_MAX, ..Limits::default() })?;
    let url = format!("{}{path}", flags.url.trim_end_matches('/'));
    let request = Request { method, url, headers: HeaderMap::new(), body: body.into() };
    let answer = client.send(request, flags.timeout, live::now()).await.context("cannot ask the rule service")?;
    let not_ours = || format!("the rule service answered {} and no JSON of its API", answer.status);
    let envelope: Envelope = serde_json::from_slice(&answer.body).with_context(not_ours)?;
    if envelope.status != "success" {
        bail!("{}", envelope.error);
    }
    Ok(envelope.data)
}
