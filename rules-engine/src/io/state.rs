//! What the API and the metrics show. The shell, which owns the engine and the senders, provides it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::query_api::SourceTally;
use super::send_alerts::TargetTally;
use super::write_queue::QueueTally;
use super::write_samples::WriteTally;
use crate::engine::Engine;

/// A look at the running rule service.
pub trait RulesState: Send + Sync + 'static {
    /// Looks at the engine; called for a moment only.
    fn with_engine<T>(&self, look: impl FnOnce(&Engine) -> T) -> T;

    /// Where alerts are posted, and how that went.
    fn notifiers(&self) -> Vec<TargetTally>;

    /// Where samples are written, by name, and how that went.
    fn writers(&self) -> Vec<(String, WriteTally)>;

    /// What waits to be written, by the target's name.
    fn queues(&self) -> Vec<(String, QueueTally)> {
        Vec::new()
    }

    /// Who was queried, and how that went.
    fn sources(&self) -> Vec<SourceTally> {
        Vec::new()
    }

    /// How many rule groups are set through the API, and how many bytes they have.
    fn set_groups(&self) -> (usize, usize) {
        (0, 0)
    }

    /// The configuration file in force, without its secrets.
    fn shown_config(&self) -> String;

    /// Which program this is.
    fn build(&self) -> BuildInfo;
}

/// The answer of `/api/v1/status/buildinfo`; Grafana tells the flavour of a data source by it.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildInfo {
    /// Which program answers, where that is not Prometheus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The version.
    pub version: String,
    /// The commit.
    pub revision: String,
    /// The branch.
    pub branch: String,
    /// Who built it.
    pub build_user: String,
    /// When it was built.
    pub build_date: String,
    /// The compiler, under the key that clients expect.
    pub go_version: String,
    /// What it can do beyond Prometheus, `"true"` or `"false"` by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub features: BTreeMap<String, String>,
}

impl BuildInfo {
    /// Says that rules can be edited. Grafana asks Mimir alone for it, and whoever has Mimir's features must be called so.
    #[must_use]
    pub fn with_rule_editing(self) -> BuildInfo {
        let features = BTreeMap::from([("ruler_config_api".to_owned(), "true".to_owned())]);
        BuildInfo { application: Some("Grafana Mimir".to_owned()), features, ..self }
    }
}
