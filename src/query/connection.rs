//! The way to a server that answers like Prometheus.

use std::path::Path;
use std::time::Duration;

use anyhow::{anyhow, bail};
use outbound::{HttpClient, HttpConfig, Limits, Request, Response, SendError};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use url::{Url, form_urlencoded};

use crate::client::api::read_http_config;
use crate::live;

/// A server by its base URL, and the client it is asked with.
pub struct Connection {
    http: HttpClient,
    base: Url,
}

impl Connection {
    /// To a base URL such as `http://prometheus:9090`, with the options of a file in the format of `http_config`. Longer answers
    /// are cut off.
    ///
    /// # Errors
    /// The URL is none, or the file cannot be used.
    pub fn open(url: &str, http_config: Option<&Path>, answer_bytes_max: usize) -> anyhow::Result<Connection> {
        // The parser's words only: the URL may hold a password.
        let base = Url::parse(url).map_err(|error| anyhow!("--query.url is not a URL: {error}"))?;
        if !matches!(base.scheme(), "http" | "https") {
            bail!("--query.url must begin with http:// or https://");
        }
        let config = http_config.map(read_http_config).transpose()?.unwrap_or_else(HttpConfig::default);
        let limits = Limits { body_bytes: answer_bytes_max, ..Limits::default() };
        Ok(Connection { http: HttpClient::new(&config, limits)?, base })
    }

    /// The base URL without name and password.
    pub fn shown(&self) -> String {
        let mut shown = self.base.clone();
        // Both fail for URLs without a host only.
        let _none = (shown.set_password(None), shown.set_username(""));
        shown.to_string()
    }

    /// Asks `/api/v1/` and so on, with the parameters in the URL.
    ///
    /// # Errors
    /// There is no answer in time.
    pub async fn get(&self, what: &str, parameters: &[(&str, &str)], timeout: Duration) -> Result<Response, SendError> {
        let mut url = self.endpoint(what);
        url.query_pairs_mut().extend_pairs(parameters);
        let (headers, body) = (HeaderMap::new(), Vec::new().into());
        let request = Request { method: Method::GET, url: url.to_string(), headers, body };
        self.http.send(request, timeout, live::now()).await
    }

    /// Asks `/api/v1/` and so on, with the parameters as a form, which may be longer than a URL.
    ///
    /// # Errors
    /// There is no answer in time.
    pub async fn post(
        &self,
        what: &str,
        parameters: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<Response, SendError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, form_type)]);
        let url = self.endpoint(what).to_string();
        self.http.send(Request { method: Method::POST, url, headers, body: body.into() }, timeout, live::now()).await
    }

    fn endpoint(&self, what: &str) -> Url {
        let mut url = self.base.clone();
        let path = format!("{}/api/v1/{what}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }
}

/// A time or length of time in seconds, exact for every millisecond.
pub fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_base_and_passwords_are_not_shown() {
        let connection = Connection::open("http://u:p@prometheus:9090/prefix/?tenant=a", None, 1).unwrap();
        assert_eq!(connection.endpoint("query").as_str(), "http://u:p@prometheus:9090/prefix/api/v1/query?tenant=a");
        assert_eq!(connection.shown(), "http://prometheus:9090/prefix/?tenant=a");
        for bad in ["prometheus:9090", "ftp://prometheus", "http://u:secret@:x"] {
            let error = Connection::open(bad, None, 1).err().unwrap().to_string();
            assert!(error.starts_with("--query.url ") && !error.contains("secret"), "{error}");
        }
        assert_eq!((seconds(1), seconds(-1500)), ("0.001".to_owned(), "-1.500".to_owned()));
    }
}
