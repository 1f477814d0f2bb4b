//! `watchfire notifier`.

use std::process::ExitCode;
use std::sync::Arc;

use notifier::io::api::{self, About};
use notifier::io::metrics::NotifierMetrics;
use notifier::io::metrics::census::Census;
use notifier::notifier::Settings;
use tokio::sync::watch;

use crate::cli::{NotifierCommand, NotifierFlags};
use crate::live;
use crate::process::{COMPATIBLE_VERSION, Parts, Process, VERSION};
use crate::service::notifier::NotifierService;

/// Runs the notifier until a signal ends it.
///
/// # Errors
/// The configuration, an address or the store cannot be used.
pub async fn execute(command: NotifierCommand) -> anyhow::Result<ExitCode> {
    let process = Process::open(&command.web, &command.storage_path).await?;
    let service = NotifierService::start(
        &command.config_file,
        &process.external.url,
        settings(&command.notifier),
        process.store.clone(),
    )
    .await?;
    let mut parts = Parts::default();
    add(&mut parts, service, true);
    process.run(parts).await
}

pub(super) fn settings(flags: &NotifierFlags) -> Settings {
    Settings {
        retention: flags.data_retention,
        alert_gc_interval: flags.alerts_gc_interval,
        start_delay: flags.dispatch_start_delay,
        ..Settings::default()
    }
}

pub(super) fn add(parts: &mut Parts, service: Arc<NotifierService>, alone: bool) {
    let about = About { version: COMPATIBLE_VERSION, revision: VERSION, started_at: live::now() };
    parts.router = std::mem::take(&mut parts.router).merge(api::router(service.clone(), about, alone));
    let census = Arc::new(Census::new(service.clone()));
    parts.registry.register_collector(Box::new(NotifierMetrics::new(service.clone(), census.clone())));
    parts.work.push(Box::new(move |ended| Box::pin(count_regularly(census, ended))));
    parts.reloadable.push(Box::new(service.clone()));
    parts.ledgers.push(service.ledger());
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
