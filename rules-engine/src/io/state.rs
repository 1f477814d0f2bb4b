//! What the API and the metrics show. The shell, which owns the engine and the senders, provides it.

use serde::Serialize;

use super::send_alerts::TargetTally;
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

    /// Which program this is.
    fn build(&self) -> BuildInfo;
}

/// The answer of `/api/v1/status/buildinfo`; Grafana tells the flavour of a data source by it.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildInfo {
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
}
