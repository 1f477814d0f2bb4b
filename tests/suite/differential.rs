//! Debian's Prometheus and our rule service side by side: the same rule file over the same changing series for more than
//! a minute. What both say about their rules, what they post and what they record must be the same.
//!
//! The series are written to two Prometheus servers at the same instants: one evaluates the rules itself, the other is
//! what our service asks and writes to. Series change, and the services are looked at, where in a second no group is
//! evaluated, so both see each change at the same evaluation. What is allowed to differ is one interval, as a busy machine
//! may cost either an evaluation.

mod feed;
mod posts;
mod rules_api;
mod samples;
mod sequence;
mod slots;

use std::path::Path;
use std::time::Duration;

use model::Timestamp;
use serde_json::Value;

use crate::conditions::{nothing_for, unix_now};
use crate::peers::{PROMETHEUS, Process, get_json, installed, prometheus, root};
use crate::sink::Sink;
use crate::stage::Watchfire;
use feed::Feed;
use rules_api::Seen;
use sequence::{Comparison, compare};
use slots::Quiet;

const GROUPS: [&str; 7] = ["chain", "states", "texts", "recordings", "limited", "failing", "leaving"];

/// The longest interval of a group, in seconds.
const INTERVAL_MAX: f64 = 2.0;
/// How long the script is, and when within it the rules change.
const STEPS: usize = 78;
const RELOAD_AT: usize = 57;
/// An alert is sent again when more than this has passed.
const RESEND_SECS: f64 = 5.0;

/// Everything that rules record here.
const RECORDED: &str = r#"{__name__=~"ALERTS|ALERTS_FOR_STATE|.+:.+"}"#;

/// What both services are told beside rules: labels for outside, and what becomes of alerts.
const OUTSIDE: &str = "  external_labels: {cluster: test, severity: never}\n";
const RELABELING: &str = "  alert_relabel_configs:\n  - {source_labels: [severity], regex: drop, action: drop}\n  - {source_labels: [team], regex: before, target_label: team, replacement: after}\n  - {regex: of_another, action: labeldrop}\n";

fn alerting(sink: &Sink) -> String {
    format!("alerting:\n{RELABELING}  alertmanagers:\n  - static_configs: [{{targets: ['{}']}}]\n", sink.address)
}

/// Both services with what lies around them.
struct Pair {
    theirs: (Process, String),
    ours: Watchfire,
    /// The Prometheus that our service asks and writes to.
    storage: (Process, String),
    their_sink: Sink,
    our_sink: Sink,
}

impl Pair {
    async fn start(folder: &Path, rule_file: &Path) -> Self {
        let (their_sink, our_sink) = (Sink::open().await, Sink::open().await);
        let folders = ["theirs", "storage", "ours"].map(|name| folder.join(name));
        folders.iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
        let url = "--web.external-url=http://rules.example/p";
        let delay = format!("--rules.alert.resend-delay={RESEND_SECS}s");
        let rules = format!("rule_files: ['{}']\n", rule_file.display());
        let extra = format!("{OUTSIDE}{rules}{}", alerting(&their_sink));
        let args = [url, &delay, "--web.route-prefix=/"];
        let theirs = prometheus(&folders[0], None, &extra, &args).await;
        let storage = prometheus(&folders[1], None, "", &[]).await;
        let config = folders[2].join("prometheus.yml");
        let text = format!(
            "global:\n  evaluation_interval: 1s\n{OUTSIDE}{rules}{}query: {{url: '{}'}}\nremote_write:\n- url: {}/api/v1/write\n",
            alerting(&our_sink),
            storage.1,
            storage.1
        );
        std::fs::write(&config, text).unwrap();
        let data = format!("--storage.path={}", folders[2].join("data").display());
        let args = [format!("--config.file={}", config.display()), url.to_owned(), delay, data];
        let as_prometheus = ["--web.route-prefix=/", "--rules.alert.resend-on-error=false"].map(str::to_owned);
        let args = [&args[..], &as_prometheus].concat();
        let ours = Watchfire::start("rules", &args).await;
        Self { theirs, ours, storage, their_sink, our_sink }
    }

    async fn has_discovered(&self) -> bool {
        let answer = get_json(&format!("{}/api/v1/alertmanagers", self.theirs.1)).await;
        answer["data"]["activeAlertmanagers"].as_array().is_some_and(|found| !found.is_empty())
    }

    fn reload(&self) {
        self.theirs.0.signal("HUP");
        self.ours.process.signal("HUP");
    }
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join("tests/suite/differential").join(name)).unwrap()
}

/// The rules after the reload: a longer `for`, other texts, another expression, a longer keep, a group that is gone.
fn changed_rules() -> String {
    let change = |text: String, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let text = change(
        read("rules.yml"),
        "for: 3s\n    annotations: {summary: 'first",
        "for: 9s\n    annotations: {summary: 'second",
    );
    let text = change(text, "keep_firing_for: 4s", "keep_firing_for: 7s");
    let text = change(text, "expr: gone\n", "expr: gone{zone=\"eu\"} or gone\n");
    text.split("- name: leaving").next().unwrap_or_default().to_owned()
}

/// What was seen of both.
#[derive(Default)]
struct Record {
    theirs: Seen,
    ours: Seen,
    start: f64,
}

async fn play(pair: &Pair, quiet: &Quiet) -> Record {
    let mut feed = Feed::new(&read("script.txt"), &[&pair.theirs.1, &pair.storage.1]);
    let mut record = Record::default();
    let mut is_ready = 0;
    let mut step = 0;
    while step < STEPS {
        let at = quiet.next(now(), 0.8);
        nothing_for(at.since(now())).await;
        let seconds = at.as_secs_f64() - record.start;
        let (theirs, ours) =
            tokio::join!(record.theirs.ask(&pair.theirs.1, seconds), record.ours.ask(&pair.ours.url, seconds));
        if record.start == 0.0 {
            is_ready = if theirs && ours && pair.has_discovered().await { is_ready + 1 } else { 0 };
            assert!(seconds < at.as_secs_f64() + 1.0);
            // Prometheus writes no alert states before its third evaluation.
            if is_ready == 7 {
                record.start = at.as_secs_f64();
                record.theirs.begin();
                record.ours.begin();
            }
        } else {
            step += 1;
        }
        if step == RELOAD_AT {
            std::fs::write(&quiet.rule_file, changed_rules()).unwrap();
            pair.reload();
        }
        feed.write(step, at).await;
    }
    record
}

fn now() -> Timestamp {
    Timestamp::from_nanos((unix_now() * 1e9) as i64)
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_and_our_rule_service_do_the_same() {
    if !installed("prometheus_and_our_rule_service_do_the_same", &[PROMETHEUS]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let quiet = Quiet::find(folder.path(), &GROUPS);
    assert!(quiet.length > Duration::from_millis(400), "{:?}", quiet.length);
    std::fs::write(&quiet.rule_file, read("rules.yml")).unwrap();
    let pair = Pair::start(folder.path(), &quiet.rule_file).await;
    let record = play(&pair, &quiet).await;

    let (start, end) = (record.start, unix_now());
    let lifetime = |alert: &Value| {
        let is_slow = ["Limited", "Join", "AfterTheFailing"].iter().any(|name| alert["labels"]["alertname"] == *name);
        4.0 * f64::max(RESEND_SECS, if is_slow { 2.0 } else { 1.0 })
    };
    let deaf = RELOAD_AT as f64..RELOAD_AT as f64 + 7.0;
    let [their_posts, our_posts] =
        [&pair.their_sink, &pair.our_sink].map(|sink| posts::posts(sink, start, &deaf, lifetime));
    let stores = [&pair.theirs.1, &pair.storage.1];
    let [their_runs, our_runs] =
        futures_util::future::join_all(stores.map(|url| samples::runs(url, RECORDED, start))).await.try_into().unwrap();
    let [their_series, our_series] =
        futures_util::future::join_all(stores.map(|url| samples::visible(url, RECORDED, start, end)))
            .await
            .try_into()
            .unwrap();

    let found = [
        compare("rule", &record.theirs.0, &record.ours.0, (INTERVAL_MAX, 3.5)),
        compare("alert", &their_posts.news, &our_posts.news, (INTERVAL_MAX, 0.0)),
        compare("samples", &their_runs, &our_runs, (INTERVAL_MAX, 0.0)),
        compare("series", &their_series, &our_series, (INTERVAL_MAX, 0.0)),
    ];
    for Comparison { what, compared, inexact, differences } in &found {
        let differing = differences.len();
        eprintln!("{what}: {compared} entries compared, {differing} differ, {inexact} sequences an interval apart");
        assert!(*compared > 50, "{what}: too little happened");
    }
    eprintln!("resends after so many seconds: {:?} and {:?}", their_posts.resends, our_posts.resends);
    let all: Vec<String> = found.into_iter().flat_map(|comparison| comparison.differences).collect();
    assert!(all.is_empty(), "{} differences:\n{}", all.len(), all.join("\n"));
    assert_eq!(their_posts.usual_resend(), our_posts.usual_resend());
}
