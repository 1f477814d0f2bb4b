//! A query API that misbehaves in every way we could think of: what becomes of the rule that asks, of the rules beside it,
//! and of memory. `docs/query-faults.md` says the same to users.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::conditions::{eventually, nothing_for};
use crate::peers::get_json;
use crate::sink::Sink;
use crate::stage::Watchfire;

/// How each query is answered, the health its rule must come to, and a part of its error.
const FAULTS: [(&str, &str, &str); 28] = [
    ("good", "ok", ""),
    // Servers in trouble
    ("server_error", "err", "the query API answered 500 Internal Server Error: out of order"),
    ("unavailable", "err", "query processing would load too many samples"),
    ("flapping", "ok", ""),
    ("busy", "err", "429 Too Many Requests"),
    ("never_answers", "err", "no answer within"),
    ("drips", "err", "no answer within"),
    ("hangs_up", "err", "good_peer"),
    ("hangs_up_in_the_middle", "err", "good_peer"),
    // Answers that are none
    ("empty", "err", "cannot read the answer"),
    ("no_content", "err", "cannot read the answer"),
    ("html", "err", "<title>Sign in</title>"),
    ("truncated_json", "err", "cannot read the answer"),
    ("deep_json", "err", "cannot read the answer"),
    ("not_utf8", "err", "cannot read the answer"),
    ("not_http", "err", "good_peer"),
    ("endless_head", "err", "good_peer"),
    ("redirects", "err", "redirect"),
    ("error_with_data", "err", "expanding series: context deadline exceeded"),
    ("matrix", "err", "rule result is not a vector or scalar"),
    ("bad_number", "err", "\"many\" is not a number"),
    // Answers that are unusual
    ("wrong_content_type", "ok", ""),
    ("warnings", "ok", ""),
    ("not_numbers", "ok", ""),
    ("same_series_twice", "err", "same labelset"),
    // Answers that are large
    ("ten_thousand_series", "ok", ""),
    ("fifty_megabytes", "err", "exceeded limit of 20000"),
    ("inflates", "err", "the answer is longer than"),
];

const GOOD: &str =
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"x"},"value":[1,"1"]}]}}"#;

/// Everything else is what errors of a connection say, in whatever words.
fn is_as_stated(stated: &str, error: &str) -> bool {
    match stated {
        "" => error.is_empty(),
        "good_peer" => !error.is_empty(),
        part => error.contains(part),
    }
}

/// `count` series with labels of the usual length.
fn large(count: usize) -> String {
    let series = (0..count).map(|n| {
        format!(
            r#"{{"metric":{{"__name__":"m","cluster":"production-eu-1","container":"application","instance":"10.0.{}.{}:9100","job":"kube-state-metrics","namespace":"tenant-{}","pod":"pod-{n}-7c9f6d5b8-x2x4q","service":"kube-state-metrics"}},"value":[1,"{n}"]}}"#,
            n >> 8,
            n & 255,
            n % 20
        )
    });
    let series: Vec<String> = series.collect();
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#, series.join(","))
}

/// 300 MB of blanks, compressed a thousandfold.
fn inflating() -> Vec<u8> {
    let mut gzip = Command::new("gzip").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("gzip is there");
    let mut stdin = gzip.stdin.take().unwrap();
    let writing = std::thread::spawn(move || (0..300).for_each(|_| stdin.write_all(&vec![b' '; 1 << 20]).unwrap()));
    let body = gzip.wait_with_output().unwrap().stdout;
    writing.join().unwrap();
    body
}

struct Peer {
    fifty_megabytes: String,
    ten_thousand: String,
    inflating: Vec<u8>,
    asked: AtomicUsize,
}

impl Peer {
    async fn open() -> String {
        let peer = Arc::new(Self {
            fifty_megabytes: large(210_000),
            ten_thousand: large(10_000),
            inflating: inflating(),
            asked: AtomicUsize::new(0),
        });
        assert!(peer.fifty_megabytes.len() > 50_000_000);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let peer = peer.clone();
                // Whether the other side stays until the end is its affair.
                tokio::spawn(async move { drop(peer.serve(stream).await) });
            }
        });
        format!("http://{address}")
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        let fault = loop {
            if stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
            let text = String::from_utf8_lossy(&request);
            let query = text.split_once("query=").and_then(|(_, rest)| Some(rest.split_once('&')?.0.to_owned()));
            if let Some(query) = query {
                break query;
            }
            if text.contains(" /loop HTTP") {
                break "redirects".to_owned();
            }
        };
        self.answer(&fault, &mut stream).await
    }

    async fn answer(&self, fault: &str, stream: &mut TcpStream) -> std::io::Result<()> {
        match fault {
            "server_error" => whole(stream, "500 Internal Server Error", "text/plain", b"out of order").await,
            "unavailable" => {
                let body = r#"{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}"#;
                whole(stream, "503 Service Unavailable", "application/json", body.as_bytes()).await
            }
            "flapping" => match self.asked.fetch_add(1, Ordering::SeqCst) % 2 {
                0 => whole(stream, "500 Internal Server Error", "text/plain", b"now and then").await,
                _ => json(stream, GOOD).await,
            },
            "busy" => whole(stream, "429 Too Many Requests", "text/plain", b"slow down").await,
            "never_answers" => std::future::pending().await,
            "drips" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n").await?;
                loop {
                    stream.write_all(b" ").await?;
                    nothing_for(Duration::from_millis(50)).await;
                }
            }
            "hangs_up" => Ok(()),
            "hangs_up_in_the_middle" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{\"status\"").await
            }
            "empty" => json(stream, "").await,
            "no_content" => stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await,
            "html" => whole(stream, "200 OK", "text/html", b"<html><title>Sign in</title></html>").await,
            "truncated_json" => json(stream, &GOOD[..GOOD.len() - 20]).await,
            "deep_json" => json(stream, &"[".repeat(1_000_000)).await,
            "not_utf8" => {
                let body = [&GOOD.as_bytes()[..80], b"\xff\xfe", &GOOD.as_bytes()[80..]].concat();
                whole(stream, "200 OK", "application/json", &body).await
            }
            "not_http" => stream.write_all(b"220 mail.example ESMTP\r\n").await,
            "endless_head" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
                loop {
                    stream.write_all(b"X-Header: value\r\n").await?;
                }
            }
            "redirects" => {
                stream
                    .write_all(
                        b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                    )
                    .await
            }
            "error_with_data" => {
                let body = r#"{"status":"error","errorType":"timeout","error":"expanding series: context deadline exceeded","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}"#;
                json(stream, body).await
            }
            "matrix" => json(stream, r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#).await,
            "bad_number" => json(stream, &GOOD.replace("\"1\"", "\"many\"")).await,
            "wrong_content_type" => whole(stream, "200 OK", "image/png", GOOD.as_bytes()).await,
            "warnings" => json(stream, &GOOD.replace("}]}}", "}]},\"warnings\":[\"a store did not answer\"]}")).await,
            "not_numbers" => {
                let row = |job: &str, value: &str| format!(r#"{{"metric":{{"job":"{job}"}},"value":[1,"{value}"]}}"#);
                let rows = [row("nan", "NaN"), row("inf", "+Inf"), row("neg", "-Inf")].join(",");
                json(stream, &format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{rows}]}}}}"#))
                    .await
            }
            "same_series_twice" => {
                let row = r#"{"metric":{"job":"x"},"value":[1,"1"]}"#;
                json(stream, &GOOD.replace(row, &format!("{row},{row}"))).await
            }
            "ten_thousand_series" => json(stream, &self.ten_thousand).await,
            "fifty_megabytes" => json(stream, &self.fifty_megabytes).await,
            "inflates" => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    self.inflating.len()
                );
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&self.inflating).await
            }
            _ => json(stream, GOOD).await,
        }
    }
}

async fn json(stream: &mut TcpStream, body: &str) -> std::io::Result<()> {
    whole(stream, "200 OK", "application/json", body.as_bytes()).await
}

async fn whole(stream: &mut TcpStream, status: &str, kind: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await
}

/// Every fault has a group of its own, and so its own slots.
fn rules() -> String {
    let group = |(fault, _, _): &(&str, &str, &str)| {
        format!(
            "- name: {fault}\n  interval: 10s\n  limit: 20000\n  rules:\n  - {{alert: {fault}, expr: {fault}, annotations: {{value: '{{{{ $value }}}}'}}}}\n"
        )
    };
    format!("groups:\n{}", FAULTS.iter().map(group).collect::<String>())
}

async fn rules_by_name(ours: &Watchfire) -> std::collections::BTreeMap<String, Value> {
    let answer = get_json(&format!("{}/api/v1/rules", ours.url)).await;
    let groups = answer["data"]["groups"].as_array().unwrap().iter();
    groups.map(|group| (group["name"].as_str().unwrap().to_owned(), group["rules"][0].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_query_api_harms_no_rule_but_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let query = Peer::open().await;
    let rule_file = folder.path().join("rules.yml");
    std::fs::write(&rule_file, rules()).unwrap();
    let config = folder.path().join("prometheus.yml");
    std::fs::write(
        &config,
        format!("rule_files: ['{}']\nquery: {{url: '{query}', timeout: 9s}}\n", rule_file.display()),
    )
    .unwrap();
    let args = [
        format!("--config.file={}", config.display()),
        format!("--notifier.url={}", sink.url("")),
        format!("--storage.path={}", folder.path().join("data").display()),
    ];
    let ours = Watchfire::start("rules", &args).await;

    let seen = eventually("every rule has come to what is stated", Duration::from_secs(90), || async {
        let rules = rules_by_name(&ours).await;
        rules.values().all(|rule| rule["health"] != "unknown").then_some(rules)
    })
    .await;
    let mut wrong = Vec::new();
    for (fault, health, stated) in FAULTS {
        let rule = &seen[fault];
        let error = rule["lastError"].as_str().unwrap_or_default();
        eprintln!("{fault}: {} {error:.200}", rule["health"].as_str().unwrap());
        if rule["health"] != health && fault != "flapping" || rule["health"] == health && !is_as_stated(stated, error) {
            wrong.push(format!("{fault}: {} {error:?}, stated {health} {stated:?}", rule["health"]));
        }
        if error.len() > 1000 {
            wrong.push(format!("{fault}: the error is {} bytes long", error.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    eventually("a server that fails now and then is asked again", Duration::from_secs(40), || async {
        (rules_by_name(&ours).await["flapping"]["health"] == "ok").then_some(())
    })
    .await;
    let values: Vec<&str> = seen["not_numbers"]["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["annotations"]["value"].as_str().unwrap())
        .collect();
    assert_eq!(values, ["NaN", "+Inf", "-Inf"]);
    assert_eq!(seen["ten_thousand_series"]["alerts"].as_array().unwrap().len(), 10_000);
    let explained = get_json(&format!("{}/api/v1/explain/rule?rule=warnings", ours.url)).await;
    assert!(explained.to_string().contains("a store did not answer"), "{explained}");

    // The rule beside them has missed nothing, and memory is bounded by the largest answers that are read at once.
    let metrics =
        crate::peers::client().get(format!("{}/metrics", ours.url)).send().await.unwrap().text().await.unwrap();
    let missed = metrics
        .lines()
        .find(|line| line.starts_with("prometheus_rule_group_iterations_missed_total") && line.contains(";good\""));
    assert!(missed.is_none_or(|line| line.ends_with(" 0")), "{missed:?}");
    let peak = ours.process.peak_memory_mib();
    eprintln!("peak memory {peak} MiB");
    assert!(peak < 700, "{peak} MiB");
}
