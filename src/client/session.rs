//! Flags and settings files together: which notifier is asked, how long, and how answers are printed.

use std::convert::Infallible;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, bail};
use model::duration::format_duration;
use model::matcher::parse::ParseMode;
use outbound::HttpConfig;
use serde::Serialize;
use tracing::warn;

use super::api::{Api, read_http_config};
use super::duration::parse_duration;
use super::moment::{DEFAULT_LAYOUT, Layout};
use super::settings::{Settings, parse_output};
use crate::cli::client::{ClientFlags, OutputFormat};
use crate::process::COMPATIBLE_VERSION;

/// Where a notifier is found if nothing says so.
const DEFAULT_URL: &str = "http://localhost:9093";

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// One command's view of a notifier.
#[derive(Debug)]
pub struct Session {
    /// The notifier.
    pub api: Api,
    /// How results are printed.
    pub output: OutputFormat,
    /// How times are printed.
    pub layout: Layout,
    /// How matchers are read.
    pub parse_mode: ParseMode,
    /// For flags of single commands.
    pub settings: Settings,
    timeout: Duration,
    version_check: bool,
    url_given: bool,
}

impl Session {
    /// Puts flags and the settings files of this user and machine together.
    ///
    /// # Errors
    /// A setting or the HTTP configuration cannot be used.
    pub fn open(flags: &ClientFlags) -> anyhow::Result<Session> {
        Session::with_settings(flags, Settings::load()?)
    }

    /// Puts flags and settings together.
    ///
    /// # Errors
    /// As of [`Session::open`].
    pub fn with_settings(flags: &ClientFlags, settings: Settings) -> anyhow::Result<Session> {
        let path = |text: &str| Ok::<_, Infallible>(PathBuf::from(text));
        let http = match settings.choose(flags.http_config_file.clone(), "http.config.file", path)? {
            Some(path) => read_http_config(&path)?,
            None => HttpConfig::default(),
        };
        let timeout = settings.choose(flags.timeout, "timeout", parse_duration)?.unwrap_or(DEFAULT_TIMEOUT);
        let verbose = settings.switch(flags.verbose, false, "verbose")?.unwrap_or_default();
        let url = settings.text(flags.url.clone(), "alertmanager.url").unwrap_or_else(|| DEFAULT_URL.to_owned());
        let layout = settings.text(flags.date_format.clone(), "date.format");
        Ok(Session {
            api: Api::new(&url, &http, timeout, verbose)?,
            output: settings.choose(flags.output, "output", parse_output)?.unwrap_or_default(),
            layout: Layout::new(layout.as_deref().unwrap_or(DEFAULT_LAYOUT)),
            parse_mode: parse_mode(settings.text(flags.enable_feature.clone(), "enable-feature").as_deref())?,
            timeout,
            version_check: settings
                .switch(flags.version_check, flags.no_version_check, "version-check")?
                .unwrap_or(true),
            url_given: flags.url.is_some(),
            settings,
        })
    }

    /// Whether the command line names a notifier.
    pub fn url_given(&self) -> bool {
        self.url_given
    }

    /// How long the command may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Asks the notifier, after a look at its version, for no longer than the command may take.
    ///
    /// # Errors
    /// What `asking` fails with, or the time is up.
    pub async fn ask<T>(&self, asking: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let all = async {
            self.look_at_version().await;
            asking.await
        };
        let up = || anyhow!("no answer within {}", format_duration(self.timeout));
        tokio::time::timeout(self.timeout, all).await.map_err(|_| up())?
    }

    /// An answer as JSON, the way Go writes it.
    pub fn json(value: &impl Serialize) -> String {
        let bytes = outbound::go_json::to_vec(value).expect("texts, flags and maps with texts as keys can be written");
        format!("{}\n", String::from_utf8_lossy(&bytes))
    }

    /// A failure shows with the request that follows.
    async fn look_at_version(&self) {
        if !self.version_check {
            return;
        }
        if let Ok(status) = self.api.status().await
            && let Some(found) = oddity(&status.version_info.version)
        {
            warn!(server = status.version_info.version, client = COMPATIBLE_VERSION, "{found}");
        }
    }
}

/// What is odd about a server of this version. Alertmanagers of any kind are spoken to in the same words, but before
/// 0.22 they did not understand negative matchers.
fn oddity(version: &str) -> Option<&'static str> {
    if version.contains("watchfire") {
        return (version != COMPATIBLE_VERSION).then_some("the notifier is another version of Watchfire");
    }
    let mut numbers = version.split(['.', '-']).map(|number| number.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(0), Some(minor)) if minor < 22 => Some("this Alertmanager is too old to understand negative matchers"),
        _ => None,
    }
}

fn parse_mode(features: Option<&str>) -> anyhow::Result<ParseMode> {
    let mut mode = ParseMode::default();
    for feature in features.unwrap_or_default().split(',').filter(|feature| !feature.is_empty()) {
        mode = match (feature, mode) {
            ("classic-mode", ParseMode::Fallback | ParseMode::Classic) => ParseMode::Classic,
            ("utf8-strict-mode", ParseMode::Fallback | ParseMode::Utf8Strict) => ParseMode::Utf8Strict,
            ("classic-mode" | "utf8-strict-mode", _) => bail!("classic-mode and utf8-strict-mode exclude each other"),
            _ => bail!("unknown feature {feature:?}, expected classic-mode or utf8-strict-mode"),
        };
    }
    Ok(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_that_may_disagree_are_told() {
        assert_eq!(oddity(COMPATIBLE_VERSION), None);
        assert!(oddity("0.34.0+watchfire.0.0.1").is_some());
        assert_eq!(oddity("0.25.0"), None);
        assert_eq!(oddity("1.0.0"), None);
        assert!(oddity("0.21.0").is_some());
        assert_eq!(oddity(""), None);
    }

    #[test]
    fn features_choose_how_matchers_are_read() {
        assert_eq!(parse_mode(None).unwrap(), ParseMode::Fallback);
        assert_eq!(parse_mode(Some("classic-mode")).unwrap(), ParseMode::Classic);
        assert_eq!(parse_mode(Some("utf8-strict-mode")).unwrap(), ParseMode::Utf8Strict);
        assert!(parse_mode(Some("utf8-strict-mode,classic-mode")).is_err());
        assert!(parse_mode(Some("x")).is_err());
    }
}
