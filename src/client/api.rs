//! Requests to the API v2 of a notifier.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use notifier::io::trial::{Trial, TrialOrder};
use outbound::{HttpClient, HttpConfig, Limits, Request, Response, SendError};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded;
use yaml::{Decoder, SourceFile};

use super::wire::{
    MaintenancePreview, SentAck, SentAlert, SentMaintenance, SentSilence, ShownAck, ShownAlert, ShownMaintenance,
    ShownSilence, Status, StoredSilence,
};
use crate::cli::ack::AckTarget;
use crate::cli::client::AlertQuery;
use crate::live;

/// Longest answer that is read: a hundred thousand alerts and more.
const ANSWER_BYTES_MAX: usize = 512 << 20;

const CONNECT: Duration = Duration::from_secs(10);

/// A notifier's API.
#[derive(Debug)]
pub struct Api {
    http: HttpClient,
    /// Up to and with `/api/v2`.
    base: String,
    deadline: Duration,
    verbose: bool,
}

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// There was no answer.
    #[error("{request}: {error}")]
    NoAnswer {
        /// Method and path.
        request: String,
        /// Why.
        error: SendError,
    },
    /// The notifier said no.
    #[error("{request}: {status}{reason}")]
    Refused {
        /// Method and path.
        request: String,
        /// Its status.
        status: StatusCode,
        /// Its words behind a colon, if it said any.
        reason: String,
    },
    /// The answer is not the API's.
    #[error("{request}: not an answer of API v2: {reason}")]
    Unknown {
        /// Method and path.
        request: String,
        /// What is odd.
        reason: String,
    },
}

impl Api {
    /// An API by the notifier's address. Name and password in the address are sent as basic authentication.
    ///
    /// # Errors
    /// The HTTP configuration cannot be used.
    pub fn new(url: &str, http: &HttpConfig, deadline: Duration, verbose: bool) -> anyhow::Result<Api> {
        let limits = Limits { connect: CONNECT, body_bytes: ANSWER_BYTES_MAX };
        let base = format!("{}/api/v2", url.trim_end_matches('/'));
        Ok(Api { http: HttpClient::new(http, limits)?, base, deadline, verbose })
    }

    /// Alerts; which, the notifier decides.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn alerts(&self, query: &AlertQuery) -> Result<Vec<ShownAlert>, ApiError> {
        let any = query.active || query.inhibited || query.silenced || query.unprocessed;
        let flag = |wanted: bool| if wanted { "true" } else { "false" };
        let mut parameters = vec![
            ("active", flag(query.active || !any)),
            ("inhibited", flag(query.inhibited)),
            ("silenced", flag(query.silenced)),
            ("unprocessed", flag(query.unprocessed)),
        ];
        parameters.extend(query.receiver.iter().map(|receiver| ("receiver", receiver.as_str())));
        parameters.extend(query.matchers.iter().map(|matcher| ("filter", matcher.as_str())));
        self.ask(Method::GET, &with_parameters("/alerts", &parameters), None::<&()>).await
    }

    /// Sends alerts.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn send_alerts(&self, alerts: &[SentAlert]) -> Result<(), ApiError> {
        self.send(Method::POST, "/alerts", Some(alerts)).await.map(drop)
    }

    /// Silences that have these matchers.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn silences(&self, matchers: &[String]) -> Result<Vec<ShownSilence>, ApiError> {
        let parameters: Vec<_> = matchers.iter().map(|matcher| ("filter", matcher.as_str())).collect();
        self.ask(Method::GET, &with_parameters("/silences", &parameters), None::<&()>).await
    }

    /// One silence.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn silence(&self, id: &str) -> Result<ShownSilence, ApiError> {
        self.ask(Method::GET, &silence_path(id), None::<&()>).await
    }

    /// Creates or changes a silence; its id, a new one if the change makes it another.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn store_silence(&self, silence: &SentSilence) -> Result<String, ApiError> {
        let stored: StoredSilence = self.ask(Method::POST, "/silences", Some(silence)).await?;
        Ok(stored.silence_id)
    }

    /// Creates or changes a recurring silence; its id.
    ///
    /// # Errors
    /// As of [`ApiError`]; the notifier knows no recurring silences.
    pub async fn store_maintenance(&self, maintenance: &SentMaintenance) -> Result<String, ApiError> {
        let stored: StoredSilence = self.ask(Method::POST, "/silences", Some(maintenance)).await?;
        Ok(stored.schedule_id.unwrap_or(stored.silence_id))
    }

    /// What a recurring silence would come to; nothing is stored.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn preview_maintenance(
        &self,
        maintenance: &SentMaintenance,
        occurrences: u8,
    ) -> Result<MaintenancePreview, ApiError> {
        let path = format!("/maintenance/preview?occurrences={occurrences}");
        self.ask(Method::POST, &path, Some(maintenance)).await
    }

    /// Recurring silences.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn maintenances(&self) -> Result<Vec<ShownMaintenance>, ApiError> {
        self.ask(Method::GET, "/maintenance", None::<&()>).await
    }

    /// Ends a silence now.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn expire_silence(&self, id: &str) -> Result<(), ApiError> {
        self.send(Method::DELETE, &silence_path(id), None::<&()>).await.map(drop)
    }

    /// What is acknowledged of what matches.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn acknowledgements(&self, matchers: &[String]) -> Result<Vec<ShownAck>, ApiError> {
        let parameters: Vec<_> = matchers.iter().map(|matcher| ("filter", matcher.as_str())).collect();
        self.ask(Method::GET, &with_parameters("/ack", &parameters), None::<&()>).await
    }

    /// Acknowledges; answers what is acknowledged now.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn acknowledge(&self, ack: &SentAck) -> Result<Vec<ShownAck>, ApiError> {
        self.ask(Method::POST, "/ack", Some(ack)).await
    }

    /// Takes acknowledgements back; answers the fingerprints of the alerts.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn unacknowledge(&self, target: &AckTarget) -> Result<Vec<String>, ApiError> {
        let named = |name, texts: &'_ [String]| texts.iter().map(|text| (name, text.clone())).collect::<Vec<_>>();
        let mut parameters = named("fingerprint", &target.fingerprints);
        parameters.extend(named("filter", &target.matchers));
        parameters.extend(target.group_key.iter().map(|key| ("groupKey", key.clone())));
        let parameters: Vec<_> = parameters.iter().map(|(name, text)| (*name, text.as_str())).collect();
        self.ask(Method::DELETE, &with_parameters("/ack", &parameters), None::<&()>).await
    }

    /// Version, configuration, cluster.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn status(&self) -> Result<Status, ApiError> {
        self.ask(Method::GET, "/status", None::<&()>).await
    }

    /// Why alerts are told or not, as the notifier says it.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn explain(&self, parameters: &[(&str, String)]) -> Result<serde_json::Value, ApiError> {
        self.ask(Method::GET, &with_texts("/explain", parameters), None::<&()>).await
    }

    /// Events of the history, a JSON object a line.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn history(&self, parameters: &[(&str, String)]) -> Result<String, ApiError> {
        let path = with_texts("/history", parameters);
        let request = format!("{} {path}", Method::GET);
        let answer = self.send(Method::GET, &path, None::<&()>).await?;
        let unknown = |reason: String| ApiError::Unknown { request, reason };
        if answer.truncated {
            return Err(unknown(format!(
                "it is longer than {ANSWER_BYTES_MAX} bytes: ask for less with --from or --limit"
            )));
        }
        String::from_utf8(answer.body.to_vec()).map_err(|error| unknown(error.to_string()))
    }

    /// Tries a receiver.
    ///
    /// # Errors
    /// As of [`ApiError`].
    pub async fn test_receiver(&self, order: &TrialOrder) -> Result<Trial, ApiError> {
        self.ask(Method::POST, "/receivers/test", Some(order)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + ?Sized)>,
    ) -> Result<T, ApiError> {
        let request = format!("{method} {path}");
        let answer = self.send(method, path, body).await?;
        let unknown = |reason: String| ApiError::Unknown { request, reason };
        if answer.truncated {
            return Err(unknown(format!("it is longer than {ANSWER_BYTES_MAX} bytes")));
        }
        serde_json::from_slice(&answer.body).map_err(|error| unknown(error.to_string()))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + ?Sized)>,
    ) -> Result<Response, ApiError> {
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let mut bytes = Vec::new();
        if let Some(body) = body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            bytes = outbound::go_json::to_vec(&body).expect("texts, flags and maps with texts as keys can be written");
        }
        let shown = format!("{method} {path}");
        if self.verbose {
            tracing::info!(request = shown, bytes = bytes.len(), "asking the notifier");
        }
        let request = Request { method, url: format!("{}{path}", self.base), headers, body: bytes.into() };
        let sent = self.http.send(request, self.deadline, live::now()).await;
        let answer = sent.map_err(|error| ApiError::NoAnswer { request: shown.clone(), error })?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(ApiError::Refused { request: shown, status: answer.status, reason: reason(&answer.body) })
    }
}

impl ApiError {
    /// Whether the notifier does not know what was asked for.
    pub fn is_not_found(&self) -> bool {
        matches!(self, ApiError::Refused { status: StatusCode::NOT_FOUND, .. })
    }
}

fn with_parameters(path: &str, parameters: &[(&str, &str)]) -> String {
    if parameters.is_empty() {
        return path.to_owned();
    }
    let start = format!("{path}?");
    let place = start.len();
    form_urlencoded::Serializer::for_suffix(start, place).extend_pairs(parameters).finish()
}

fn with_texts(path: &str, parameters: &[(&str, String)]) -> String {
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, text)| (*name, text.as_str())).collect();
    with_parameters(path, &parameters)
}

fn silence_path(id: &str) -> String {
    let mut path = "/silence/".to_owned();
    path.extend(form_urlencoded::byte_serialize(id.as_bytes()));
    path
}

/// The API refuses with a text or with an object that has a message, in JSON; a proxy with anything.
fn reason(body: &[u8]) -> String {
    let text = match serde_json::from_slice(body) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(value) if value.get("message").is_some_and(serde_json::Value::is_string) => {
            value.get("message").and_then(|text| text.as_str()).unwrap_or_default().to_owned()
        }
        _ => String::from_utf8_lossy(body).trim().chars().take(200).collect(),
    };
    if text.is_empty() { text } else { format!(": {text}") }
}

/// Reads an `http_config` from a file of its own.
///
/// # Errors
/// It cannot be read or has mistakes.
pub fn read_http_config(path: &Path) -> anyhow::Result<HttpConfig> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = SourceFile::new(path.display().to_string(), text);
    let decoder = Decoder::new(&file);
    let base = path.parent().unwrap_or(Path::new(""));
    let config = match decoder.first_document() {
        Some(root) if !root.is_null() => HttpConfig::decode(&root, &decoder, base),
        _ => Some(HttpConfig::default()),
    };
    decoder.finish(config).map(|(config, _)| config).map_err(|mistakes| anyhow!("{mistakes}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_escaped() {
        assert_eq!(with_parameters("/alerts", &[]), "/alerts");
        let parameters = [("filter", "a=\"b c\""), ("filter", "d=~x&y")];
        assert_eq!(with_parameters("/alerts", &parameters), "/alerts?filter=a%3D%22b+c%22&filter=d%3D%7Ex%26y");
    }

    #[test]
    fn refusals_are_read_in_every_form_they_come_in() {
        for (body, expected) in [
            (r#""bad matcher""#, ": bad matcher"),
            (r#"{"code":602,"message":"comment is required"}"#, ": comment is required"),
            ("", ""),
            ("<html>no</html>\n", ": <html>no</html>"),
        ] {
            assert_eq!(reason(body.as_bytes()), expected);
        }
    }

    #[test]
    fn an_http_configuration_is_read_or_its_mistakes_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http.yml");
        std::fs::write(&path, "basic_auth: {username: me, password: pw}\n").unwrap();
        assert_ne!(read_http_config(&path).unwrap(), HttpConfig::default());
        std::fs::write(&path, "").unwrap();
        assert_eq!(read_http_config(&path).unwrap(), HttpConfig::default());
        std::fs::write(&path, "basic_aut: 1\n").unwrap();
        assert!(read_http_config(&path).unwrap_err().to_string().contains("basic_aut"));
        assert!(read_http_config(&folder.path().join("none")).is_err());
    }
}
