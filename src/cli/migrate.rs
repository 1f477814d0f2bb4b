//! What is written to migrate from something else.

use std::path::PathBuf;

use clap::Args;

/// `watchfire migrate`.
#[derive(Debug, Args)]
pub struct MigrateCommand {
    /// Prometheus, ThanosRuler and Alertmanager objects with their Secrets, values of kube-prometheus-stack, prometheus.yml,
    /// alertmanager.yml, or a command line of vmalert; together they become one deployment. Standard input if none.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write the files of the deployment there instead of printing them.
    #[arg(long = "out", value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The namespace of objects that name none, and of the Helm release.
    #[arg(long = "namespace", default_value = "monitoring", value_name = "NAME")]
    pub namespace: String,
    /// The name of the Helm release that values of kube-prometheus-stack are of.
    #[arg(long = "release", default_value = "kube-prometheus-stack", value_name = "NAME")]
    pub release: String,
    /// The command line of vmalert, after two dashes: `watchfire migrate --vmalert -- -rule=… -datasource.url=…`
    #[arg(long = "vmalert")]
    pub vmalert: bool,
    /// Its words.
    #[arg(last = true, value_name = "ARG", requires = "vmalert")]
    pub words: Vec<String>,
}
