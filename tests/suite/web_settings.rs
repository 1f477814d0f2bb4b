//! `--web.config.file` of a running notifier: who comes in with which certificate, and what changes while it runs.

use std::path::Path;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client, Identity, StatusCode};

use crate::conditions::eventually;
use crate::peers::{Process, free_port, watchfire};

const SOON: Duration = Duration::from_secs(60);

/// An authority with a certificate of its own making for a server and for clients.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for a name, and its key, as PEM.
    pub fn sign(&self, name: &str) -> (String, String) {
        self.sign_with(CertificateParams::new(vec![name.to_owned()]).unwrap())
    }

    pub fn sign_with(&self, params: CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// As PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    fn identity(&self, name: &str) -> Identity {
        let (certificate, key) = self.sign(name);
        Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap()
    }

    fn client(&self, identity: Option<Identity>) -> Client {
        watchfire::install_crypto();
        let root = Certificate::from_pem(self.0.pem().as_bytes()).unwrap();
        // Each request a handshake of its own: the files are read at each.
        let builder = Client::builder().no_proxy().timeout(SOON).pool_max_idle_per_host(0).tls_certs_only([root]);
        match identity {
            Some(identity) => builder.identity(identity),
            None => builder,
        }
        .build()
        .unwrap()
    }
}

/// A notifier whose web configuration is in `folder`.
struct Guarded {
    url: String,
    process: Process,
}

impl Guarded {
    fn start(folder: &Path, scheme: &str) -> Self {
        let port = free_port();
        std::fs::write(folder.join("alertmanager.yml"), "route: {receiver: r}\nreceivers: [{name: r}]\n").unwrap();
        let process = watchfire(&[
            "notifier".to_owned(),
            format!("--web.listen-address=127.0.0.1:{port}"),
            format!("--config.file={}", folder.join("alertmanager.yml").display()),
            format!("--web.config.file={}", folder.join("web.yml").display()),
            "--storage.path=".to_owned(),
        ]);
        Self { url: format!("{scheme}://localhost:{port}/-/healthy"), process }
    }

    async fn status(&self, client: &Client) -> Result<StatusCode, reqwest::Error> {
        client.get(&self.url).send().await.map(|answer| answer.status())
    }

    /// Until it listens; what it says then does not matter.
    async fn listening(&self) {
        let address = self.url.split('/').nth(2).unwrap().to_owned();
        eventually("it listens", SOON, || async { tokio::net::TcpStream::connect(&address).await.ok() }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_comes_in_with_the_certificate_that_is_asked_for() {
    let (ours, others) = (Authority::new(), Authority::new());
    let (certificate, key) = ours.sign("localhost");
    let clients = [
        ours.client(None),
        ours.client(Some(others.identity("prometheus.example.org"))),
        ours.client(Some(ours.identity("prometheus.example.org"))),
        ours.client(Some(ours.identity("grafana.example.org"))),
    ];
    // Who comes in: without a certificate, with one of others, with ours, with ours of another name.
    let sans = "client_allowed_sans: [prometheus.example.org]";
    let cases = [
        ("client_auth_type: NoClientCert".to_owned(), [true, true, true, true]),
        ("client_auth_type: RequestClientCert".to_owned(), [true, true, true, true]),
        ("client_auth_type: RequireAnyClientCert".to_owned(), [false, true, true, true]),
        (format!("client_auth_type: RequireAnyClientCert, {sans}"), [false, true, true, false]),
        ("client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem".to_owned(), [true, false, true, true]),
        ("client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem".to_owned(), [false, false, true, true]),
        (
            format!("client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, {sans}"),
            [false, false, true, false],
        ),
        (
            format!("client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, {sans}, max_version: TLS12"),
            [false, false, true, false],
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cert.pem"), certificate).unwrap();
    std::fs::write(folder.path().join("key.pem"), key).unwrap();
    std::fs::write(folder.path().join("ca.pem"), ours.0.pem()).unwrap();
    for (asked, expected) in cases {
        let text = format!("tls_server_config: {{cert_file: cert.pem, key_file: key.pem, {asked}}}\n");
        std::fs::write(folder.path().join("web.yml"), text).unwrap();
        let server = Guarded::start(folder.path(), "https");
        server.listening().await;
        for (client, expected) in clients.iter().zip(expected) {
            let got = server.status(client).await;
            assert_eq!(got.as_ref().is_ok_and(StatusCode::is_success), expected, "{asked}: {got:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_users_and_headers_change_while_it_runs() {
    let (first, second) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let put = |authority: &Authority| {
        let (certificate, key) = authority.sign("localhost");
        write("key.pem", &key);
        write("cert.pem", &certificate);
    };
    let web = |user: &str| {
        let hash = bcrypt::hash("sesame", 4).unwrap();
        write(
            "web.yml",
            &format!(
                "tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\nhttp_server_config: {{headers: {{X-Frame-Options: deny}}}}\nbasic_auth_users: {{{user}: {hash}}}\n"
            ),
        );
    };
    put(&first);
    web("ali");
    let server = Guarded::start(folder.path(), "https");
    server.listening().await;
    let ask = async |authority: &Authority, user: &str| {
        let answer = authority.client(None).get(&server.url).basic_auth(user, Some("sesame")).send().await?;
        let frame = answer.headers().get("x-frame-options").map(|value| value.to_str().unwrap().to_owned());
        Ok::<_, reqwest::Error>((answer.status().as_u16(), frame))
    };
    let framed = |status: u16| (status, Some("deny".to_owned()));
    assert_eq!(ask(&first, "ali").await.unwrap(), framed(200));
    assert_eq!(ask(&first, "baba").await.unwrap(), framed(401));
    web("baba");
    eventually("baba comes in", SOON, || async { (ask(&first, "baba").await.unwrap() == framed(200)).then_some(()) })
        .await;
    assert_eq!(ask(&first, "ali").await.unwrap(), framed(401));
    put(&second);
    assert!(ask(&first, "baba").await.is_err());
    assert_eq!(ask(&second, "baba").await.unwrap(), framed(200));
    // What cannot be used is told, and what was good stays.
    write("cert.pem", "not a certificate");
    assert_eq!(ask(&second, "baba").await.unwrap(), framed(200));
    write("web.yml", "tls_server_config: [\n");
    let log = eventually("the broken file is told of", SOON, || async {
        let log = server.process.lines().join("\n");
        (log.contains("changed TLS files cannot be used") && log.contains("web.yml:1")).then_some(log)
    })
    .await;
    assert_eq!(ask(&second, "baba").await.unwrap(), framed(200));
    assert!(!log.contains("sesame") && !log.contains("$2b$"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("web.yml"), "rate_limit: {interval: 1h, burst: 3}\n").unwrap();
    let server = Guarded::start(folder.path(), "http");
    server.listening().await;
    let client = crate::peers::client();
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(server.status(&client).await.unwrap().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_says_who_somebody_is() {
    let (ours, others) = (Authority::new(), Authority::new());
    let (certificate, key) = ours.sign("localhost");
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("cert.pem", &certificate);
    write("key.pem", &key);
    write("ca.pem", &ours.0.pem());
    let tls = "tls_server_config: {cert_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem, client_auth_type: VerifyClientCertIfGiven}";
    write("web.yml", &format!("{tls}\naccess: {{certificates: {{prometheus.example.org: viewer}}}}\n"));
    let server = Guarded::start(folder.path(), "https");
    server.listening().await;
    let ask = async |identity: Option<Identity>, path: &str| {
        let url = server.url.replace("/-/healthy", path);
        let asked = if path == "/-/reload" { reqwest::Method::POST } else { reqwest::Method::GET };
        ours.client(identity).request(asked, url).send().await.ok().map(|answer| answer.status().as_u16())
    };
    let known = || Some(ours.identity("prometheus.example.org"));
    assert_eq!(ask(None, "/-/healthy").await, Some(200));
    assert_eq!(ask(None, "/api/v2/status").await, Some(401));
    assert_eq!(ask(known(), "/api/v2/status").await, Some(200));
    assert_eq!(ask(known(), "/-/reload").await, Some(403));
    assert_eq!(ask(Some(ours.identity("grafana.example.org")), "/api/v2/status").await, Some(401));
    assert_eq!(ask(Some(others.identity("prometheus.example.org")), "/api/v2/status").await, None);
}
