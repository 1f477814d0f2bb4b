//! TLS for listeners; certificates are read again when their files change.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, anyhow};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::settings::{ClientAuth, TlsSettings};

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

/// When the files were last changed.
type Stamp = Vec<Option<SystemTime>>;

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

    /// The configuration for the next connection. Changed files that cannot be used are logged; the old ones stay.
    pub fn config(&self) -> Arc<ServerConfig> {
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
        current.config.clone()
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
    let changed = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let files = [Some(&settings.cert_file), Some(&settings.key_file), settings.client_ca_file.as_ref()];
    files.into_iter().flatten().map(|path| changed(path)).collect()
}

fn build(settings: &TlsSettings, http1_only: bool) -> anyhow::Result<ServerConfig> {
    let versions: &[_] = if settings.tls13_only { &[&rustls::version::TLS13] } else { rustls::ALL_VERSIONS };
    let builder = ServerConfig::builder_with_protocol_versions(versions);
    let builder = match (settings.client_auth, &settings.client_ca_file) {
        (ClientAuth::None, _) => builder.with_no_client_auth(),
        (auth, Some(path)) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).with_context(|| format!("{}: not an authority", path.display()))?;
            }
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
            let verifier = if auth == ClientAuth::IfGiven { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(verifier.build()?)
        }
        (_, None) => return Err(anyhow!("client_auth_type asks for certificates, but client_ca_file is missing")),
    };
    let key = PrivateKeyDer::from_pem_file(&settings.key_file)
        .map_err(|error| anyhow!("{}: {error}", settings.key_file.display()))?;
    let mut config = builder
        .with_single_cert(certificates(&settings.cert_file)?, key)
        .with_context(|| format!("{}: certificate and key do not belong together", settings.cert_file.display()))?;
    config.alpn_protocols =
        if http1_only { vec![b"http/1.1".to_vec()] } else { vec![b"h2".to_vec(), b"http/1.1".to_vec()] };
    Ok(config)
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_reader_iter(BufReader::new(file)).collect();
    let chain = chain.map_err(|error| anyhow!("{}: {error}", path.display()))?;
    if chain.is_empty() {
        return Err(anyhow!("{}: no PEM certificate inside", path.display()));
    }
    Ok(chain)
}
