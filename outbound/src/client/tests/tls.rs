//! Who is trusted, and who we are, on real handshakes.

use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::server::{Asked, answer, serve};
use super::*;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a name, with its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// A server with a certificate for `name`; it asks for one of ours if `clients` is given.
async fn start(authority: &Authority, name: &str, clients: Option<&Authority>) -> u16 {
    start_with(authority, name, clients, |_| answer(200, "secure")).await
}

async fn start_with(
    authority: &Authority,
    name: &str,
    clients: Option<&Authority>,
    reply: impl Fn(&Asked) -> String + Send + Sync + 'static,
) -> u16 {
    let reply = Arc::new(reply);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (cert, key) = authority.issue(name);
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
    let config = builder.with_single_cert(vec![cert], PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, reply) = (acceptor.clone(), reply.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                serve(stream, &Mutex::new(Vec::new()), &*reply).await;
            });
        }
    });
    port
}

fn tls(tls: TlsConfig) -> Result<HttpClient, SendError> {
    HttpClient::new(&HttpConfig { tls, ..HttpConfig::default() }, Limits::default())
}

use crate::http_config::{Pem, TlsConfig, TlsVersion};

fn inline(pem: String) -> Pem {
    Pem::Inline(Secret::inline(pem))
}

async fn get(client: &HttpClient, host: &str, port: u16) -> Result<Bytes, SendError> {
    let url = format!("https://{host}:{port}/");
    client.send(post(url), DEADLINE, NOW).await.map(|response| response.body)
}

#[tokio::test]
async fn only_the_given_authority_and_name_are_trusted() {
    let authority = Authority::new();
    let port = start(&authority, "localhost", None).await;
    let ca = || Some(inline(authority.pem()));
    let trusting = tls(TlsConfig { ca: ca(), ..TlsConfig::default() }).unwrap();
    assert_eq!(get(&trusting, "localhost", port).await.unwrap(), "secure");
    let wrong_name = get(&trusting, "127.0.0.1", port).await.unwrap_err();
    assert_eq!(wrong_name.kind, SendErrorKind::Tls, "{wrong_name}");
    let named = TlsConfig { ca: ca(), server_name: Some("localhost".to_owned()), ..TlsConfig::default() };
    assert_eq!(get(&tls(named).unwrap(), "127.0.0.1", port).await.unwrap(), "secure");
    let stranger = TlsConfig { ca: Some(inline(Authority::new().pem())), ..TlsConfig::default() };
    let unknown = get(&tls(stranger).unwrap(), "localhost", port).await.unwrap_err();
    assert_eq!(unknown.kind, SendErrorKind::Tls, "{unknown}");
    let system = get(&tls(TlsConfig::default()).unwrap(), "localhost", port).await.unwrap_err();
    assert_eq!(system.kind, SendErrorKind::Tls, "{system}");
    let skipping = TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() };
    assert_eq!(get(&tls(skipping).unwrap(), "127.0.0.1", port).await.unwrap(), "secure");
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let only =
            TlsConfig { ca: ca(), min_version: Some(version), max_version: Some(version), ..TlsConfig::default() };
        assert_eq!(get(&tls(only).unwrap(), "localhost", port).await.unwrap(), "secure");
    }
}

#[tokio::test]
async fn our_certificate_is_shown_and_rotated_without_a_new_client() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let port = start(&authority, "localhost", Some(&clients)).await;
    let folder = tempfile::tempdir().unwrap();
    let (cert_file, key_file) = (folder.path().join("cert"), folder.path().join("key"));
    let write = |(cert, key): (String, String)| {
        std::fs::write(&cert_file, cert).unwrap();
        std::fs::write(&key_file, key).unwrap();
    };
    write(Authority::new().issue("stranger"));
    let identity = Some((Pem::File(cert_file.clone()), Pem::File(key_file.clone())));
    let config = TlsConfig { ca: Some(inline(authority.pem())), identity, ..TlsConfig::default() };
    let client = tls(config).unwrap();
    assert!(get(&client, "localhost", port).await.is_err());
    write(clients.issue("us"));
    assert_eq!(get(&client, "localhost", port).await.unwrap(), "secure");
}

#[test]
fn unusable_certificates_are_found_when_the_client_is_made() {
    let missing = TlsConfig { ca: Some(Pem::File("/nowhere/ca.pem".into())), ..TlsConfig::default() };
    let error = tls(missing).unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Secret);
    assert!(error.to_string().starts_with("cannot read /nowhere/ca.pem: "), "{error}");
    let nonsense = TlsConfig { ca: Some(inline("hunter2".to_owned())), ..TlsConfig::default() };
    let error = tls(nonsense).unwrap_err().to_string();
    assert_eq!(error, "cannot use the certificate authority: there is no certificate in it");
    let (cert, _) = Authority::new().issue("a");
    let identity = Some((inline(cert), inline("hunter2".to_owned())));
    let error = tls(TlsConfig { identity, ..TlsConfig::default() }).unwrap_err().to_string();
    assert_eq!(error, "cannot use the client key: it is no PEM private key");
}

/// A client that trusts an authority and is otherwise configured so.
fn trusting(authority: &Authority, text: &str, guard: &Arc<Guard>) -> HttpClient {
    let mut config = config(text);
    config.tls.ca = Some(inline(authority.pem()));
    HttpClient::guarded(&config, Limits::default(), guard).unwrap()
}

#[tokio::test]
async fn nothing_secret_goes_from_https_to_http() {
    let authority = Authority::new();
    let open = Server::start(|_| answer(200, "in the clear")).await;
    let target = open.url("/");
    let lead = move |request: &Asked| {
        let status = request.path().trim_start_matches('/');
        format!("HTTP/1.1 {status} X\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n")
    };
    let port = start_with(&authority, "localhost", None, lead).await;
    let token = start(&authority, "localhost", None).await;
    let get = |path: &str, user: &str| {
        let url = format!("https://{user}localhost:{port}/{path}");
        Request { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new() }
    };
    let own = |name: &'static str| {
        let mut request = get("302", "");
        request.headers.insert(name, HeaderValue::from_static("hunter2"));
        request
    };
    let cases = [
        ("basic_auth: {username: u, password: hunter2}", get("302", "")),
        ("authorization: {credentials: hunter2}", get("307", "")),
        ("http_headers: {X-Key: {secrets: [hunter2]}}", get("302", "")),
        ("http_headers: {X-Key: {values: [hunter2]}}", get("302", "")),
        ("{}", get("302", "u:hunter2@")),
        ("{}", own("authorization")),
        ("{}", own("cookie")),
        ("{}", post(format!("https://localhost:{port}/302"))),
        ("{}", post(format!("https://localhost:{port}/308"))),
    ];
    let guard = Arc::default();
    let count = cases.len() as u64;
    for (text, request) in cases {
        let error = trusting(&authority, text, &guard).send(request, DEADLINE, NOW).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::Redirect, "{text}: {error}");
        let message = error.to_string();
        assert!(message.starts_with("a redirect from https to http was refused"), "{text}: {message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
    assert_eq!(guard.refusals().redirects, count);
    assert!(open.requests().is_empty(), "{:?}", open.requests());
    // a question that says nothing about us may be asked there
    let answered = trusting(&authority, "{}", &guard).send(get("302", ""), DEADLINE, NOW).await.unwrap();
    assert_eq!(&*answered.body, b"in the clear");
    // tokens are fetched with credentials
    let oauth2 = format!(
        "oauth2: {{client_id: i, client_secret: hunter2, token_url: 'https://localhost:{port}/307', tls_config: {{insecure_skip_verify: true}}}}"
    );
    let url = format!("https://localhost:{token}/");
    let error = trusting(&authority, &oauth2, &guard).send(post(url), DEADLINE, NOW).await.unwrap_err();
    assert_eq!((error.kind, guard.refusals().redirects), (SendErrorKind::Redirect, count + 1), "{error}");
    assert_eq!(open.requests().len(), 1);
}
