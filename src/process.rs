//! A running process: listeners, store, one or both halves, signals, and an orderly end.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use model::Timestamp;
use prometheus_client::registry::Registry;
use store::Store;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{error, info};

use crate::cli::WebFlags;
use crate::live;
use crate::live::ledger::Ledger;
use crate::reload::{Reloadable, Reloader, Trigger, follow};
use crate::service::storage;
use crate::service_manager::{self, Pulse};
use crate::web::access::audit::AuditBook;
use crate::web::address::{self, External};
use crate::web::auth::{self, Doorkeeper};
use crate::web::connections::figures::Figures;
use crate::web::intake::Intake;
use crate::web::listen::Listeners;
use crate::web::operation::{self, Quit, Ready};
use crate::web::settings::{WebFile, WebSettings};
use crate::web::tls::TlsFiles;
use crate::web::traffic::Traffic;
use crate::web::{deadline, descriptors, document, lost};

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The Alertmanager version whose API and metrics these are, as clients check it.
pub const COMPATIBLE_VERSION: &str = concat!("0.34.0+watchfire.", env!("CARGO_PKG_VERSION"));

/// What comes before the halves: sockets and the store.
pub struct Process {
    /// What the process is called from outside.
    pub external: External,
    /// Where records lie.
    pub store: Store,
    listeners: Listeners,
    doorkeeper: Doorkeeper,
    web_file: Option<WebFile>,
    timeout: Duration,
    /// No configuration was read before.
    opened_at: Timestamp,
    quit: Quit,
}

/// What the halves bring along.
#[derive(Default)]
pub struct Parts {
    /// Their APIs.
    pub router: Router,
    /// Their metrics.
    pub registry: Registry,
    /// The same, for pages, once all of them are there.
    pub figures: Arc<OnceLock<Arc<Registry>>>,
    /// Where the bodies of requests find room.
    pub intake: Intake,
    /// Whose names the HTTP metrics have; Prometheus' where nobody says.
    pub http_family: Option<&'static str>,
    /// What a reload reads again.
    pub reloadable: Vec<Box<dyn Reloadable>>,
    /// Whether it is read again when a file changes; how often files are looked at where nobody tells of a change.
    pub follow: Option<Duration>,
    /// Their records' way to the store; run until all else has ended.
    pub ledgers: Vec<Arc<Ledger>>,
    /// Each comes back once its machine could be looked at: a service manager's watchdog waits for all.
    pub pulses: Vec<Pulse>,
    /// Their work, ended in this order.
    pub work: Vec<Work>,
}

/// Runs until its signal turns true.
pub type Work = Box<dyn FnOnce(watch::Receiver<bool>) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

impl Process {
    /// Binds the sockets and opens the store.
    ///
    /// # Errors
    /// An address, the web configuration or the store cannot be used.
    pub async fn open<const PORT: u16>(web: &WebFlags<PORT>, storage_path: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(!web.systemd_socket, "--web.systemd-socket: not supported: give --web.listen-address");
        let opened_at = live::now();
        let settings = WebSettings::load(web.web_config_file.as_deref())?;
        let tls = settings.tls.clone().map(|tls| TlsFiles::open(tls, settings.http1_only)).transpose()?.map(Arc::new);
        let book = AuditBook::open(web.audit_file.clone(), web.audit_bytes_max)?;
        let doorkeeper = Doorkeeper::new(settings, book);
        let web_file = Some(WebFile::new(web.web_config_file.clone(), doorkeeper.clone(), tls.clone()));
        let default = [format!(":{PORT}")];
        let given = if web.listen_addresses.is_empty() { &default[..] } else { &web.listen_addresses };
        let addresses = given.iter().map(|text| address::parse_listen(text)).collect::<anyhow::Result<Vec<_>>>()?;
        let connections = descriptors::connections(web.max_connections, descriptors::raise());
        let listeners = Listeners::bind(&addresses, tls, connections).await?;
        let port = listeners.addresses().first().map_or(PORT, std::net::SocketAddr::port);
        let external =
            address::external(web.external_url.as_deref(), web.route_prefix.as_deref(), &address::host_name(), port)?;
        let store = storage::open(storage_path).await?;
        let quit = Quit::new(web.enable_lifecycle);
        Ok(Self { external, store, listeners, doorkeeper, web_file, timeout: web.timeout, opened_at, quit })
    }

    /// Ends the process as a signal would, when told to.
    pub fn quit(&self) -> Quit {
        self.quit.clone()
    }

    /// Serves until a signal ends the process, SIGTERM or SIGINT, or a request does; SIGHUP reloads.
    ///
    /// # Errors
    /// Signals cannot be listened for, or the store does not close.
    pub async fn run(mut self, mut parts: Parts) -> anyhow::Result<ExitCode> {
        let mut reloadable = std::mem::take(&mut parts.reloadable);
        reloadable.extend(self.web_file.take().map(|file| Box::new(file) as Box<dyn Reloadable>));
        let reloader = Reloader::new(reloadable).noting(self.doorkeeper.book().clone());
        let reloader = if parts.follow.is_some() { reloader.following(self.opened_at) } else { reloader };
        let reloader = Arc::new(reloader);
        crate::metrics::register(&mut parts.registry, reloader.clone(), self.store.clone());
        let traffic = Traffic::new(parts.http_family.unwrap_or("prometheus"));
        parts.registry.register_collector(Box::new(traffic.clone()));
        let intake = parts.intake;
        parts.registry.register_collector(Box::new(intake.clone()));
        parts.registry.register_collector(Box::new(Figures(self.listeners.connections().clone())));
        parts.registry.register_collector(Box::new(self.doorkeeper.clone()));
        let registry = Arc::new(parts.registry);
        // Nobody else sets it.
        drop(parts.figures.set(registry.clone()));
        let ready = Ready::default();
        let operation = operation::router(ready.clone(), reloader.clone(), registry, self.quit.clone());
        let router = intake.bounded(parts.router.merge(document::router())).merge(operation);
        let router = self.layered(router, &traffic);

        let (end_service, ended_service) = watch::channel(false);
        let (end_ledgers, ended_ledgers) = watch::channel(false);
        let mut records = JoinSet::new();
        for ledger in parts.ledgers {
            let ended = ended_ledgers.clone();
            records.spawn(async move { ledger.run(ended).await });
        }
        tokio::spawn(storage::export_regularly(self.store.clone(), ended_service.clone()));
        if let Some(interval) = parts.follow {
            tokio::spawn(follow::follow(reloader.clone(), interval, ended_service.clone()));
        }
        let served = tokio::spawn(self.listeners.serve(router, ended_service.clone()));
        let mut work = Vec::new();
        for start in parts.work {
            let (end, ended) = watch::channel(false);
            work.push((end, tokio::spawn(start(ended))));
        }
        ready.set();
        info!(version = VERSION, external_url = self.external.url, "ready");
        service_manager::ready();
        let watchdog = tokio::spawn(service_manager::watchdog(parts.pulses));

        wait_for_end(&reloader, &self.quit).await?;
        info!("shutting down");
        watchdog.abort();
        service_manager::stopping();
        end_service.send_replace(true);
        for (end, task) in work {
            end.send_replace(true);
            task.await.unwrap_or_else(|error| error!(%error, "a service ended badly"));
        }
        served.await.unwrap_or_else(|error| error!(%error, "the listeners ended badly"));
        end_ledgers.send_replace(true);
        records.join_all().await;
        self.store.close(live::now().as_millis()).await.context("cannot close the store")?;
        info!("bye");
        Ok(ExitCode::SUCCESS)
    }

    /// Prefix, metrics, authentication, time limit, and a panic in one request harms no other.
    fn layered(&self, router: Router, traffic: &Traffic) -> Router {
        let prefix = self.external.prefix.as_str();
        let prefixed = traffic.counted(lost::prefixed(router, prefix), prefix);
        let (doorkeeper, at): (_, Arc<str>) = (self.doorkeeper.clone(), prefix.into());
        let guarded = prefixed
            .layer(axum::middleware::from_fn(move |request, next| {
                let (doorkeeper, at) = (doorkeeper.clone(), at.clone());
                async move { auth::authenticate(doorkeeper, &at, request, next).await }
            }))
            .layer(CatchPanicLayer::new());
        deadline::within(guarded, self.timeout)
    }
}

async fn wait_for_end(reloader: &Reloader, quit: &Quit) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                // The outcome is logged and shown in the metrics.
                drop(reloader.reload(Trigger::Signal).await);
            }
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            () = quit.asked() => return Ok(()),
        }
    }
}
