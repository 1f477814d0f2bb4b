//! `watchfire run`: both halves in one process; alerts are handed over in memory.

use std::process::ExitCode;
use std::sync::Arc;

use super::{admission, alertmanager_configs};
use crate::cli::RunCommand;
use crate::config_file::ConfigFile;
use crate::process::{Parts, Process};
use crate::service::notifier::{self, NotifierService};
use crate::service::pages::{self, Halves};
use crate::service::rules::{RuleService, Sources};

/// Both halves, ready to run.
pub(super) struct Opened {
    pub(super) process: Process,
    pub(super) parts: Parts,
    pub(super) rules: Arc<RuleService>,
}

/// Runs both until a signal ends them. At the end the rules stop first.
///
/// # Errors
/// A configuration, a rule file, an address or the store cannot be used.
pub async fn execute(command: RunCommand) -> anyhow::Result<ExitCode> {
    let Opened { process, parts, .. } = open(command).await?;
    process.run(parts).await
}

pub(super) async fn open(command: RunCommand) -> anyhow::Result<Opened> {
    super::notifier::check(&command.notifier)?;
    let process = Process::open(&command.web, &command.storage_path).await?;
    let url = process.external.url.clone();
    let settings = super::notifier::settings(&command.notifier)?;
    let objects = alertmanager_configs::open(&command.alertmanager_configs, &command.kubernetes).await?;
    let sources = notifier::Sources {
        config_file: ConfigFile::new(command.config_file, command.reload.expand_env).into(),
        external_url: url.clone(),
        matcher_mode: super::notifier::matcher_mode(&command.notifier),
        critical: super::notifier::critical(&command.notifier)?,
        guard: super::notifier::guard(&command.notifier),
        ack_links: super::notifier::ack_links(&process, &command.web, &command.notifier).await?,
        objects: objects.as_ref().map(|(objects, _)| objects.clone()),
    };
    let notifier = NotifierService::start(sources, settings, process.store.clone()).await?;
    let rules_config_file = command.rules_config_file.map(|path| ConfigFile::new(path, command.reload.expand_env));
    let sources = Sources::new(rules_config_file, command.rules, command.kubernetes.access(), url);
    let rules = RuleService::start(sources, process.store.clone(), Some(Box::new(notifier.hand_over()))).await?;
    let mut parts = Parts { follow: command.reload.follow(), ..Parts::default() };
    super::rules::add(&mut parts, rules.clone());
    super::notifier::add(&mut parts, notifier.clone(), &command.notifier, false);
    alertmanager_configs::add(&mut parts, notifier.clone(), objects);
    admission::add(&mut parts, &command.admission, super::notifier::matcher_mode(&command.notifier)).await?;
    let matcher_mode = super::notifier::matcher_mode(&command.notifier);
    let halves = Halves { notifier: Some(notifier), rules: Some(rules.clone()), matcher_mode };
    pages::add(&mut parts, &process, halves).await?;
    Ok(Opened { process, parts, rules })
}
