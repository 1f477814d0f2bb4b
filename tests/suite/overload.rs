//! Far more than the program can take: what is too much is refused and counted, memory does not grow, health answers, pages
//! go out. Real sockets, the real program in a debug build.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::conditions::{eventually, stopwatch};
use crate::peers::client;
use crate::sink::Sink;
use crate::stage::Watchfire;

const PATIENCE: Duration = Duration::from_secs(90);

async fn notifier(folder: &std::path::Path, sink: &Sink) -> Watchfire {
    let text = format!(
        "route: {{receiver: hook, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: hook, webhook_configs: [{{url: '{}'}}]}}]\n",
        sink.url("/hook")
    );
    Watchfire::notifier(folder, &text).await
}

/// The sum of a family's rows.
async fn metric(url: &str, name: &str) -> f64 {
    let text = client().get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    let of_family = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    text.lines().filter(of_family).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

async fn healthy(url: &str) -> Duration {
    let since = stopwatch();
    let answer = client().get(format!("{url}/-/healthy")).send().await.unwrap();
    assert!(answer.status().is_success());
    since.elapsed()
}

/// A request whose body is sent but for the last byte; `Err` is the answer that came before.
async fn all_but_the_end(to: SocketAddr, body: &[u8]) -> Result<TcpStream, String> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let head = format!(
        "POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let mut answer = [0; 512];
    tokio::select! {
        biased;
        read = reading.read(&mut answer) => {
            return Err(String::from_utf8_lossy(&answer[..read.unwrap_or(0)]).into_owned());
        }
        written = writing.write_all(&body[..body.len() - 1]) => {
            if written.is_err() {
                return Err("closed".to_owned());
            }
        }
    }
    Ok(stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_are_shed_and_small_ones_come_through() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let ours = notifier(folder.path(), &sink).await;
    let at_first = ours.process.peak_memory_mib();
    let to: SocketAddr = ours.url.rsplit_once('/').unwrap().1.parse().unwrap();
    // 480 MiB of them at the same time, where 192 MiB are allowed.
    let body: std::sync::Arc<Vec<u8>> = {
        let mut body = vec![b' '; 24 << 20];
        body[0] = b'[';
        *body.last_mut().unwrap() = b']';
        body.into()
    };
    let mut sending: JoinSet<_> = (0..20)
        .map(|_| {
            let body = body.clone();
            async move { all_but_the_end(to, &body).await }
        })
        .collect();
    let (mut held, mut shed) = (Vec::new(), 0);
    while let Some(sent) = sending.join_next().await {
        match sent.unwrap() {
            Ok(stream) => held.push(stream),
            Err(answer) => {
                assert!(answer.starts_with("HTTP/1.1 503") || ["", "closed"].contains(&&*answer), "{answer}");
                shed += 1;
            }
        }
    }
    assert!(!held.is_empty(), "nothing was taken");
    eventually("the rest is refused", PATIENCE, || async {
        (metric(&ours.url, "watchfire_http_requests_refused_total").await >= 12.0).then_some(())
    })
    .await;
    ours.post_alerts(&json!([{"labels": {"alertname": "Down"}}])).await;
    sink.wait_told("/hook", 1, PATIENCE).await;
    let health = healthy(&ours.url).await;
    let grown = ours.process.peak_memory_mib() - at_first;
    eprintln!("{} bodies held, {shed} refused; health in {health:?}; {grown} MiB more", held.len());
    assert!(grown < 192 + 200, "{grown} MiB");
    drop(held);
    eventually("what was held is given back", PATIENCE, || async {
        (metric(&ours.url, "watchfire_http_bodies_bytes").await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_posts_leaves_health_and_pages_alone() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let ours = notifier(folder.path(), &sink).await;
    let before = ours.process.peak_memory_mib();
    let patient = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
    let mut flood = JoinSet::new();
    let until = stopwatch() + Duration::from_secs(5);
    for sender in 0..150 {
        let (client, url) = (patient.clone(), format!("{}/api/v2/alerts", ours.url));
        let labels =
            |n: u32| json!({"labels": {"alertname": "Flood", "sender": (sender % 20).to_string(), "n": n.to_string()}});
        let body = serde_json::to_vec(&(0..64).map(labels).collect::<Vec<_>>()).unwrap();
        flood.spawn(async move {
            let mut answers = [0_usize; 2];
            while stopwatch() < until {
                let request = client.post(&url).header("content-type", "application/json").body(body.clone());
                let status = request.send().await.unwrap().status().as_u16();
                assert!([200, 503].contains(&status), "{status}");
                answers[usize::from(status == 503)] += 1;
            }
            answers
        });
    }
    ours.post_alerts(&json!([{"labels": {"alertname": "Down"}}])).await;
    let mut slowest = Duration::ZERO;
    while stopwatch() < until {
        slowest = slowest.max(healthy(&ours.url).await);
    }
    let (mut taken, mut refused) = (0, 0);
    while let Some(answers) = flood.join_next().await {
        let answers = answers.unwrap();
        (taken, refused) = (taken + answers[0], refused + answers[1]);
    }
    let down = |body: &serde_json::Value| body["groupLabels"]["alertname"] == "Down";
    eventually("the page of the other alert", PATIENCE, || async {
        sink.told("/hook").iter().any(|told| down(&told.body)).then_some(())
    })
    .await;
    let counted = metric(&ours.url, "watchfire_http_requests_refused_total").await;
    let grown = ours.process.peak_memory_mib() - before;
    eprintln!("{taken} posts of 64 alerts taken, {refused} refused; health at most {slowest:?}; {grown} MiB more");
    assert_eq!(counted as usize, refused, "what is refused is counted");
    assert!(taken > 0 && slowest < Duration::from_secs(10), "{slowest:?}");
    assert!(grown < 400, "{grown} MiB");
    assert_eq!(metric(&ours.url, "watchfire_http_requests_at_work").await, 0.0, "scrapes are not counted");
}
