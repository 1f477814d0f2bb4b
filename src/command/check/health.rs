//! `watchfire check healthy|ready`: a service asked how it is, as `promtool check healthy` does.

use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use outbound::{HttpClient, HttpConfig, Limits, Request};
use reqwest::Method;
use url::Url;

use crate::cli::check::HealthCheck;
use crate::client::api::read_http_config;
use crate::live;

/// Asks `/-/healthy` or `/-/ready`.
///
/// # Errors
/// The URL or the file of `--http.config.file` cannot be used, or there is no answer in time. An answer other than 200 is exit code 1.
pub(in crate::command) async fn ask(command: &HealthCheck, what: &str) -> anyhow::Result<ExitCode> {
    let url = endpoint(&command.url, what)?;
    let config = command.http_config.as_deref().map(read_http_config).transpose()?.unwrap_or_else(HttpConfig::default);
    let http = HttpClient::new(&config, Limits::default())?;
    let request = Request { method: Method::GET, url, headers: Default::default(), body: Default::default() };
    let answer = http.send(request, command.timeout, live::now()).await;
    let status = answer.with_context(|| format!("the service cannot be asked whether it is {what}"))?.status;
    if status == 200 {
        println!("  SUCCESS: the service is {what}");
        return Ok(ExitCode::SUCCESS);
    }
    println!("  FAILED: the service answers {status}, so it is not {what}");
    Ok(ExitCode::FAILURE)
}

fn endpoint(base: &str, what: &str) -> anyhow::Result<String> {
    // The parser's words only: the URL may hold a password.
    let mut url = Url::parse(base).map_err(|error| anyhow!("--url is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        bail!("--url must begin with http:// or https://");
    }
    let path = format!("{}/-/{what}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_of_a_url_stays() {
        let asked = |base| endpoint(base, "ready").map_err(|error| error.to_string());
        assert_eq!(asked("http://localhost:9093"), Ok("http://localhost:9093/-/ready".to_owned()));
        assert_eq!(asked("https://a.example/watchfire/"), Ok("https://a.example/watchfire/-/ready".to_owned()));
        assert_eq!(asked("ftp://a.example"), Err("--url must begin with http:// or https://".to_owned()));
        assert!(!asked("http://user:secret@[a").unwrap_err().contains("secret"));
    }
}
