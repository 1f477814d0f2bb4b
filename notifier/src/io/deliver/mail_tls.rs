//! How connections to mail servers are secured.

use std::sync::Arc;

use lettre::transport::smtp::client::{Certificate, CertificateStore, Identity, TlsParameters, TlsVersion as Version};
use outbound::SecretText;
use outbound::http_config::{Pem, TlsVersion};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::OnceCell;

use super::conversation::later;
use crate::receiver::Outcome;
use crate::receiver::email::EmailSettings;

/// Whom to believe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Who the settings say.
    Verified,
    /// Anybody, unless the settings say more: encryption where none is asked for.
    Opportunistic,
}

/// The authorities of the system, read once for all mail servers. Empty where there are none.
#[derive(Clone, Default)]
pub(super) struct SystemRoots(Arc<OnceCell<Vec<CertificateDer<'static>>>>);

impl SystemRoots {
    async fn get(&self) -> &[CertificateDer<'static>] {
        let load = || async {
            tokio::task::spawn_blocking(|| {
                let mut loaded = rustls_native_certs::load_native_certs().certs;
                // one that cannot be used must not spoil the others
                loaded.retain(|root| RootCertStore::empty().add(root.clone()).is_ok());
                loaded
            })
            .await
            .unwrap_or_default()
        };
        self.0.get_or_init(load).await
    }
}

/// Makes the parameters of a handshake. Certificates and keys are read anew each time.
///
/// # Errors
/// A file cannot be read or used. Worth another attempt: files change.
pub(super) async fn parameters(
    settings: &EmailSettings,
    roots: &SystemRoots,
    trust: Trust,
) -> Result<TlsParameters, Outcome> {
    let tls = &settings.tls;
    let name = tls.server_name.clone().unwrap_or_else(|| settings.smarthost.host.clone());
    let is_plain = tls.ca.is_none() && tls.server_name.is_none();
    let trusts_all = tls.insecure_skip_verify || (trust == Trust::Opportunistic && is_plain);
    let mut builder = TlsParameters::builder(name)
        .dangerous_accept_invalid_certs(trusts_all)
        .dangerous_accept_invalid_hostnames(trusts_all);
    if tls.min_version == Some(TlsVersion::Tls13) {
        builder = builder.set_min_tls_version(Version::Tlsv13);
    }
    match &tls.ca {
        Some(ca) => {
            let ca =
                Certificate::from_pem(read(ca).await?.as_bytes()).map_err(|error| unusable("the authority", error))?;
            builder = builder.certificate_store(CertificateStore::None).add_root_certificate(ca);
        }
        None if trusts_all => {}
        None => {
            let system = roots.get().await.iter().filter_map(|der| Certificate::from_der(der.to_vec()).ok());
            let mut system = system.peekable();
            if system.peek().is_some() {
                builder = builder.certificate_store(CertificateStore::None);
                builder = system.fold(builder, |builder, root| builder.add_root_certificate(root));
            }
        }
    }
    if let Some((certificate, key)) = &tls.identity {
        builder = builder.identify_with(identity(&read(certificate).await?, &read(key).await?)?);
    }
    builder.build().map_err(|error| unusable("the TLS settings", error))
}

/// Our certificate with its key. The library takes one certificate only, as DER under the name of PEM, so intermediate
/// ones are not sent.
fn identity(certificate: &str, key: &str) -> Result<Identity, Outcome> {
    let der = CertificateDer::from_pem_slice(certificate.as_bytes());
    let der = der.map_err(|error| unusable("the client certificate", error))?;
    Identity::from_pem(&der, key.as_bytes()).map_err(|error| unusable("the client key", error))
}

async fn read(pem: &Pem) -> Result<SecretText, Outcome> {
    match pem {
        Pem::Inline(secret) => secret.read().await.map_err(|error| later("other", error.to_string())),
        Pem::File(path) => tokio::fs::read_to_string(path)
            .await
            .map(SecretText::from)
            .map_err(|error| later("other", format!("cannot read {}: {error}", path.display()))),
    }
}

fn unusable(what: &str, reason: impl std::fmt::Display) -> Outcome {
    later("other", format!("cannot use {what}: {reason}"))
}
