//! Mail servers that ask who we are by a certificate.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::*;
use super::http::configured;
use super::mail::converse;
use crate::rendering::sample::t;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for a name, and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// A mail server that only talks to those with a certificate of `clients`.
async fn server(authority: &Authority, clients: &Authority) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(clients.0.pem().as_bytes()).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let (cert, key) = authority.issue("mail.test");
    let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![cert], PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            tokio::spawn(converse(stream, &[], Arc::default()));
        }
    });
    address
}

#[tokio::test]
async fn our_certificate_is_shown_and_rotated() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let address = server(&authority, &authority).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |authority: &Authority| {
        let (cert, key) = authority.issue("watch.test");
        std::fs::write(path("cert.pem"), cert).unwrap();
        std::fs::write(path("key.pem"), key).unwrap();
    };
    std::fs::write(path("ca.pem"), authority.0.pem()).unwrap();
    let trust = format!("ca_file: {}, server_name: mail.test", path("ca.pem"));
    let shown = format!("{trust}, cert_file: {}, key_file: {}", path("cert.pem"), path("key.pem"));
    let attempt = async |tls: &str| {
        let section = "  email_configs: [{to: a@b.c, from: d@e.f, smarthost: '{sink}', force_implicit_tls: true, \
                       tls_config: {TLS}}]";
        let (deliverer, delivery) = configured(&section.replace("TLS", tls), &address);
        deliverer.deliver(&delivery, t(600.0), Duration::from_secs(5)).await
    };
    write(&authority);
    assert_eq!(attempt(&shown).await, Outcome::Delivered);
    for (tls, wanted) in [(trust.as_str(), "alert"), (shown.as_str(), "alert")] {
        write(&strangers);
        let outcome = attempt(tls).await;
        let Outcome::Retry { message, .. } = &outcome else { panic!("{outcome:?}") };
        assert!(message.to_lowercase().contains(wanted), "{message}");
    }
    write(&authority);
    assert_eq!(attempt(&shown).await, Outcome::Delivered, "read anew");
    std::fs::write(path("key.pem"), "nonsense").unwrap();
    let outcome = attempt(&shown).await;
    assert!(matches!(&outcome, Outcome::Retry { message, .. } if message.contains("client key")), "{outcome:?}");
}
