//! What requests may not do, whoever asks for them: reach a host that is not allowed, or carry what proves who we are from
//! https to http. Counts what was refused.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use reqwest::dns::{Addrs, Resolve, Resolving};

use crate::allowed_hosts::{AllowedHosts, Standing};
use crate::client::{SendError, SendErrorKind};

/// Shared by the clients of a process, also over a reload.
#[derive(Debug, Default)]
pub struct Guard {
    allowed: Option<AllowedHosts>,
    hosts: AtomicU64,
    redirects: AtomicU64,
}

/// What was refused since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// Connections to hosts that are not allowed.
    pub hosts: u64,
    /// Redirects from https to http of requests with credentials or a body.
    pub redirects: u64,
}

/// A host that may not be reached.
#[derive(Clone, Debug)]
pub struct NotAllowed {
    /// Host and port, or the host alone where no port is known.
    pub place: String,
    reason: &'static str,
}

const NOT_LISTED: &str = "is not among the allowed hosts";
const NO_ADDRESS: &str = "has no address in the networks among the allowed hosts";
const BY_PROXY: &str =
    "is reached through a proxy, which resolves its name, so it would have to be among the allowed hosts by name";

impl Guard {
    /// Allows these hosts only; all, without a list.
    pub fn new(allowed: Option<AllowedHosts>) -> Arc<Guard> {
        Arc::new(Guard { allowed, ..Guard::default() })
    }

    /// Whether a host may be reached as far as its name tells; for a proxy's client nothing else can be asked later.
    ///
    /// # Errors
    /// It may not.
    pub fn check(&self, host: &str, port: u16, is_proxied: bool) -> Result<(), NotAllowed> {
        let Some(allowed) = &self.allowed else { return Ok(()) };
        match (allowed.judge(host, port), is_proxied) {
            (Standing::Allowed, _) | (Standing::ByAddress, false) => Ok(()),
            (Standing::ByAddress, true) => Err(self.refuse(host, Some(port), BY_PROXY)),
            (Standing::Refused, _) => Err(self.refuse(host, Some(port), NOT_LISTED)),
        }
    }

    /// Whether a host that stands in a configuration can ever be reached. Counts nothing.
    pub fn knows(&self, host: &str, port: u16) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.judge(host, port) != Standing::Refused)
    }

    /// Whether every host may be reached.
    pub fn allows_all(&self) -> bool {
        self.allowed.is_none()
    }

    /// The addresses of a host that may be connected to. Whoever connects to these and no others cannot be led elsewhere by
    /// a name that resolves differently the next time.
    ///
    /// # Errors
    /// None may be, or the name cannot be resolved.
    pub async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.check(host, port, false).map_err(io::Error::other)?;
        self.addresses(host, port).await
    }

    async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let found = tokio::net::lookup_host((host, port)).await?;
        let Some(allowed) = self.allowed.as_ref().filter(|allowed| !allowed.trusts_name(host)) else {
            return Ok(found.collect());
        };
        let is_literal = allowed.judge(host, port) == Standing::Allowed;
        let found: Vec<SocketAddr> = found.filter(|address| is_literal || allowed.has(address.ip())).collect();
        if found.is_empty() {
            return Err(io::Error::other(self.refuse(host, None, NO_ADDRESS)));
        }
        Ok(found)
    }

    /// What was refused so far.
    pub fn refusals(&self) -> Refusals {
        Refusals { hosts: self.hosts.load(Ordering::Relaxed), redirects: self.redirects.load(Ordering::Relaxed) }
    }

    pub(crate) fn refused_redirect(&self) {
        self.redirects.fetch_add(1, Ordering::Relaxed);
    }

    fn refuse(&self, host: &str, port: Option<u16>, reason: &'static str) -> NotAllowed {
        self.hosts.fetch_add(1, Ordering::Relaxed);
        NotAllowed { place: port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")), reason }
    }
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (--receiver.allowed-hosts)", self.place, self.reason)
    }
}

impl std::error::Error for NotAllowed {}

impl From<NotAllowed> for SendError {
    fn from(refused: NotAllowed) -> SendError {
        SendError::new(SendErrorKind::NotAllowed, refused.to_string())
    }
}

/// Resolves names for clients to addresses that are allowed.
#[derive(Clone)]
pub(crate) struct GuardedResolver(pub(crate) Arc<Guard>);

type Resolved = io::Result<std::vec::IntoIter<SocketAddr>>;

impl GuardedResolver {
    async fn resolve(self, name: String) -> Resolved {
        Ok(self.0.addresses(&name, 0).await?.into_iter())
    }
}

impl tower::Service<Name> for GuardedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Resolved> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().resolve(name.as_str().to_owned()))
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> Resolving {
        let resolving = self.clone().resolve(name.as_str().to_owned());
        Box::pin(async move { Ok(Box::new(resolving.await?) as Addrs) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(entries: &[&str]) -> Arc<Guard> {
        Guard::new(Some(AllowedHosts::new(entries.iter().map(|entry| entry.parse().unwrap()).collect())))
    }

    #[tokio::test]
    async fn a_name_is_resolved_to_what_is_allowed_only() {
        let listed = guard(&["localhost"]);
        assert!(!listed.resolve("localhost", 80).await.unwrap().is_empty());
        let near = guard(&["127.0.0.0/8", "::1"]);
        assert!(!near.resolve("localhost", 80).await.unwrap().is_empty());
        let far = guard(&["192.0.2.0/24"]);
        let error = far.resolve("localhost", 80).await.unwrap_err().to_string();
        assert_eq!(
            error,
            "localhost has no address in the networks among the allowed hosts (--receiver.allowed-hosts)"
        );
        let error = listed.resolve("127.0.0.1", 80).await.unwrap_err().to_string();
        assert_eq!(error, "127.0.0.1:80 is not among the allowed hosts (--receiver.allowed-hosts)");
        assert_eq!((far.refusals().hosts, listed.refusals().hosts, near.refusals().hosts), (1, 1, 0));
        assert!(!guard(&["127.0.0.1:80"]).resolve("127.0.0.1", 80).await.unwrap().is_empty());
        assert!(!Guard::new(None).resolve("127.0.0.1", 80).await.unwrap().is_empty());
    }

    #[test]
    fn behind_a_proxy_only_names_and_addresses_tell() {
        let networks = guard(&["10.0.0.0/8"]);
        assert!(networks.check("a.example", 443, false).is_ok());
        assert!(networks.check("10.0.0.1", 443, true).is_ok());
        let refused = networks.check("a.example", 443, true).unwrap_err().to_string();
        assert!(refused.starts_with("a.example:443 is reached through a proxy"), "{refused}");
    }
}
