//! What is written about the admission webhook.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rules_engine::rule_file::NameScheme;

use super::WebFlags;
use super::check::PromqlFeature;

/// What objects are held to.
#[derive(Clone, Debug, Args)]
pub struct AdmissionChecks {
    /// Which names metrics and labels may have.
    #[arg(long = "admission.name-validation-scheme", value_enum, default_value = "utf8", value_name = "SCHEME")]
    pub admission_names: Names,
    /// Experimental parts of PromQL that rules may use; comma separated.
    #[arg(long = "admission.promql-features", value_delimiter = ',', value_name = "FEATURES")]
    pub admission_promql_features: Vec<PromqlFeature>,
}

/// Names of metrics and labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Names {
    /// Any text, as in Prometheus 3.
    Utf8,
    /// Letters, digits and underscores.
    Legacy,
}

impl From<Names> for NameScheme {
    fn from(names: Names) -> NameScheme {
        match names {
            Names::Utf8 => NameScheme::Utf8,
            Names::Legacy => NameScheme::Legacy,
        }
    }
}

/// The webhook beside a running service.
#[derive(Clone, Debug, Args)]
pub struct AdmissionFlags {
    /// Answer the API server's questions about objects here, such as :8443.
    #[arg(long = "admission.listen-address", value_name = "HOST:PORT", requires_all = ["admission_cert_file", "admission_key_file"])]
    pub admission_address: Option<String>,
    /// The certificate for that address, read again when it changes.
    #[arg(long = "admission.cert-file", value_name = "FILE")]
    pub admission_cert_file: Option<PathBuf>,
    /// Its key.
    #[arg(long = "admission.key-file", value_name = "FILE")]
    pub admission_key_file: Option<PathBuf>,
    /// What objects are held to.
    #[command(flatten)]
    pub checks: AdmissionChecks,
}

/// `watchfire admission`.
#[derive(Debug, Args)]
pub struct AdmissionCommand {
    /// What objects are held to.
    #[command(flatten)]
    pub checks: AdmissionChecks,
    /// The HTTP side; TLS by --web.config.file.
    #[command(flatten)]
    pub web: WebFlags<8443>,
}
