//! Clients who hold what they get: slow ones, many of them, and odd ones. Real sockets, the real program: others are served
//! meanwhile, and what is held comes back.

mod http2;
mod odd;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::conditions::{eventually, nothing_for, stopwatch};
use crate::peers::{Process, client, free_port, ready};
use crate::sink::Sink;
use crate::stage::Watchfire;

/// Deadlines of the program are 10 and 20 s; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(90);

const QUIET: &str = "route: {receiver: r, group_wait: 1h}\nreceivers: [{name: r}]\n";

fn address(url: &str) -> SocketAddr {
    url.rsplit_once('/').unwrap().1.parse().unwrap()
}

/// A connection from an address of this machine, 127.0.0.`host`.
async fn connect_from(host: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, host], 0))).unwrap();
    socket.connect(to).await.unwrap()
}

/// What comes until the other side closes.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    // A reset is an end as well.
    drop(tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("it is closed"));
    String::from_utf8_lossy(&all).into_owned()
}

/// Sends a byte now and then until that fails, or an answer comes.
async fn drip(mut stream: TcpStream, opening: &[u8]) -> String {
    stream.write_all(opening).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let mut all = Vec::new();
    let dripping = async {
        while writing.write_all(b"x").await.is_ok() {
            nothing_for(Duration::from_millis(300)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        read = tokio::time::timeout(PATIENCE, reading.read_to_end(&mut all)) => drop(read.expect("it is closed")),
        () = dripping => {}
    }
    String::from_utf8_lossy(&all).into_owned()
}

async fn figure(url: &str, name: &str) -> f64 {
    let page = client().get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    let line = page.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    let line = line.unwrap_or_else(|| panic!("no {name} in\n{page}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

async fn ended(url: &str, reason: &str) -> f64 {
    figure(url, &format!("watchfire_http_connections_ended_total{{reason=\"{reason}\"}}")).await
}

/// A new client, with a connection of its own, is served.
async fn is_served(url: &str) {
    assert_eq!(client().get(format!("{url}/-/healthy")).send().await.unwrap().status(), 200);
    let alerts = json!([{"labels": {"alertname": "Meanwhile"}}]);
    assert_eq!(client().post(format!("{url}/api/v2/alerts")).json(&alerts).send().await.unwrap().status(), 200);
}

/// All at once, as each holds on for as long as it is let.
#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_let_go_in_time_and_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Watchfire::notifier(folder.path(), QUIET).await;
    let to = address(&ours.url);
    let large = "x".repeat(4096);
    let alerts: Vec<_> = (0..4000)
        .map(|n| json!({"labels": {"alertname": "Large", "n": n.to_string()}, "annotations": {"text": large}}))
        .collect();
    for part in alerts.chunks(500) {
        ours.post_alerts(&json!(part)).await;
    }
    let tls = tls_notifier(folder.path()).await;
    let started = stopwatch();
    let mut clients = JoinSet::new();
    clients.spawn(async move { ("silent", until_closed(&mut connect_from(1, to).await).await) });
    clients.spawn(async move {
        ("head that drips", drip(connect_from(1, to).await, b"GET /-/healthy HTTP/1.1\r\nHost: a\r\nX: ").await)
    });
    clients.spawn(async move {
        let mut stream = connect_from(1, to).await;
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n").await.unwrap();
        ("head without end", until_closed(&mut stream).await)
    });
    clients.spawn(async move {
        let mut stream = connect_from(1, to).await;
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\nGET ").await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        stream.write_all(b"/").await.unwrap();
        ("second head without end", until_closed(&mut stream).await)
    });
    clients.spawn(
        async move { ("preface without end", until_closed(&mut spoken(to, b"PRI * HTTP/2.0\r\n").await).await) },
    );
    let posted = "POST /api/v2/alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    clients.spawn(async move {
        (
            "body that drips",
            drip(connect_from(1, to).await, format!("{posted}Content-Length: 100000\r\n\r\n[").as_bytes()).await,
        )
    });
    clients.spawn(async move {
        (
            "chunks that drip",
            drip(connect_from(1, to).await, format!("{posted}Transfer-Encoding: chunked\r\n\r\nffff\r\n[").as_bytes())
                .await,
        )
    });
    clients.spawn(async move {
        let mut stream = connect_from(1, to).await;
        stream.write_all(format!("{posted}Content-Length: 50\r\n\r\n[").as_bytes()).await.unwrap();
        ("body without end", until_closed(&mut stream).await)
    });
    let tls_address = address(&tls.url);
    clients
        .spawn(async move { ("handshake that stalls", until_closed(&mut connect_from(1, tls_address).await).await) });
    clients.spawn(async move {
        ("handshake without end", until_closed(&mut spoken(tls_address, b"\x16\x03\x01\x02\x00\x01").await).await)
    });
    let unread = unread_answer(to).await;

    let mut ends = Vec::new();
    while let Some(end) = clients.join_next().await {
        // Somebody else comes and goes all the time.
        is_served(&ours.url).await;
        ends.push(end.unwrap());
    }
    eprintln!("slow clients were gone after {:?}", started.elapsed());
    for (what, said) in &ends {
        // Whoever was in the midst of a body is told why.
        match what.starts_with("body") || what.starts_with("chunks") {
            true => assert!(said.starts_with("HTTP/1.1 408 "), "{what}: {said:?}"),
            false => assert!(!said.contains("HTTP/"), "{what}: {said:?}"),
        }
    }
    eventually("an answer that nobody reads is given up", PATIENCE, || async {
        (ended(&ours.url, "unread").await >= 1.0).then_some(())
    })
    .await;
    drop(unread);
    assert_eq!(ended(&ours.url, "slow_head").await, 5.0);
    assert_eq!(figure(&ours.url, "watchfire_http_slow_bodies_total").await, 3.0);
    assert_eq!(ended(&ours.url, "displaced").await, 0.0);
    eventually("their places are free", PATIENCE, || async {
        (figure(&ours.url, "watchfire_http_connections").await <= 3.0).then_some(())
    })
    .await;
    is_served(&ours.url).await;
}

/// Asks for megabytes and does not read them.
async fn unread_answer(to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    stream.write_all(b"GET /api/v2/alerts HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    stream
}

async fn spoken(to: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect_from(1, to).await;
    stream.write_all(bytes).await.unwrap();
    stream
}

/// A notifier with TLS; readiness is asked of its log, as its certificate is nobody's.
async fn tls_notifier(folder: &Path) -> Watchfire {
    let folder = folder.join("tls");
    std::fs::create_dir(&folder).unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("web.yml"), "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n").unwrap();
    std::fs::write(folder.join("alertmanager.yml"), QUIET).unwrap();
    let port = free_port();
    let args = [
        "notifier".to_owned(),
        format!("--web.listen-address=127.0.0.1:{port}"),
        format!("--config.file={}", folder.join("alertmanager.yml").display()),
        format!("--web.config.file={}", folder.join("web.yml").display()),
        "--storage.path=".to_owned(),
    ];
    let process = crate::peers::watchfire(&args);
    eventually("it listens", PATIENCE, || async { TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop) }).await;
    Watchfire::of(format!("http://127.0.0.1:{port}"), process)
}

/// Thousands come from several addresses and say nothing.
#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_connections_keep_nobody_out() {
    watchfire::web::descriptors::raise();
    let folder = tempfile::tempdir().unwrap();
    let ours = Watchfire::notifier(folder.path(), QUIET).await;
    let to = address(&ours.url);
    let limit = figure(&ours.url, "watchfire_http_connections_limit").await;
    // Somebody whose request is under way all the while, and has been there from the first.
    let mut served = connect_from(5, to).await;
    served
        .write_all(
            b"POST /api/v2/alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[",
        )
        .await
        .unwrap();
    let before = ours.process.peak_memory_mib();
    let started = stopwatch();
    let mut held = Vec::new();
    let wanted = (limit as usize + 400).min(5000);
    for number in 0..wanted {
        held.push(connect_from(10 + (number % 3) as u8, to).await);
        if number % 500 == 0 {
            is_served(&ours.url).await;
        }
    }
    let asked = stopwatch();
    is_served(&ours.url).await;
    eprintln!(
        "{wanted} connections in {:?}, {} MiB more at most, two requests then took {:?}",
        asked.duration_since(started),
        ours.process.peak_memory_mib() - before,
        asked.elapsed()
    );
    assert!(figure(&ours.url, "watchfire_http_connections").await <= limit);
    assert!(ended(&ours.url, "displaced").await >= 300.0);
    assert_eq!(figure(&ours.url, "watchfire_http_connections_refused_total").await, 0.0);
    served.write_all(b"]").await.unwrap();
    let mut answer = [0; 12];
    served.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200", "who was being served was not displaced");
    drop(held);
    eventually("their places are free", PATIENCE, || async {
        (figure(&ours.url, "watchfire_http_connections").await < 10.0).then_some(())
    })
    .await;
}

/// One address has half of the places, the rest is for others.
#[tokio::test(flavor = "multi_thread")]
async fn one_address_leaves_room_for_others() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("alertmanager.yml"), QUIET).unwrap();
    let config = format!("--config.file={}", folder.path().join("alertmanager.yml").display());
    let ours =
        Watchfire::start("notifier", &[config, "--storage.path=".to_owned(), "--web.max-connections=20".to_owned()])
            .await;
    let to = address(&ours.url);
    // Requests under way, which no newcomer can displace.
    let half =
        b"POST /api/v2/alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[";
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut stream = connect_from(7, to).await;
        stream.write_all(half).await.unwrap();
        held.push(stream);
    }
    eventually("they are served", PATIENCE, || async {
        (figure(&ours.url, "watchfire_http_connections").await >= 11.0).then_some(())
    })
    .await;
    assert_eq!(until_closed(&mut connect_from(7, to).await).await, "", "an eleventh is closed at once");
    assert!(figure(&ours.url, "watchfire_http_connections_refused_total").await >= 1.0);
    is_served(&ours.url).await;
}

/// Few files may be open: connections leave the rest to the store and to deliveries, and nothing spins.
#[tokio::test(flavor = "multi_thread")]
async fn with_few_file_descriptors_pages_still_go_out() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let config = format!(
        "route: {{receiver: r, group_wait: 10ms}}\nreceivers: [{{name: r, webhook_configs: [{{url: '{}'}}]}}]\n",
        sink.url("/hook")
    );
    std::fs::write(folder.path().join("alertmanager.yml"), config).unwrap();
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let process = Process::start(
        "watchfire with 96 descriptors",
        Command::new("prlimit")
            .arg("--nofile=96:96")
            .arg(env!("CARGO_BIN_EXE_watchfire"))
            .args(["notifier", &format!("--web.listen-address=127.0.0.1:{port}")])
            .arg(format!("--config.file={}", folder.path().join("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display())),
    );
    ready(&format!("{url}/-/ready")).await;
    assert_eq!(figure(&url, "watchfire_http_connections_limit").await, 48.0);
    let to = address(&url);
    let mut held = Vec::new();
    for number in 0..300 {
        held.push(connect_from(10 + (number % 5) as u8, to).await);
    }
    let alerts = json!([{"labels": {"alertname": "Page"}}]);
    let answer = client().post(format!("{url}/api/v2/alerts")).json(&alerts).send().await.unwrap();
    assert_eq!(answer.status(), 200, "and it is stored");
    sink.wait_told("/hook", 1, PATIENCE).await;
    // Those that lost their places to newcomers close a moment later: now and then there is no descriptor, and a breath is taken.
    let failures = figure(&url, "watchfire_http_accept_failures_total").await;
    assert!(failures < 50.0, "{failures} times no connection could be taken: it spins");
    assert!(figure(&url, "watchfire_http_connections").await <= 48.0);
    let spent = figure(&url, "process_cpu_seconds_total").await;
    assert!(spent < 20.0, "{spent} s of CPU time");
    drop((held, process));
}
