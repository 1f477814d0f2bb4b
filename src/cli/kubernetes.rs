//! Flags of what comes from a cluster: how it is reached, and AlertmanagerConfig objects for the notifier.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kubernetes::alertmanager_config::MatcherStrategy;
use kubernetes::client::Access;
use kubernetes::selector::LabelSelector;

/// How the API server is reached.
#[derive(Clone, Debug, Default, Args)]
pub struct AccessFlags {
    /// How the cluster is reached. [default: as a pod's service account]
    #[arg(long = "kubernetes.kubeconfig", value_name = "FILE")]
    pub kubernetes_kubeconfig: Option<PathBuf>,
    /// Which context of that file. [default: its current one]
    #[arg(long = "kubernetes.context", value_name = "NAME")]
    pub kubernetes_context: Option<String>,
}

impl AccessFlags {
    /// The same as meant.
    pub fn access(&self) -> Access {
        Access { kubeconfig: self.kubernetes_kubeconfig.clone(), context: self.kubernetes_context.clone() }
    }
}

/// Which AlertmanagerConfig objects the notifier takes.
#[derive(Clone, Debug, Default, Args)]
pub struct AlertmanagerConfigFlags {
    /// Merge the AlertmanagerConfig objects of a cluster into the configuration, and follow them.
    #[arg(long = "kubernetes.alertmanager-configs")]
    pub wants: bool,
    /// The Alertmanager object whose settings count, in place of the selectors below.
    #[arg(long = "kubernetes.alertmanager", value_name = "[NAMESPACE/]NAME", conflicts_with_all = ["selector", "namespace_selector", "strategy"])]
    pub alertmanager: Option<String>,
    /// Say in the objects' status, in the name of that Alertmanager, whether they are accepted.
    #[arg(long = "kubernetes.alertmanager-config-status", requires = "alertmanager")]
    pub writes_status: bool,
    /// Only objects with such labels. [default: all]
    #[arg(long = "kubernetes.alertmanager-config-selector", value_parser = LabelSelector::parse, value_name = "SELECTOR")]
    pub selector: Option<LabelSelector>,
    /// Objects of namespaces with such labels; "" is all. [default: the own namespace]
    #[arg(long = "kubernetes.alertmanager-config-namespace-selector", value_parser = LabelSelector::parse, value_name = "SELECTOR")]
    pub namespace_selector: Option<LabelSelector>,
    /// Which alerts an object's routes and inhibition rules are kept to.
    #[arg(long = "kubernetes.alertmanager-config-matcher-strategy", value_enum, value_name = "STRATEGY")]
    pub strategy: Option<Strategy>,
    /// Only objects of these namespaces, repeatable; rights in these are enough.
    #[arg(long = "kubernetes.alertmanager-config-namespace", value_name = "NAME")]
    pub namespaces: Vec<String>,
}

impl AlertmanagerConfigFlags {
    /// Whether any objects are to be taken.
    pub fn wants_objects(&self) -> bool {
        self.wants || self.alertmanager.is_some()
    }
}

/// The operator's strategies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
    /// Those of the object's namespace.
    OnNamespace,
    /// The same, but for objects beside the Alertmanager.
    OnNamespaceExceptForAlertmanagerNamespace,
    /// All.
    None,
}

impl From<Strategy> for MatcherStrategy {
    fn from(strategy: Strategy) -> MatcherStrategy {
        match strategy {
            Strategy::OnNamespace => MatcherStrategy::OnNamespace,
            Strategy::OnNamespaceExceptForAlertmanagerNamespace => {
                MatcherStrategy::OnNamespaceExceptForAlertmanagerNamespace
            }
            Strategy::None => MatcherStrategy::None,
        }
    }
}
