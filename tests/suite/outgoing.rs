//! What leaves a running notifier, and for where: signed webhooks, redirects of a receiver with TLS, hosts that are allowed.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::conditions::eventually;
use crate::peers::{client, free_port, root};
use crate::stage::Watchfire;

const SOON: Duration = Duration::from_secs(60);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// What a webhook got: id, timestamp, signatures, body.
type Got = (String, String, String, Vec<u8>);

/// A webhook that keeps what it gets, and says first that it is busy.
async fn webhook() -> (u16, Arc<Mutex<Vec<Got>>>) {
    let got = Arc::<Mutex<Vec<Got>>>::default();
    let kept = got.clone();
    let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let mut kept = kept.lock().unwrap();
        kept.push((header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"), body.to_vec()));
        let status = if kept.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        async move { status }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (port, got)
}

/// The example of docs/receivers.md, as it stands there.
fn example() -> String {
    let text = std::fs::read_to_string(root().join("docs/receivers.md")).unwrap();
    let (_, after) = text.split_once("```python\n").expect("an example in Python");
    after.split_once("```").expect("its end").0.to_owned()
}

/// Whether the example takes a request; it may run on any Python.
fn is_taken(secret: &str, got: &Got, now: &str) -> bool {
    let call = "\nimport sys\nsecret, now, *headers = sys.argv[1:]\nnames = ['webhook-id', 'webhook-timestamp', 'webhook-signature']\n\
                sys.exit(0 if verified(secret, dict(zip(names, headers)), sys.stdin.buffer.read(), int(now)) else 3)\n";
    let (id, timestamp, signature, body) = got;
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", &(example() + call), secret, now, id, timestamp, signature])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(body).unwrap();
    let status = python.wait().unwrap();
    assert!(matches!(status.code(), Some(0 | 3)), "the example fails: {status}");
    status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_signed_so_that_the_documented_example_takes_them() {
    if !std::path::Path::new("/usr/bin/python3").exists() {
        assert!(std::env::var_os("CI").is_none(), "python3 must be installed in CI");
        eprintln!("skipped webhooks_are_signed_so_that_the_documented_example_takes_them: no python3");
        return;
    }
    let (port, got) = webhook().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old"), OLD_SECRET).unwrap();
    let config = format!(
        "route: {{receiver: r, group_wait: 1ms, group_interval: 1s}}\nreceivers:\n- name: r\n  webhook_configs:\n  - url: http://127.0.0.1:{port}/\n    signature: {{secret: {SECRET}, secret_files: [old]}}\n"
    );
    let watchfire = Watchfire::notifier(folder.path(), &config).await;
    watchfire.post_alerts(&json!([{"labels": {"alertname": "A", "text": "ü<&>"}}])).await;
    let count = |wanted: usize| {
        let got = got.clone();
        async move {
            eventually("requests", SOON, || async { (got.lock().unwrap().len() >= wanted).then_some(()) }).await;
        }
    };
    count(2).await;
    watchfire.post_alerts(&json!([{"labels": {"alertname": "B"}}])).await;
    count(3).await;
    let got = got.lock().unwrap().clone();
    let ids: Vec<&str> = got.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(ids[0], ids[1], "an attempt that failed, and the next one");
    assert_ne!(ids[1], ids[2], "another notification");
    for request in &got {
        let now = &request.1;
        for secret in [SECRET, OLD_SECRET] {
            assert!(is_taken(secret, request, now), "{request:?}");
        }
        assert!(!is_taken("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", request, now));
        let later = (now.parse::<i64>().unwrap() + 301).to_string();
        assert!(!is_taken(SECRET, request, &later), "too old");
        let (id, timestamp, signature, body) = request.clone();
        assert!(!is_taken(SECRET, &(id, timestamp, signature, [&body[..], b" "].concat()), now), "another body");
    }
}

async fn metric(url: &str, start: &str) -> Option<f64> {
    let page = client().get(format!("{url}/metrics")).send().await.ok()?.text().await.ok()?;
    page.lines().find(|line| line.starts_with(start))?.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_not_allowed_is_refused_when_the_file_is_read_and_when_it_is_sent_to() {
    let (port, got) = webhook().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alertmanager.yml");
    let file = |url: &str| {
        format!("route: {{receiver: r, group_wait: 1ms}}\nreceivers:\n- name: r\n  webhook_configs:\n  - url: {url}\n")
    };
    std::fs::write(&path, file("http://127.0.0.1:{{ .GroupLabels.port }}/s3cret-part")).unwrap();
    let args = [
        format!("--config.file={}", path.display()),
        "--storage.path=".to_owned(),
        format!("--receiver.allowed-hosts=127.0.0.1:{},*.example.org", free_port()),
    ];
    let watchfire = Watchfire::start("notifier", &args).await;
    std::fs::write(&path, file("http://hooks.example.com/s3cret-part")).unwrap();
    let answer = client().post(format!("{}/-/reload", watchfire.url)).send().await.unwrap();
    assert!(!answer.status().is_success());
    let text = answer.text().await.unwrap() + &watchfire.process.lines().join("\n");
    assert!(text.contains("alertmanager.yml:5:10"), "{text}");
    assert!(text.contains("hooks.example.com:80 is not among the allowed hosts"), "{text}");
    assert!(!text.contains("s3cret-part"), "{text}");
    // the template only says where it leads when it is rendered
    std::fs::write(&path, file(&format!("http://127.0.0.1:{port}{{{{ \"/\" }}}}s3cret-part"))).unwrap();
    let answer = client().post(format!("{}/-/reload", watchfire.url)).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    watchfire.post_alerts(&json!([{"labels": {"alertname": "A"}}])).await;
    let refused = "watchfire_outbound_refused_total{reason=\"host_not_allowed\"}";
    eventually("the refusal is counted", SOON, || async {
        metric(&watchfire.url, refused).await.filter(|count| *count >= 1.0)
    })
    .await;
    eventually("the refusal is told", SOON, || async {
        let log = watchfire.process.lines().join("\n");
        assert!(!log.contains("s3cret-part"), "{log}");
        (log.contains("refused by the receiver") && log.contains("is not among the allowed hosts")).then_some(())
    })
    .await;
    let history = client().get(format!("{}/api/v2/history", watchfire.url)).send().await.unwrap().text().await.unwrap();
    assert!(history.contains("is not among the allowed hosts"), "{history}");
    assert!(got.lock().unwrap().is_empty());
}

/// A webhook behind TLS that points to http: the page is not told there, and everybody hears why.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_http_carries_no_page() {
    let (port, got) = webhook().await;
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let secure = free_port();
    let script = format!(
        "import http.server, ssl, sys\n\
         class To(http.server.BaseHTTPRequestHandler):\n\
         \x20   def do_POST(self):\n\
         \x20       self.send_response(307); self.send_header('Location', 'http://127.0.0.1:{port}/'); self.send_header('Content-Length', '0'); self.end_headers()\n\
         server = http.server.ThreadingHTTPServer(('127.0.0.1', {secure}), To)\n\
         context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain('{}', '{}')\n\
         server.socket = context.wrap_socket(server.socket, server_side=True)\n\
         print('up', flush=True)\n\
         server.serve_forever()\n",
        cert.display(),
        key.display()
    );
    if !std::path::Path::new("/usr/bin/python3").exists() {
        assert!(std::env::var_os("CI").is_none(), "python3 must be installed in CI");
        eprintln!("skipped a_redirect_to_http_carries_no_page: no python3");
        return;
    }
    let server = crate::peers::Process::start("python", Command::new("/usr/bin/python3").args(["-c", &script]));
    eventually("the server listens", SOON, || async { server.lines().contains(&"up".to_owned()).then_some(()) }).await;
    let config = format!(
        "route: {{receiver: r, group_wait: 1ms}}\nreceivers:\n- name: r\n  pagerduty_configs:\n  - routing_key: s3cret-key\n    url: https://localhost:{secure}/\n    http_config: {{tls_config: {{ca_file: cert.pem}}}}\n"
    );
    let watchfire = Watchfire::notifier(folder.path(), &config).await;
    watchfire.post_alerts(&json!([{"labels": {"alertname": "A"}}])).await;
    eventually("the refusal is counted", SOON, || async {
        let start = "watchfire_outbound_refused_total{reason=\"redirect_to_http\"}";
        metric(&watchfire.url, start).await.filter(|count| *count >= 1.0)
    })
    .await;
    eventually("the refusal is told", SOON, || async {
        let log = watchfire.process.lines().join("\n");
        log.contains("a redirect from https to http was refused").then_some(())
    })
    .await;
    assert!(got.lock().unwrap().is_empty());
    let status: Value =
        client().get(format!("{}/api/v2/status", watchfire.url)).send().await.unwrap().json().await.unwrap();
    assert!(!status.to_string().contains("s3cret-key"));
}
