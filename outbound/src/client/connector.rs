//! What a connection is made with: certificates, authorities, proxies.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{NoProxy, Proxy};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::{SendError, SendErrorKind};
use crate::guard::Guard;
use crate::http_config::{Pem, ProxyConfig, ProxyServer, TlsConfig, TlsVersion};
use crate::secret::{Secret, SecretText};

/// The PEM texts a [`TlsConfig`] names, as they were when read.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TlsMaterial {
    ca: Option<SecretText>,
    identity: Option<(SecretText, SecretText)>,
}

impl TlsMaterial {
    /// Whether a configuration names no PEM text.
    pub(crate) fn is_none(tls: &TlsConfig) -> bool {
        tls.ca.is_none() && tls.identity.is_none()
    }

    /// Reads everything anew.
    pub(crate) async fn read(tls: &TlsConfig) -> Result<TlsMaterial, SendError> {
        let ca = match &tls.ca {
            Some(pem) => Some(read(pem).await?),
            None => None,
        };
        let identity = match &tls.identity {
            Some((cert, key)) => Some((read(cert).await?, read(key).await?)),
            None => None,
        };
        Ok(TlsMaterial { ca, identity })
    }

    /// The same before there is a runtime.
    pub(crate) fn read_blocking(tls: &TlsConfig) -> Result<TlsMaterial, SendError> {
        let read = |pem: &Pem| match pem {
            Pem::Inline(Secret::Inline(text)) => Ok(text.clone()),
            Pem::Inline(Secret::File(path)) | Pem::File(path) => {
                std::fs::read_to_string(path).map(SecretText::from).map_err(|error| unreadable(path, &error))
            }
        };
        let ca = tls.ca.as_ref().map(read).transpose()?;
        let identity = match &tls.identity {
            Some((cert, key)) => Some((read(cert)?, read(key)?)),
            None => None,
        };
        Ok(TlsMaterial { ca, identity })
    }
}

async fn read(pem: &Pem) -> Result<SecretText, SendError> {
    match pem {
        Pem::Inline(secret) => Ok(secret.read().await?),
        Pem::File(path) => {
            tokio::fs::read_to_string(path).await.map(SecretText::from).map_err(|error| unreadable(path, &error))
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> SendError {
    SendError::new(SendErrorKind::Secret, format!("cannot read {}: {error}", path.display()))
}

fn unusable(what: &str, reason: impl std::fmt::Display) -> SendError {
    SendError::new(SendErrorKind::Secret, format!("cannot use {what}: {reason}"))
}

/// The rustls configuration of a client.
pub(crate) fn client_config(tls: &TlsConfig, material: &TlsMaterial, http2: bool) -> Result<ClientConfig, SendError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(tls))
        .map_err(|error| unusable("the TLS versions", error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier(tls, material, provider)?);
    let mut config = match &material.identity {
        Some((cert, key)) => builder
            .with_client_auth_cert(certificates("the client certificate", cert)?, private_key(key)?)
            .map_err(|error| unusable("the client certificate with its key", error))?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(config)
}

/// Secures a connection that carries no HTTP. Certificates and keys are read anew; the server must be who `server_name` says,
/// `host` where it says nothing.
///
/// # Errors
/// A certificate or key cannot be read or used (kind `Secret`), the name is none, or the handshake fails.
pub async fn secured<S>(tls: &TlsConfig, host: &str, stream: S) -> Result<TlsStream<S>, SendError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut config = client_config(tls, &TlsMaterial::read(tls).await?, false)?;
    config.alpn_protocols = Vec::new();
    let name = ServerName::try_from(tls.server_name.as_deref().unwrap_or(host).to_owned());
    let name = name.map_err(|error| unusable("the server's name", error))?;
    let secured = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    secured.map_err(|error| SendError::new(SendErrorKind::Tls, error.to_string()))
}

fn versions(tls: &TlsConfig) -> Vec<&'static SupportedProtocolVersion> {
    let known = [(TlsVersion::Tls12, &rustls::version::TLS12), (TlsVersion::Tls13, &rustls::version::TLS13)];
    let allowed = |version: &TlsVersion| {
        tls.min_version.is_none_or(|min| *version >= min) && tls.max_version.is_none_or(|max| *version <= max)
    };
    known.into_iter().filter(|(version, _)| allowed(version)).map(|(_, supported)| supported).collect()
}

fn certificates(what: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, SendError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.map_err(|error| unusable(what, error))?;
    if found.is_empty() { Err(unusable(what, "there is no certificate in it")) } else { Ok(found) }
}

fn private_key(pem: &str) -> Result<PrivateKeyDer<'static>, SendError> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| unusable("the client key", "it is no PEM private key"))
}

fn verifier(
    tls: &TlsConfig,
    material: &TlsMaterial,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, SendError> {
    if tls.insecure_skip_verify {
        return Ok(Arc::new(ServerCheck { expected: Expected::Anything, provider }));
    }
    let roots = match &material.ca {
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("the certificate authority", pem)? {
                roots.add(certificate).map_err(|error| unusable("the certificate authority", error))?;
            }
            Arc::new(roots)
        }
        None => system_roots(),
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
        .build()
        .map_err(|error| unusable("the certificate authority", error))?;
    match &tls.server_name {
        None => Ok(verifier),
        Some(name) => {
            let name = ServerName::try_from(name.clone()).map_err(|error| unusable("server_name", error))?;
            Ok(Arc::new(ServerCheck { expected: Expected::Name(name, verifier), provider }))
        }
    }
}

/// The authorities of the system; Mozilla's where there are none, as in an empty container image. Read once: it takes
/// milliseconds and every client needs them.
fn system_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let load = || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Arc::new(roots)
    };
    ROOTS.get_or_init(load).clone()
}

/// What a server's certificate must be for the settings that rustls itself does not have.
#[derive(Debug)]
enum Expected {
    /// Issued for this name instead of the host's. (The name in the TLS greeting is still the host's: the HTTP library
    /// offers no way to change it.)
    Name(ServerName<'static>, Arc<WebPkiServerVerifier>),
    /// `insecure_skip_verify`: any will do.
    Anything,
}

/// Checks servers' certificates; whatever is expected of them, the handshake must be signed with their key.
#[derive(Debug)]
struct ServerCheck {
    expected: Expected,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ServerCheck {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _host: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.expected {
            Expected::Name(name, verifier) => {
                verifier.verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
            }
            Expected::Anything => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Never reached through a proxy once there is a list of exceptions, as with Go's client.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// The proxies of a client.
pub(crate) fn proxies(config: &ProxyConfig) -> Result<Vec<Proxy>, SendError> {
    let headers = connect_headers(config)?;
    let bad = |_| SendError::new(SendErrorKind::Url, "the proxy URL cannot be used");
    let except = |list: &str| NoProxy::from_string(&format!("{LOOPBACK},{list}"));
    let proxies = match &config.server {
        ProxyServer::Direct => Vec::new(),
        ProxyServer::Url(Secret::Inline(url)) => {
            let proxy = Proxy::all(crate::http_config::proxy_with_scheme(url)).map_err(bad)?;
            let list = if config.no_proxy.is_empty() { None } else { except(&config.no_proxy) };
            vec![proxy.no_proxy(list)]
        }
        ProxyServer::Url(Secret::File(_)) => return Err(unusable("proxy_url", "it cannot be in a file")),
        ProxyServer::Environment => {
            let list = environment("NO_PROXY").unwrap_or_default();
            let mut proxies = Vec::new();
            if let Some(url) = environment("HTTPS_PROXY") {
                let proxy = Proxy::https(crate::http_config::proxy_with_scheme(&url)).map_err(bad)?;
                proxies.push(proxy.no_proxy(except(&list)));
            }
            if let Some(url) = environment("HTTP_PROXY") {
                let proxy = Proxy::http(crate::http_config::proxy_with_scheme(&url)).map_err(bad)?;
                proxies.push(proxy.no_proxy(except(&list)));
            }
            proxies
        }
    };
    Ok(proxies
        .into_iter()
        .map(|proxy| if headers.is_empty() { proxy } else { proxy.headers(headers.clone()) })
        .collect())
}

/// Whether requests may go through a proxy.
pub(crate) fn is_proxied(config: &ProxyConfig) -> bool {
    !addresses(config).is_empty()
}

/// The addresses of the proxies, which may hold credentials.
fn addresses(config: &ProxyConfig) -> Vec<String> {
    match &config.server {
        ProxyServer::Direct | ProxyServer::Url(Secret::File(_)) => Vec::new(),
        ProxyServer::Url(Secret::Inline(url)) => vec![crate::http_config::proxy_with_scheme(url)],
        ProxyServer::Environment => {
            let urls = ["HTTPS_PROXY", "HTTP_PROXY"].into_iter().filter_map(environment);
            urls.map(|url| crate::http_config::proxy_with_scheme(&url)).collect()
        }
    }
}

/// Whether the proxies may be reached.
///
/// # Errors
/// One may not.
pub(crate) fn check_proxies(config: &ProxyConfig, guard: &Guard) -> Result<(), SendError> {
    for address in addresses(config) {
        let url = reqwest::Url::parse(&address);
        let url = url.map_err(|_| SendError::new(SendErrorKind::Url, "the proxy URL cannot be used"))?;
        let port = url.port_or_known_default().unwrap_or(SOCKS_PORT);
        guard.check(url.host_str().unwrap_or_default(), port, false)?;
    }
    Ok(())
}

/// Where a SOCKS proxy listens if its address does not say.
const SOCKS_PORT: u16 = 1080;

/// A variable by its upper-case or lower-case name.
fn environment(name: &str) -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    set(name).or_else(|| set(&name.to_lowercase()))
}

fn connect_headers(config: &ProxyConfig) -> Result<HeaderMap, SendError> {
    let mut headers = HeaderMap::new();
    for (name, values) in &config.connect_headers {
        let bad = || unusable("proxy_connect_header", "it has a name or value that no header can carry");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        for value in values {
            let Secret::Inline(text) = value else { return Err(bad()) };
            let mut value = HeaderValue::from_str(text).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.append(name.clone(), value);
        }
    }
    Ok(headers)
}
