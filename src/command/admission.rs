//! `watchfire admission`, and the webhook beside a running service.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use model::matcher::parse::ParseMode;
use tokio::sync::watch;

use super::check::promql_options;
use crate::admission::counts::AdmissionCounts;
use crate::admission::{Checks, Webhook};
use crate::cli::admission::{AdmissionChecks, AdmissionCommand, AdmissionFlags};
use crate::process::{Parts, Process};
use crate::web::address;
use crate::web::listen::{CONNECTIONS_MAX, Listeners};
use crate::web::settings::TlsSettings;
use crate::web::tls::TlsFiles;

/// Answers the API server until a signal ends it.
///
/// # Errors
/// An address or the web configuration cannot be used.
pub async fn execute(command: AdmissionCommand) -> anyhow::Result<ExitCode> {
    let process = Process::open(&command.web, "").await?;
    let webhook = Webhook::new(checks(&command.checks, ParseMode::default()));
    let mut parts = Parts { router: webhook.router(), follow: None, ..Parts::default() };
    parts.registry.register_collector(Box::new(AdmissionCounts(webhook.tally.clone())));
    process.run(parts).await
}

/// Has the webhook run beside a service, on its own address.
///
/// # Errors
/// The address or the certificate cannot be used.
pub(super) async fn add(parts: &mut Parts, flags: &AdmissionFlags, mode: ParseMode) -> anyhow::Result<()> {
    let Some(text) = &flags.admission_address else { return Ok(()) };
    let address = address::parse_listen(text).context("--admission.listen-address")?;
    let files = flags.admission_cert_file.clone().zip(flags.admission_key_file.clone());
    let (certificate, key) =
        files.context("--admission.listen-address needs --admission.cert-file and --admission.key-file")?;
    let tls = TlsFiles::open(TlsSettings::of_files(certificate, key), false)
        .context("the certificate of --admission.listen-address")?;
    let listeners = Listeners::bind(&[address], Some(Arc::new(tls)), CONNECTIONS_MAX).await?;
    let webhook = Webhook::new(checks(&flags.checks, mode));
    parts.registry.register_collector(Box::new(AdmissionCounts(webhook.tally.clone())));
    let router = parts.intake.bounded(webhook.router());
    let serve = move |ended: watch::Receiver<bool>| listeners.serve(router, ended);
    parts.work.push(Box::new(move |ended| Box::pin(serve(ended))));
    Ok(())
}

fn checks(flags: &AdmissionChecks, matcher_mode: ParseMode) -> Checks {
    Checks {
        names: flags.admission_names.into(),
        promql: promql_options(&flags.admission_promql_features),
        matcher_mode,
    }
}
