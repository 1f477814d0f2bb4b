//! `watchfire notifier`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use model::Matcher;
use model::matcher::parse::{ParseMode, parse_matchers};
use notifier::ack_link::AckLinks;
use notifier::alert_book::BookLimits;
use notifier::history::HistoryLimits;
use notifier::io::ack_page;
use notifier::io::api::{self, About};
use notifier::io::metrics::NotifierMetrics;
use notifier::io::metrics::census::Census;
use notifier::notifier::Settings;
use outbound::{AllowedHosts, Guard};
use tokio::sync::watch;
use tracing::info;

use super::{admission, alertmanager_configs};
use crate::cli::feature::Feature;
use crate::cli::{Compat, NotifierCommand, NotifierFlags, WebFlags};
use crate::config_file::ConfigFile;
use crate::live;
use crate::process::{COMPATIBLE_VERSION, Parts, Process, VERSION};
use crate::service::ack_key;
use crate::service::notifier::{NotifierService, Sources};
use crate::service::pages::{self, Halves};
use crate::web::get_limit;

/// Runs the notifier until a signal ends it.
///
/// # Errors
/// The configuration, an address or the store cannot be used.
pub async fn execute(command: NotifierCommand) -> anyhow::Result<ExitCode> {
    check(&command.notifier)?;
    let process = Process::open(&command.web, &command.storage_path).await?;
    let objects = alertmanager_configs::open(&command.alertmanager_configs, &command.kubernetes).await?;
    let sources = Sources {
        config_file: ConfigFile::new(command.config_file, command.reload.expand_env).into(),
        external_url: process.external.url.clone(),
        matcher_mode: matcher_mode(&command.notifier),
        critical: critical(&command.notifier)?,
        guard: guard(&command.notifier),
        ack_links: ack_links(&process, &command.web, &command.notifier).await?,
        objects: objects.as_ref().map(|(objects, _)| objects.clone()),
    };
    let service = NotifierService::start(sources, settings(&command.notifier)?, process.store.clone()).await?;
    let mut parts = Parts { follow: command.reload.follow(), ..Parts::default() };
    add(&mut parts, service.clone(), &command.notifier, true);
    alertmanager_configs::add(&mut parts, service.clone(), objects);
    admission::add(&mut parts, &command.admission, matcher_mode(&command.notifier)).await?;
    let matcher_mode = matcher_mode(&command.notifier);
    let halves = Halves { notifier: Some(service), matcher_mode, ..Halves::default() };
    pages::add(&mut parts, &process, halves).await?;
    process.run(parts).await
}

/// What the command line says about the machine.
///
/// # Errors
/// The matchers of critical pages cannot be read.
pub(super) fn settings(flags: &NotifierFlags) -> anyhow::Result<Settings> {
    Ok(Settings {
        retention: flags.data_retention,
        history: HistoryLimits { retention: flags.history_retention, bytes_max: flags.history_bytes_max },
        maintenance_interval: flags.data_maintenance_interval,
        alert_gc_interval: flags.alerts_gc_interval,
        start_delay: flags.dispatch_start_delay,
        classic_names: flags.features.contains(&Feature::ClassicMode),
        book: BookLimits {
            alerts_max: if flags.alerts_max == 0 { usize::MAX } else { flags.alerts_max },
            text_bytes_max: if flags.alert_bytes_max == 0 { u64::MAX } else { flags.alert_bytes_max },
        },
        alerts_per_name_max: flags.alerts_per_name_max,
        silences_max: flags.silences_max,
        schedules_max: flags.schedules_max,
        silence_bytes_max: flags.silence_bytes_max,
        restart_grace: flags.alerts_restart_grace,
        as_alertmanager: flags.compat == Some(Compat::Alertmanager),
        critical: critical(flags)?,
    })
}

/// Refuses what cannot be, and says what has no effect.
///
/// # Errors
/// Peers are to be joined, or both modes of matchers are asked for.
pub(super) fn check(flags: &NotifierFlags) -> anyhow::Result<()> {
    if let Some(peer) = flags.cluster.peers.iter().find(|peer| !peer.is_empty()) {
        bail!(
            "--cluster.peer={peer}: this notifier cannot join others: run one, it keeps its state over restarts; or several of their own, each of which notifies"
        );
    }
    if flags.cluster.ask_for_cluster() {
        info!("--cluster.* has no effect: one node keeps its own state");
    }
    for feature in &flags.features {
        if let Feature::WithoutEffect(name) = feature {
            info!(feature = name, "--enable-feature: has no effect here");
        }
    }
    if [Feature::ClassicMode, Feature::Utf8StrictMode].iter().all(|mode| flags.features.contains(mode)) {
        bail!("--enable-feature: classic-mode and utf8-strict-mode exclude each other");
    }
    Ok(())
}

/// How matchers in the configuration and in requests are read.
pub(super) fn matcher_mode(flags: &NotifierFlags) -> ParseMode {
    match (flags.features.contains(&Feature::ClassicMode), flags.features.contains(&Feature::Utf8StrictMode)) {
        (true, _) => ParseMode::Classic,
        (false, true) => ParseMode::Utf8Strict,
        (false, false) => ParseMode::Fallback,
    }
}

/// The links that acknowledge, where somebody said where links lead.
///
/// # Errors
/// The key cannot be read or kept.
pub(super) async fn ack_links<const PORT: u16>(
    process: &Process,
    web: &WebFlags<PORT>,
    flags: &NotifierFlags,
) -> anyhow::Result<Option<Arc<AckLinks>>> {
    if web.external_url.is_none() {
        return Ok(None);
    }
    Ok(Some(Arc::new(ack_key::links(&process.store, flags.ack_key_file.as_deref()).await?)))
}

/// What deliveries may reach.
pub(super) fn guard(flags: &NotifierFlags) -> Arc<Guard> {
    Guard::new((!flags.allowed_hosts.is_empty()).then(|| AllowedHosts::new(flags.allowed_hosts.clone())))
}

/// What goes first.
///
/// # Errors
/// The matchers cannot be read.
pub(super) fn critical(flags: &NotifierFlags) -> anyhow::Result<Arc<[Matcher]>> {
    if flags.dispatch_critical.is_empty() {
        return Ok(Arc::default());
    }
    match parse_matchers(&flags.dispatch_critical, matcher_mode(flags)) {
        Ok(matchers) => Ok(matchers.value.into()),
        Err(error) => bail!("--dispatch.critical={}: {error}", flags.dispatch_critical),
    }
}

pub(super) fn add(parts: &mut Parts, service: Arc<NotifierService>, flags: &NotifierFlags, alone: bool) {
    let about = About {
        version: COMPATIBLE_VERSION,
        revision: VERSION,
        matcher_mode: matcher_mode(flags),
        started_at: live::now(),
    };
    let mut router = api::router(service.clone(), about, alone);
    if let Some(links) = service.ack_links() {
        router = router.merge(ack_page::router(service.clone(), links));
    }
    let limited = get_limit::limited(router, flags.get_concurrency);
    parts.router = std::mem::take(&mut parts.router).merge(limited);
    let census = Arc::new(Census::new(service.clone()));
    parts.registry.register_collector(Box::new(NotifierMetrics::new(service.clone(), census.clone())));
    parts.work.push(Box::new(move |ended| Box::pin(count_regularly(census, ended))));
    parts.registry.register_collector(Box::new(service.delivery_metrics()));
    parts.http_family = Some("alertmanager");
    parts.reloadable.push(Box::new(service.clone()));
    parts.ledgers.push(service.ledger());
    let pulse = service.clone();
    parts.pulses.push(Box::new(move || pulse.beat()));
    parts.work.push(Box::new(move |ended| Box::pin(async move { service.run(ended).await })));
}

async fn count_regularly(census: Arc<Census<NotifierService>>, mut ended: watch::Receiver<bool>) {
    while !*ended.borrow() {
        census.take().await;
        tokio::select! {
            () = live::wait(Census::<NotifierService>::EVERY) => {}
            _ = ended.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn flags(words: &[&str]) -> NotifierFlags {
        match Cli::try_parse_from(["watchfire", "notifier"].iter().chain(words)).unwrap().command {
            Command::Notifier(command) => command.notifier,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn peers_are_refused_and_modes_exclude_each_other() {
        let refused = check(&flags(&["--cluster.peer=am-1:9094"])).unwrap_err().to_string();
        assert!(refused.starts_with("--cluster.peer=am-1:9094: this notifier cannot join others"), "{refused}");
        assert!(check(&flags(&["--cluster.peer=", "--cluster.label=x"])).is_ok());
        assert!(check(&flags(&["--enable-feature=classic-mode,utf8-strict-mode"])).is_err());
        assert_eq!(matcher_mode(&flags(&["--enable-feature=classic-mode"])), ParseMode::Classic);
        assert_eq!(matcher_mode(&flags(&["--enable-feature=utf8-strict-mode"])), ParseMode::Utf8Strict);
        assert_eq!(matcher_mode(&flags(&["--enable-feature=auto-gomemlimit"])), ParseMode::Fallback);
    }
}
