//! The quickstart, played: a real Prometheus scrapes a page whose values rise, the rules fire, and the pages arrive in a
//! local inbox. `cargo run --release --example quickstart`; `-- --real-time` keeps the durations of the files.
#![expect(clippy::print_stdout, reason = "it is there to be read")]
#![expect(clippy::disallowed_methods, reason = "a story told in real time")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use axum::Router;
use axum::routing::get;
use clap::Parser;
use serde_json::Value;
use watchfire::inbox::Inbox;

/// What happens to the members online, pod by pod, in seconds after the start (stretched with `--real-time`).
const STORY: [(u64, &str, u32, &str); 5] = [
    (0, "srs-edge-0", 700, "two pods, both well"),
    (0, "srs-edge-1", 640, ""),
    (8, "srs-edge-0", 1200, "srs-edge-0 fills up: pending, and firing after `for`"),
    (30, "srs-edge-1", 1500, "srs-edge-1 fills up too: it joins the same notification"),
    (60, "srs-edge-0", 300, "srs-edge-0 empties: one of two is resolved"),
];
const END: (u64, &str, u32) = (80, "srs-edge-1", 300);
const STOP_AFTER_SECS: u64 = 110;

#[derive(Parser)]
struct Options {
    /// Keep `for: 5m`, `group_wait: 30s` and so on as in the files (half an hour instead of two minutes).
    #[arg(long)]
    real_time: bool,
}

/// Members online by pod: what the scraped page shows.
type Members = Arc<Mutex<std::collections::BTreeMap<&'static str, u32>>>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    watchfire::install_crypto();
    let options = Options::parse();
    let stretch = if options.real_time { 20 } else { 1 };
    let folder = std::env::temp_dir().join(format!("watchfire-quickstart-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let inbox = Inbox::open("127.0.0.1:2525".parse()?, "127.0.0.1:8025".parse()?)
        .await
        .context("the inbox needs the ports 2525 and 8025")?;
    let members = Members::default();
    serve_members(members.clone()).await?;
    let prometheus = start_prometheus(&folder)?;
    let files = copy_files(&folder, options.real_time)?;
    tokio::spawn(run_watchfire(files));
    println!("metrics      http://127.0.0.1:9101/metrics");
    println!("prometheus   http://127.0.0.1:9090      (try the query stream_total_clients_by_pod)");
    println!("watchfire    http://127.0.0.1:9093/api/v1/alerts   http://127.0.0.1:9093/api/v2/alerts/groups");
    println!("inbox        smtp 127.0.0.1:2525, http 127.0.0.1:8025\n");
    tokio::select! {
        () = tell_story(members, stretch) => {}
        () = show_pages(&inbox) => {}
        () = show_states() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    drop(prometheus);
    std::fs::remove_dir_all(&folder).context("cannot remove the temporary folder")
}

async fn serve_members(members: Members) -> anyhow::Result<()> {
    let page = move || {
        let text: String = members
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .iter()
            .map(|(pod, count)| {
                format!("stream_clients_clients{{container=\"json-exporter\",name=\"live\",namespace=\"stu-srs\",pod=\"{pod}\"}} {count}\n")
            })
            .collect();
        async move { text }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:9101").await.context("the metrics page needs port 9101")?;
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/metrics", get(page))).await });
    Ok(())
}

/// Ended with the story.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already is fine.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn start_prometheus(folder: &Path) -> anyhow::Result<Running> {
    let config = folder.join("prometheus.yml");
    std::fs::write(
        &config,
        "scrape_configs:\n- job_name: srs\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  static_configs:\n  - targets: ['127.0.0.1:9101']\n",
    )?;
    let started = std::process::Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
        .args(["--web.listen-address=127.0.0.1:9090", "--web.enable-remote-write-receiver", "--log.level=error"])
        .stdin(Stdio::null())
        .spawn();
    match started {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("this story needs a Prometheus on the PATH (Debian: apt-get install prometheus)")
        }
        other => Ok(Running(other.context("cannot start prometheus")?)),
    }
}

/// Copies rules and configuration; unless in real time, minutes become seconds.
fn copy_files(folder: &Path, real_time: bool) -> anyhow::Result<(PathBuf, PathBuf)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    let hasten = |text: String| match real_time {
        true => text,
        false => text
            .replace("for: 5m", "for: 10s")
            .replace("group_wait: 30s", "group_wait: 2s")
            .replace("group_interval: 5m", "group_interval: 10s"),
    };
    let copy = |from: &str| -> anyhow::Result<PathBuf> {
        let from = source.join(from);
        let to = folder.join(from.file_name().context("a file has a name")?);
        std::fs::write(&to, hasten(std::fs::read_to_string(&from)?))?;
        Ok(to)
    };
    Ok((copy("alertmanager.yml")?, copy("rules/srs.yaml")?))
}

async fn run_watchfire((config, rules): (PathBuf, PathBuf)) {
    let arguments = [
        "watchfire",
        "run",
        &format!("--config.file={}", config.display()),
        &format!("--rule.file={}", rules.display()),
        "--query.url=http://127.0.0.1:9090",
        "--remote-write.url=http://127.0.0.1:9090/api/v1/write",
        "--evaluation.interval=2s",
        "--web.listen-address=127.0.0.1:9093",
        "--storage.path=",
        "--log.level=warn",
    ];
    let status = watchfire::command::execute(watchfire::cli::Cli::parse_from(arguments)).await;
    println!("watchfire ended: {status:?}");
}

async fn tell_story(members: Members, stretch: u64) {
    let started = Instant::now();
    let last = (END.0, END.1, END.2, "srs-edge-1 empties: all resolved");
    for (at_secs, pod, count, text) in STORY.into_iter().chain([last]) {
        tokio::time::sleep_until((started + Duration::from_secs(at_secs * stretch)).into()).await;
        members.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(pod, count);
        println!("── {pod} has {count} members online. {text}");
    }
    tokio::time::sleep_until((started + Duration::from_secs(STOP_AFTER_SECS * stretch)).into()).await;
}

async fn show_pages(inbox: &Inbox) {
    let mut arrivals = inbox.arrivals();
    while let Ok(page) = arrivals.recv().await {
        println!("── {:<9} → {}\n   {}", page.channel, page.to, page.summary);
        if page.channel == "email" {
            page.body.lines().filter(|line| !line.trim().is_empty()).for_each(|line| println!("   │ {line}"));
        }
    }
}

async fn show_states() {
    let client = reqwest::Client::new();
    let mut shown = std::collections::BTreeMap::new();
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let Ok(answer) = client.get("http://127.0.0.1:9093/api/v1/alerts").send().await else { continue };
        let Ok(answer) = answer.json::<Value>().await else { continue };
        let alerts = answer.pointer("/data/alerts").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |alert: &Value, path: &str| alert.pointer(path).and_then(Value::as_str).unwrap_or("").to_owned();
        for alert in &alerts {
            let (pod, state) = (text(alert, "/labels/pod"), text(alert, "/state"));
            if shown.insert(pod.clone(), state.clone()).as_ref() != Some(&state) {
                println!("── rule     online-member-full is {state} for {pod}");
            }
        }
        shown.retain(|pod, _| alerts.iter().any(|alert| text(alert, "/labels/pod") == *pod));
    }
}
