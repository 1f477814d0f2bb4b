//! Sockets: accept, TLS handshake, serve, and an end that lets requests finish.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

use super::access::Peer;
use super::client_certificate;
use super::connections::seat::HEAD_DEADLINE;
use super::connections::{Connections, Place};
use super::passage;
use super::socket::Socket;
use super::tls::TlsFiles;
use crate::live;

/// Requests under way have this long to finish at shutdown.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// After a connection could not be taken: file descriptors do not come back at once.
const BREATH: Duration = Duration::from_millis(100);
/// Failures to take connections are logged so often.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);
/// Most connections where nobody says.
pub const CONNECTIONS_MAX: usize = 4096;

/// Longest request line and headers of HTTP/1; a longer head is answered 431, and of it an address beyond 64 KiB 414.
const HEAD_BYTES_MAX: usize = 128 << 10;
/// Longest headers of HTTP/2, as they are counted there.
const HEADER_LIST_BYTES_MAX: u32 = 64 << 10;
/// Requests at a time over one connection of HTTP/2.
const STREAMS_MAX: u32 = 100;
/// Streams that a client opens and resets before they are looked at; one more ends the connection.
const PENDING_RESETS_MAX: usize = 20;
/// Mistakes of a client that cost it a stream; one more costs it the connection.
const MISTAKES_MAX: usize = 256;
/// What of an answer is held for a client of HTTP/2 that does not read on.
const SEND_BYTES_MAX: usize = 64 << 10;
/// What a client of HTTP/2 may send before it is read: of one request, and of all of a connection.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// Bound sockets with what they serve.
pub struct Listeners {
    sockets: Vec<TcpListener>,
    tls: Option<Arc<TlsFiles>>,
    connections: Arc<Connections>,
}

impl Listeners {
    /// Binds every address, for so many connections in all.
    ///
    /// # Errors
    /// An address is taken or not of this machine.
    pub async fn bind(
        addresses: &[SocketAddr],
        tls: Option<Arc<TlsFiles>>,
        connections: usize,
    ) -> anyhow::Result<Self> {
        let mut sockets = Vec::new();
        for address in addresses {
            sockets.push(TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?);
        }
        Ok(Self { sockets, tls, connections: Connections::new(connections) })
    }

    /// The addresses really bound (port 0 asks for any).
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// Who is connected.
    pub const fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// Serves until `shutdown` turns true, then lets requests under way finish.
    pub async fn serve(self, router: Router, shutdown: watch::Receiver<bool>) {
        let graceful = Arc::new(GracefulShutdown::new());
        let connections = self.connections.clone();
        let watching = tokio::spawn(async move { connections.watch().await });
        let mut accepting = Vec::new();
        for socket in self.sockets {
            if let Ok(address) = socket.local_addr() {
                info!(%address, tls = self.tls.is_some(), "listening");
            }
            let door = Door {
                router: router.clone(),
                tls: self.tls.clone(),
                connections: self.connections.clone(),
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
        watching.abort();
    }
}

/// One listening socket.
struct Door {
    router: Router,
    tls: Option<Arc<TlsFiles>>,
    connections: Arc<Connections>,
    graceful: Arc<GracefulShutdown>,
}

impl Door {
    async fn accept(self, socket: TcpListener, mut shutdown: watch::Receiver<bool>) {
        let mut complained: Option<Instant> = None;
        while !*shutdown.borrow() {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                _ = shutdown.changed() => return,
            };
            match accepted {
                Ok((stream, peer)) => self.let_in(stream, peer),
                // Gone before it was let in.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Out of file descriptors, most likely: those of quiet connections are given up.
                    self.connections.accept_failed();
                    self.connections.make_room();
                    if complained.is_none_or(|at| at.elapsed() > COMPLAIN_EVERY) {
                        warn!(%error, "cannot accept a connection");
                        complained = Some(live::instant());
                    }
                    live::wait(BREATH).await;
                }
            }
        }
    }

    fn let_in(&self, stream: TcpStream, peer: SocketAddr) {
        let Some(place) = self.connections.admit(peer) else {
            debug!(%peer, "refused, as every connection is served");
            return;
        };
        let (router, tls, watcher) = (self.router.clone(), self.tls.clone(), self.graceful.watcher());
        tokio::spawn(async move {
            let seat = place.seat().clone();
            tokio::select! {
                () = serve_connection(stream, peer, &place, router, tls, watcher) => {}
                ending = seat.told_to_end() => debug!(%peer, reason = ending.as_str(), "connection ended"),
            }
        });
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    place: &Place,
    router: Router,
    tls: Option<Arc<TlsFiles>>,
    watcher: Watcher,
) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    let Some(tls) = tls else { return serve_stream(stream, peer, Vec::new(), place, router, watcher).await };
    let (config, is_verified) = tls.config();
    let handshake = TlsAcceptor::from(config).accept(stream);
    match tokio::time::timeout(HEAD_DEADLINE, handshake).await {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let names = shown.filter(|_| is_verified).map(client_certificate::names).unwrap_or_default();
            serve_stream(stream, peer, names, place, router, watcher).await;
        }
        Ok(Err(error)) => {
            place.handshake_failed();
            debug!(%peer, %error, "TLS handshake failed");
        }
        Err(_) => {
            place.handshake_failed();
            debug!(%peer, "TLS handshake took too long");
        }
    }
}

async fn serve_stream<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    names: Vec<String>,
    place: &Place,
    router: Router,
    watcher: Watcher,
) {
    let caller = Peer { address: peer.ip().to_canonical(), names: names.into() };
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(caller.clone());
        passage::answered(router.clone(), place, request)
    });
    let socket = TokioIo::new(Socket::new(stream, place.seat().clone()));
    let server = server();
    let connection = server.serve_connection(socket, service);
    if let Err(error) = watcher.watch(connection).await {
        debug!(%peer, %error, "connection ended");
    }
}

/// What a client may cost is said here, and not left to defaults that may change.
fn server() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    // Seats know what is late: this deadline would close kept connections as well.
    server.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_BYTES_MAX);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(MISTAKES_MAX)
        .max_send_buf_size(SEND_BYTES_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    server
}
