//! TLS for listeners; settings and certificates are read again when their files change.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, anyhow};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use super::client_certificate::ClientCertificates;
use super::settings::{ClientAuth, Pem, Stamp, TlsSettings};

/// Gives each connection the configuration made from the files as they are now.
pub struct TlsFiles {
    current: Mutex<Current>,
}

/// In force.
pub struct Current {
    settings: TlsSettings,
    http1_only: bool,
    stamp: Stamp,
    config: Arc<ServerConfig>,
}

impl TlsFiles {
    /// Reads certificate, key and client authorities.
    ///
    /// # Errors
    /// A file is missing or is not what it should be.
    pub fn open(settings: TlsSettings, http1_only: bool) -> anyhow::Result<Self> {
        Ok(Self { current: Mutex::new(Current::read(settings, http1_only)?) })
    }

    /// From now on these files, for connections that come.
    pub fn adopt(&self, current: Current) {
        *self.lock() = current;
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration for the next connection, and whether certificates of clients come from an authority that is asked for.
    /// Changed files that cannot be used are logged; the old ones stay.
    pub fn config(&self) -> (Arc<ServerConfig>, bool) {
        let mut current = self.lock();
        let stamp = stamp(&current.settings);
        if stamp != current.stamp {
            current.stamp = stamp;
            match build(&current.settings, current.http1_only) {
                Ok(config) => current.config = Arc::new(config),
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "changed TLS files cannot be used, the old ones stay")
                }
            }
        }
        (current.config.clone(), current.settings.client_auth.is_verified())
    }
}

impl Current {
    /// Reads certificate, key and client authorities.
    ///
    /// # Errors
    /// A file is missing or is not what it should be.
    pub fn read(settings: TlsSettings, http1_only: bool) -> anyhow::Result<Self> {
        let config = Arc::new(build(&settings, http1_only)?);
        Ok(Self { stamp: stamp(&settings), settings, http1_only, config })
    }
}

fn stamp(settings: &TlsSettings) -> Stamp {
    let files = [Some(&settings.certificate), Some(&settings.key), settings.client_authorities.as_ref()];
    Stamp::of(files.into_iter().flatten().filter_map(Pem::path))
}

fn build(settings: &TlsSettings, http1_only: bool) -> anyhow::Result<ServerConfig> {
    let provider = Arc::new(provider(settings));
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions(settings))
        .context("tls_server_config: the cipher suites do not fit the versions")?;
    let builder = match settings.client_auth {
        ClientAuth::None => builder.with_no_client_auth(),
        auth => {
            let authorities = settings.client_authorities.as_ref().filter(|_| auth.is_verified());
            let chain = authorities.map(|authorities| chain_verifier(authorities, &provider)).transpose()?;
            let sans = settings.client_allowed_sans.clone();
            builder.with_client_cert_verifier(Arc::new(ClientCertificates::new(chain, auth, sans, provider)))
        }
    };
    let key = read_key(&settings.key)?;
    let mut config = builder
        .with_single_cert(certificates(&settings.certificate)?, key)
        .with_context(|| format!("{:?}: certificate and key do not belong together", settings.certificate))?;
    config.ignore_client_order = !settings.client_order;
    config.alpn_protocols =
        if http1_only { vec![b"http/1.1".to_vec()] } else { vec![b"h2".to_vec(), b"http/1.1".to_vec()] };
    Ok(config)
}

/// The suites and curves asked for, in their order.
fn provider(settings: &TlsSettings) -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    if !settings.cipher_suites.is_empty() {
        let place = |suite| settings.cipher_suites.iter().position(|wanted| *wanted == suite);
        // The list is for TLS 1.2; TLS 1.3 has only good ones.
        provider.cipher_suites.retain(|suite| suite.tls13().is_some() || place(suite.suite()).is_some());
        provider.cipher_suites.sort_by_key(|suite| place(suite.suite()));
    }
    if !settings.curves.is_empty() {
        let place = |group| settings.curves.iter().position(|wanted| *wanted == group);
        provider.kx_groups.retain(|group| place(group.name()).is_some());
        provider.kx_groups.sort_by_key(|group| place(group.name()));
    }
    provider
}

fn versions(settings: &TlsSettings) -> &'static [&'static SupportedProtocolVersion] {
    static TLS12: [&SupportedProtocolVersion; 1] = [&version::TLS12];
    static TLS13: [&SupportedProtocolVersion; 1] = [&version::TLS13];
    match (settings.tls12_only, settings.tls13_only) {
        (true, _) => &TLS12,
        (_, true) => &TLS13,
        (false, false) => rustls::ALL_VERSIONS,
    }
}

fn chain_verifier(
    authorities: &Pem,
    provider: &Arc<CryptoProvider>,
) -> anyhow::Result<Arc<dyn rustls::server::danger::ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authorities)? {
        roots.add(certificate).with_context(|| format!("{authorities:?}: not an authority"))?;
    }
    Ok(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?)
}

fn read_key(key: &Pem) -> anyhow::Result<PrivateKeyDer<'static>> {
    match key {
        Pem::File(path) => PrivateKeyDer::from_pem_file(path),
        Pem::Inline(text) => PrivateKeyDer::from_pem_slice(text.as_bytes()),
    }
    .map_err(|error| anyhow!("{key:?}: {error}"))
}

fn certificates(pem: &Pem) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let text = match pem {
        Pem::File(path) => read(path)?,
        Pem::Inline(text) => text.clone().into_bytes(),
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| anyhow!("{pem:?}: {error}"))?;
    if chain.is_empty() {
        return Err(anyhow!("{pem:?}: no PEM certificate inside"));
    }
    Ok(chain)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
