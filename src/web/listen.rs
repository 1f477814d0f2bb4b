//! Sockets: accept, TLS handshake, serve, and an end that lets requests finish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

use super::tls::TlsFiles;

/// A client has this long for its TLS handshake, and as long to send the head of a request.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// Requests under way have this long to finish at shutdown.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// More connections wait in the kernel.
const CONNECTIONS_MAX: usize = 4096;

/// Bound sockets with what they serve.
pub struct Listeners {
    sockets: Vec<TcpListener>,
    tls: Option<Arc<TlsFiles>>,
}

impl Listeners {
    /// Binds every address.
    ///
    /// # Errors
    /// An address is taken or not of this machine.
    pub async fn bind(addresses: &[SocketAddr], tls: Option<Arc<TlsFiles>>) -> anyhow::Result<Self> {
        let mut sockets = Vec::new();
        for address in addresses {
            sockets.push(TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?);
        }
        Ok(Self { sockets, tls })
    }

    /// The addresses really bound (port 0 asks for any).
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// Serves until `shutdown` turns true, then lets requests under way finish.
    pub async fn serve(self, router: Router, shutdown: watch::Receiver<bool>) {
        let graceful = Arc::new(GracefulShutdown::new());
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut accepting = Vec::new();
        for socket in self.sockets {
            if let Ok(address) = socket.local_addr() {
                info!(%address, tls = self.tls.is_some(), "listening");
            }
            let door = Door {
                router: router.clone(),
                tls: self.tls.clone(),
                places: places.clone(),
                graceful: graceful.clone(),
            };
            accepting.push(tokio::spawn(door.accept(socket, shutdown.clone())));
        }
        for task in accepting {
            if let Err(error) = task.await {
                warn!(%error, "a listener ended badly");
            }
        }
        if let Ok(graceful) = Arc::try_unwrap(graceful)
            && tokio::time::timeout(DRAIN_DEADLINE, graceful.shutdown()).await.is_err()
        {
            warn!("some requests were still under way at shutdown");
        }
    }
}

/// One listening socket.
struct Door {
    router: Router,
    tls: Option<Arc<TlsFiles>>,
    places: Arc<Semaphore>,
    graceful: Arc<GracefulShutdown>,
}

impl Door {
    async fn accept(self, socket: TcpListener, mut shutdown: watch::Receiver<bool>) {
        while !*shutdown.borrow() {
            let Ok(place) = self.places.clone().acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                _ = shutdown.changed() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, or a client gone before it was accepted.
                    warn!(%error, "cannot accept a connection");
                    crate::live::wait(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (router, tls, watcher) = (self.router.clone(), self.tls.clone(), self.graceful.watcher());
            tokio::spawn(async move {
                serve_connection(stream, peer, router, tls, watcher).await;
                drop(place);
            });
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    tls: Option<Arc<TlsFiles>>,
    watcher: Watcher,
) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    let Some(tls) = tls else { return serve_stream(stream, peer, router, watcher).await };
    let handshake = TlsAcceptor::from(tls.config()).accept(stream);
    match tokio::time::timeout(HANDSHAKE_DEADLINE, handshake).await {
        Ok(Ok(stream)) => serve_stream(stream, peer, router, watcher).await,
        Ok(Err(error)) => debug!(%peer, %error, "TLS handshake failed"),
        Err(_) => debug!(%peer, "TLS handshake took too long"),
    }
}

async fn serve_stream<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    watcher: Watcher,
) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE_DEADLINE);
    server.http2().timer(TokioTimer::new());
    let connection = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        debug!(%peer, %error, "connection ended");
    }
}
