//! One process over its many lives: the same port, the same store, and when it was up.

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Notify;

use super::receiver::Receiver;
use crate::conditions::{nothing_for, unix_now};
use crate::peers::{Process, client, free_port};

/// What is due is told within so many seconds of being up, and so many times what a start takes: the machine may be busy.
const LATE_SECS: f64 = 15.0;
const LATE_STARTS: f64 = 10.0;
/// A client asks again after this.
const PAUSE: Duration = Duration::from_millis(15);
/// System calls by which the store writes.
const WRITES: &str = "pwrite64,fdatasync,fsync,rename,link,linkat,unlink,ftruncate";

/// How long a group waits: first, after news, and before it repeats itself. Seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) name: &'static str,
    pub(super) wait: f64,
    pub(super) interval: f64,
    pub(super) repeat: f64,
}

/// Longer than a life where a timer is to be seen that goes on over several.
pub(super) const PACES: [Pace; 3] = [
    Pace { name: "quick", wait: 0.1, interval: 1.0, repeat: 3600.0 },
    Pace { name: "slow", wait: 3.0, interval: 4.0, repeat: 3600.0 },
    Pace { name: "repeated", wait: 0.1, interval: 1.0, repeat: 4.0 },
];

/// One process and what it is asked.
pub(super) struct Lane {
    pub(super) number: usize,
    /// Length of an alert's annotation.
    pub(super) text_bytes: usize,
    pub(super) receiver: Receiver,
    /// No more kills.
    pub(super) is_over: AtomicBool,
    /// A request is just leaving that changes something.
    pub(super) asking: Notify,
    /// Such requests that are not answered.
    pub(super) unanswered: AtomicUsize,
    url: String,
    args: Vec<String>,
    client: reqwest::Client,
    times: Mutex<Times>,
    /// The process that is not killed any more.
    last: Mutex<Option<Process>>,
    _folder: TempDir,
}

/// When it was ready, until when; and when it was killed.
#[derive(Default)]
struct Times {
    up: Vec<(f64, f64)>,
    ready_since: Option<f64>,
    /// How long starts took in all, and how many there were.
    starting: (f64, f64),
    deaths: Vec<f64>,
}

impl Lane {
    pub(super) fn new(number: usize, text_bytes: usize, receiver: Receiver, query_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (config, rules) = (folder.path().join("alertmanager.yml"), folder.path().join("rules.yml"));
        std::fs::write(&config, configuration(&receiver)).unwrap();
        std::fs::write(&rules, super::rule_incident::RULES).unwrap();
        let port = free_port();
        let args = vec![
            "run".to_owned(),
            format!("--web.listen-address=127.0.0.1:{port}"),
            format!("--config.file={}", config.display()),
            format!("--rule.file={}", rules.display()),
            format!("--query.url={query_url}"),
            "--evaluation.interval=1s".to_owned(),
            format!("--storage.path={}", folder.path().join("data").display()),
        ];
        let url = format!("http://127.0.0.1:{port}");
        Self {
            number,
            text_bytes,
            receiver,
            is_over: AtomicBool::new(false),
            asking: Notify::new(),
            unanswered: AtomicUsize::new(0),
            url,
            args,
            client: client(),
            times: Mutex::default(),
            last: Mutex::default(),
            _folder: folder,
        }
    }

    /// Starts the program; killed by strace as its n-th write of one thread begins, if there is an n.
    pub(super) fn start(&self, killed_at_write: Option<u32>) -> Process {
        let program = env!("CARGO_BIN_EXE_watchfire");
        let Some(write) = killed_at_write else {
            return Process::start("watchfire", Command::new(program).args(&self.args));
        };
        let mut command = Command::new("strace");
        // The tracer is a grandchild: the child is the program itself.
        command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={WRITES}")]);
        command.args(["-e", &format!("inject={WRITES}:signal=KILL:when={write}"), program]);
        Process::start("watchfire under strace", command.args(&self.args))
    }

    /// Waits until it is ready; false if it ended before.
    pub(super) async fn ready(&self, process: &mut Process) -> bool {
        let started = unix_now();
        loop {
            let answer = self.client.get(format!("{}/-/ready", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                let mut times = self.times.lock().unwrap();
                times.ready_since = Some(unix_now());
                times.starting.0 += unix_now() - started;
                times.starting.1 += 1.0;
                return true;
            }
            if process.ended().is_some() {
                return false;
            }
            assert!(unix_now() < started + 60.0, "lane {}: not ready within a minute", self.number);
            nothing_for(PAUSE).await;
        }
    }

    /// It is gone.
    pub(super) fn ended(&self, was_killed: bool) {
        let mut times = self.times.lock().unwrap();
        let now = unix_now();
        if let Some(since) = times.ready_since.take() {
            times.up.push((since, now));
        }
        if was_killed {
            times.deaths.push(now);
        }
    }

    /// Lives as long as the lane does.
    pub(super) fn keep(&self, process: Process) {
        *self.last.lock().unwrap() = Some(process);
    }

    pub(super) fn deaths(&self) -> Vec<f64> {
        self.times.lock().unwrap().deaths.clone()
    }

    /// How many seconds it was up from an instant on.
    fn up_since(&self, instant: f64) -> f64 {
        let times = self.times.lock().unwrap();
        let lasting = times.ready_since.map(|since| (since, unix_now()));
        times.up.iter().copied().chain(lasting).map(|(from, to)| (to - from.max(instant)).max(0.0)).sum()
    }

    /// How late something is that was due, in seconds of being up, if that is too much.
    pub(super) fn too_late(&self, due: f64) -> Option<f64> {
        let (seconds, starts) = self.times.lock().unwrap().starting;
        let allowed = LATE_SECS + LATE_STARTS * seconds / f64::max(starts, 1.0);
        Some(self.up_since(due)).filter(|late| *late > allowed)
    }

    /// Asks once: status and answer, or none if there was no answer.
    async fn ask(&self, request: reqwest::RequestBuilder) -> Option<(u16, Value)> {
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// The answer to a question, if there is one.
    pub(super) async fn get(&self, path: &str) -> Option<Value> {
        let (status, answer) = self.ask(self.client.get(format!("{}{path}", self.url))).await?;
        (status == 200).then_some(answer)
    }

    /// Asks for a change, once; none if it was not answered with 200.
    pub(super) async fn change(
        &self,
        request: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> Option<Value> {
        let request = request(&self.client, &self.url);
        self.unanswered.fetch_add(1, Ordering::SeqCst);
        self.asking.notify_waiters();
        let answer = self.ask(request).await;
        self.unanswered.fetch_sub(1, Ordering::SeqCst);
        let (status, answer) = answer?;
        assert!(status == 200 || status >= 500, "lane {}: answered with {status}: {answer}", self.number);
        (status == 200).then_some(answer)
    }

    /// Asks for a change until it is answered with 200.
    pub(super) async fn insist(&self, request: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder) -> Value {
        loop {
            if let Some(answer) = self.change(&request).await {
                return answer;
            }
            nothing_for(PAUSE).await;
        }
    }

    /// For whoever looks into a failure: what the receiver was told of an incident, when it was killed, what the process says.
    pub(super) async fn known_of(&self, incident: &str) -> String {
        let pages = self.receiver.pages().into_iter().filter(|page| page.incident == incident);
        let told: String = pages.map(|page| format!("\n{:.3} {} {:?}", page.at, page.path, page.alerts)).collect();
        // Of few alerts: it is long.
        let said = self.get(&format!("/api/v2/explain?limit=2&filter=incident%3D%22{incident}%22")).await;
        let said = said.map_or_else(|| "it does not answer".to_owned(), |said| format!("{said:#}"));
        format!("lane {}, told:{told}\nkilled: {:.3?}\n{said}", self.number, self.deaths())
    }

    /// Waits for something that is due at an instant: it may be late by so much of the time that the process is up.
    pub(super) async fn due<T>(&self, incident: &str, what: &str, instant: f64, ask: impl Fn() -> Option<T>) -> T {
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            if let Some(late) = self.too_late(instant) {
                let known = self.known_of(incident).await;
                panic!("{incident}: {what}: due at {instant:.3}, not told in {late:.1} s of being up: {known}");
            }
            nothing_for(PAUSE).await;
        }
    }
}

fn configuration(receiver: &Receiver) -> String {
    let route = |pace: &Pace| {
        format!(
            "  - {{matchers: ['pace=\"{}\"'], group_wait: {}ms, group_interval: {}ms, repeat_interval: {}s}}\n",
            pace.name,
            pace.wait * 1000.0,
            pace.interval * 1000.0,
            pace.repeat
        )
    };
    let routes: String = PACES.iter().map(route).collect();
    let [quick, slow] = super::receiver::PATHS.map(|path| format!("{}{path}", receiver.url));
    format!(
        "route:\n  receiver: both\n  group_by: [alertname, incident]\n  routes:\n{routes}receivers:\n- name: both\n  webhook_configs: [{{url: '{quick}'}}, {{url: '{slow}'}}]\n"
    )
}
