//! `watchfire rules`.

use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::RulesCommand;
use crate::config_file::ConfigFile;
use crate::process::{Parts, Process};
use crate::service::pages::{self, Halves};
use crate::service::rules::{RuleService, Sources};

/// Runs the rule service until a signal ends it.
///
/// # Errors
/// The configuration, a rule file, an address or the store cannot be used.
pub async fn execute(command: RulesCommand) -> anyhow::Result<ExitCode> {
    let process = Process::open(&command.web, &command.storage_path).await?;
    let config_file = command.config_file.map(|path| ConfigFile::new(path, command.reload.expand_env));
    let sources = Sources::new(config_file, command.rules, command.kubernetes.access(), process.external.url.clone());
    let service = RuleService::start(sources, process.store.clone(), None).await?;
    let mut parts = Parts { follow: command.reload.follow(), ..Parts::default() };
    add(&mut parts, service.clone());
    pages::add(&mut parts, &process, Halves { rules: Some(service), ..Halves::default() }).await?;
    process.run(parts).await
}

pub(super) fn add(parts: &mut Parts, service: Arc<RuleService>) {
    parts.router = std::mem::take(&mut parts.router).merge(service.router());
    service.register_metrics(&mut parts.registry);
    parts.reloadable.push(Box::new(service.clone()));
    parts.ledgers.extend(service.ledgers());
    let pulse = service.clone();
    parts.pulses.push(Box::new(move || pulse.beat()));
    parts.work.push(Box::new(move |ended| Box::pin(async move { service.run(ended).await })));
}
