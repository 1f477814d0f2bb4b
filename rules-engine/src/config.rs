//! The rule service's configuration as meant: `prometheus.yml` without scraping, a `query` section, and flags over it.
//!
//! - `config/prometheus_yml.rs`: the file as written, its sections and what is accepted without being used
//! - `config/query_source.rs`: who is asked the rules' queries
//! - `config/alertmanagers.rs`: where alerts go
//! - `config/discovery.rs`: servers found by name server or in files; `config/targets.rs`: their URLs
//! - `config/remote_write.rs`: where samples go
//! - `config/environment.rs`: `$VAR` in external labels
//! - `config/http_section.rs`: HTTP client options that stand beside other keys

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kubernetes::rule_source::RuleSource;
use model::LabelSet;
use model::source::{Diagnostics, SourceFile};
use outbound::HttpConfig;
use outbound::http_config::check_http_url;
use reqwest::header::HeaderMap;
use yaml::Decoder;

use crate::relabel::Relabeling;
use crate::rule_file::{Defaults, NameScheme, SourceChoices};

mod alertmanagers;
mod discovery;
mod environment;
mod http_section;
mod prometheus_yml;
mod query_source;
mod remote_write;
mod targets;

pub use alertmanagers::NotifierSection;
pub use discovery::{Discovery, DnsRecords, KubernetesDiscovery, KubernetesRole, KubernetesSelector};
pub use query_source::{DiscoveredServers, QueryTarget, SourceKind};
pub use targets::{TargetGroup, Targets};

/// Everything the rule service is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// How often groups without an interval of their own are evaluated.
    pub evaluation_interval: Duration,
    /// How far back queries look in groups without an offset of their own.
    pub query_offset: Duration,
    /// Which names metrics and labels may have.
    pub names: NameScheme,
    /// Added to alerts where absent.
    pub external_labels: LabelSet,
    /// Rule files; those of the configuration file are joined to its folder already.
    pub rule_globs: Vec<String>,
    /// PrometheusRules of a cluster, if there are to be any.
    pub kubernetes: Option<RuleSource>,
    /// Applied to every alert before the targets' own.
    pub alert_relabeling: Relabeling,
    /// Where alerts go, each URL once.
    pub notifiers: Vec<NotifierTarget>,
    /// Sections whose notifiers are found at run time.
    pub discovered_notifiers: Vec<NotifierSection>,
    /// Where samples go.
    pub remote_writes: Vec<WriteTarget>,
    /// Who is queried: the default source first.
    pub sources: Vec<QueryTarget>,
    /// How long after it was sent a firing alert is sent again.
    pub resend_delay: Duration,
    /// Sections of the file that are right and mean nothing to a rule service; worth one line in the log.
    pub unused: Vec<&'static str>,
}

/// A server that takes alerts as Alertmanager's API v2 does.
#[derive(Clone)]
pub struct NotifierTarget {
    /// The whole URL, such as `http://alertmanager:9093/api/v2/alerts`. Identifies the target.
    pub url: String,
    /// How to reach it.
    pub http: HttpConfig,
    /// Longest time for one delivery.
    pub timeout: Duration,
    /// Applied to each alert for this target.
    pub relabeling: Relabeling,
}

/// A server that takes samples by remote write.
#[derive(Clone)]
pub struct WriteTarget {
    /// The whole URL, such as `http://prometheus:9090/api/v1/write`.
    pub url: String,
    /// What messages and metrics call it.
    pub name: String,
    /// How to reach it.
    pub http: HttpConfig,
    /// Added to each request.
    pub headers: HeaderMap,
    /// Longest time for one request.
    pub timeout: Duration,
    /// Applied to each series; one that is dropped is not written.
    pub relabeling: Relabeling,
    /// Which version it is written to in at first.
    pub protocol: WriteProtocol,
    /// Most samples in one request.
    pub samples_per_send: usize,
    /// Delay before the second attempt.
    pub backoff_min: Duration,
    /// No delay between attempts is longer.
    pub backoff_max: Duration,
    /// Samples older than this are dropped; `None` sends all.
    pub sample_age_max: Option<Duration>,
    /// Most bytes of samples that wait, compressed, in memory and on disk.
    pub queue_bytes_max: usize,
}

/// Versions of remote write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteProtocol {
    /// `prometheus.WriteRequest`.
    #[default]
    V1,
    /// `io.prometheus.write.v2.Request`; 1.0 if the target does not understand it.
    V2,
}

/// What the command line says; it wins over the file.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// In place of `rule_files`, relative to the working directory.
    pub rule_globs: Vec<String>,
    /// In place of the default source's servers; its other settings stay.
    pub query_url: Option<String>,
    /// In place of `alerting.alertmanagers`: base URLs such as `http://alertmanager:9093`.
    pub notifier_urls: Vec<String>,
    /// In place of `remote_write`.
    pub remote_write_url: Option<String>,
    /// In place of `global.evaluation_interval`.
    pub evaluation_interval: Option<Duration>,
    /// How long after it was sent a firing alert is sent again.
    pub resend_delay: Option<Duration>,
}

/// A flag that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{flag} is not a usable URL: {reason}")]
pub struct UnusableFlag {
    /// What the flag sets.
    pub flag: &'static str,
    /// Why; never the value, which may hold a password.
    pub reason: String,
}

impl Default for Config {
    /// What holds without a file.
    fn default() -> Config {
        Config {
            evaluation_interval: Duration::from_secs(60),
            query_offset: Duration::ZERO,
            names: NameScheme::Utf8,
            external_labels: LabelSet::empty(),
            rule_globs: Vec::new(),
            kubernetes: None,
            alert_relabeling: Relabeling::default(),
            notifiers: Vec::new(),
            discovered_notifiers: Vec::new(),
            remote_writes: Vec::new(),
            sources: Vec::new(),
            resend_delay: Duration::from_secs(60),
            unused: Vec::new(),
        }
    }
}

impl Config {
    /// Reads a configuration file. Relative names in it start at `base`, its folder; `environment` gives the value of a
    /// variable that external labels name.
    ///
    /// # Errors
    /// Every mistake of the file.
    pub fn read(
        file: &SourceFile,
        base: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Config, Diagnostics), Diagnostics> {
        let decoder = Decoder::new(file);
        let root = decoder.first_document();
        let config = root.map(|root| match root.is_null() {
            true => Some(Config::default()),
            false => prometheus_yml::decode(&root, &decoder, base, environment),
        });
        decoder.finish(config.flatten())
    }

    /// The same with what the command line says.
    ///
    /// # Errors
    /// A flag that is no URL.
    pub fn with_flags(mut self, flags: &Flags) -> Result<Config, UnusableFlag> {
        if !flags.rule_globs.is_empty() {
            self.rule_globs.clone_from(&flags.rule_globs);
        }
        if let Some(url) = &flags.query_url {
            check("the query URL", url)?;
            let named = QueryTarget::new(url.clone());
            match self.sources.first_mut() {
                Some(default) => (default.urls, default.discovered) = (named.urls, None),
                None => self.sources.push(named),
            }
        }
        if !flags.notifier_urls.is_empty() {
            let targets = flags.notifier_urls.iter().map(|url| {
                check("a notifier URL", url)?;
                Ok(NotifierTarget::new(alerts_url(url)))
            });
            self.notifiers = each_once(targets.collect::<Result<_, _>>()?);
            self.discovered_notifiers.clear();
        }
        if let Some(url) = &flags.remote_write_url {
            check("the remote write URL", url)?;
            self.remote_writes = vec![WriteTarget::new(url.clone())];
        }
        self.evaluation_interval = flags.evaluation_interval.unwrap_or(self.evaluation_interval);
        self.resend_delay = flags.resend_delay.unwrap_or(self.resend_delay);
        Ok(self)
    }

    /// What holds where a rule file says nothing.
    pub fn rule_defaults(&self) -> Defaults {
        Defaults {
            interval: self.evaluation_interval,
            query_offset: self.query_offset,
            names: self.names,
            sources: Arc::new(self.source_choices()),
            ..Defaults::default()
        }
    }

    /// Who is asked where a group does not choose.
    pub fn default_source(&self) -> Option<&QueryTarget> {
        self.sources.first()
    }

    /// The sources under the names the engine knows them by: the default one has the empty name.
    pub fn named_sources(&self) -> impl Iterator<Item = (&str, &QueryTarget)> {
        self.sources.iter().enumerate().map(|(place, source)| (if place == 0 { "" } else { &source.name }, source))
    }

    fn source_choices(&self) -> SourceChoices {
        let choices = self.named_sources().map(|(name, source)| source.choice(name)).collect();
        let default_language = self.default_source().map(|source| source.kind.language()).unwrap_or_default();
        SourceChoices { default_language, choices }
    }
}

impl NotifierTarget {
    /// With Prometheus' defaults.
    pub fn new(url: String) -> NotifierTarget {
        let timeout = Duration::from_secs(10);
        NotifierTarget { url, http: HttpConfig::default(), timeout, relabeling: Relabeling::default() }
    }
}

impl WriteTarget {
    /// With Prometheus' defaults, named after its URL.
    pub fn new(url: String) -> WriteTarget {
        WriteTarget {
            name: shown_url(&url),
            url,
            http: HttpConfig::default(),
            headers: HeaderMap::new(),
            timeout: Duration::from_secs(30),
            relabeling: Relabeling::default(),
            protocol: WriteProtocol::V1,
            samples_per_send: 2_000,
            backoff_min: Duration::from_millis(30),
            backoff_max: Duration::from_secs(5),
            sample_age_max: None,
            queue_bytes_max: 64 << 20,
        }
    }
}

impl fmt::Debug for NotifierTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotifierTarget").field("url", &shown_url(&self.url)).finish_non_exhaustive()
    }
}

impl fmt::Debug for WriteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteTarget").field("url", &shown_url(&self.url)).finish_non_exhaustive()
    }
}

/// A URL without user, password and query: fit for logs and labels of metrics.
pub fn shown_url(url: &str) -> String {
    let Ok(mut url) = url::Url::parse(url) else { return "an unreadable URL".to_owned() };
    let _without = (url.set_username(""), url.set_password(None));
    url.set_query(None);
    url.to_string()
}

fn check(flag: &'static str, url: &str) -> Result<(), UnusableFlag> {
    check_http_url(url).map_err(|reason| UnusableFlag { flag, reason })
}

/// Where a notifier takes alerts, below its base URL.
fn alerts_url(base: &str) -> String {
    let base = base.trim_end_matches('/');
    base.strip_suffix("/api/v2/alerts").unwrap_or(base).to_owned() + "/api/v2/alerts"
}

/// The first of those with the same URL.
fn each_once(targets: Vec<NotifierTarget>) -> Vec<NotifierTarget> {
    let mut seen = BTreeSet::new();
    targets.into_iter().filter(|target| seen.insert(target.url.clone())).collect()
}

/// A glob of the file, at its folder.
fn joined(base: &Path, glob: &str) -> String {
    let path: PathBuf = base.join(glob);
    path.display().to_string()
}

#[cfg(test)]
mod tests;
