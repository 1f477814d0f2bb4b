//! Every kind of receiver behind everything that can go wrong on the way to it, all at once: what becomes of an attempt, how
//! long it takes, what can be seen of it, who else notices, and that the page goes out when it is over.
//! `docs/faults.md` says the same to users.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::conditions::{eventually, unix_now};
use crate::fault_proxy::{Certificates, Fault, FaultProxy, Front};
use crate::peers::{client, installed};
use crate::sink::Sink;
use crate::stage::{MAIL_PASSWORD, MAIL_USER, MailServer, Watchfire};

/// What ends an attempt, as metrics and log call it.
const OTHER: &str = "other";
const LATE: &str = "contextDeadlineExceeded";
const SORRY: &str = "serverError";

/// A fault, the reason that failures of it are counted with, and words of the message.
pub type Row = (Fault, &'static str, &'static str);

/// For whoever speaks HTTP.
pub const HTTP: [Row; 18] = [
    (Fault::Refused, OTHER, "Connection refused"),
    (Fault::SynUnanswered, LATE, ""),
    (Fault::ClosedAtOnce, OTHER, ""),
    (Fault::ResetAtOnce, OTHER, ""),
    (Fault::ResetInRequest, OTHER, ""),
    (Fault::ResetInAnswer, OTHER, ""),
    (Fault::Silent, LATE, ""),
    (Fault::HeadDrips, LATE, "no answer within "),
    (Fault::BodyDrips, LATE, "no answer within "),
    (Fault::RedirectsToItself, OTHER, "redirected too often or nowhere"),
    (Fault::RedirectsInCircles, OTHER, "redirected too often or nowhere"),
    (Fault::Garbage, OTHER, "request failed"),
    (Fault::ChunksTruncated, OTHER, "request failed"),
    (Fault::LengthWrong, OTHER, "request failed"),
    (Fault::HeadEndless, OTHER, "request failed"),
    (Fault::BodyEndless, SORRY, "HTTP 503"),
    (Fault::BodyInflates, SORRY, "HTTP 503"),
    (Fault::ClosesLate, LATE, "no answer within "),
];

/// For whoever speaks HTTP over TLS.
pub const HTTPS: [Row; 9] = [
    (Fault::Silent, LATE, ""),
    (Fault::ResetAtOnce, OTHER, "cannot connect"),
    (Fault::TlsStalls, LATE, ""),
    (Fault::SelfSigned, OTHER, "invalid peer certificate"),
    (Fault::WrongName, OTHER, "not valid for name"),
    (Fault::Expired, OTHER, "expired"),
    (Fault::ResetInAnswer, OTHER, "request failed"),
    (Fault::BodyDrips, LATE, "no answer within "),
    (Fault::RedirectsInCircles, OTHER, "redirected too often or nowhere"),
];

/// For mail.
const MAIL: [Row; 14] = [
    (Fault::Refused, OTHER, "Connection refused"),
    (Fault::SynUnanswered, LATE, "a connection"),
    (Fault::ClosedAtOnce, OTHER, "greeting failed"),
    (Fault::ResetAtOnce, OTHER, ""),
    (Fault::ResetInRequest, OTHER, "greeting failed"),
    (Fault::ResetInAnswer, OTHER, "STARTTLS failed"),
    (Fault::Silent, LATE, "greeting"),
    (Fault::HeadDrips, LATE, "greeting"),
    (Fault::Garbage, OTHER, "greeting failed"),
    (Fault::HeadEndless, OTHER, "greeting failed"),
    (Fault::LineEndless, OTHER, "greeting failed"),
    (Fault::TlsStalls, LATE, "STARTTLS"),
    (Fault::SelfSigned, OTHER, "STARTTLS failed"),
    (Fault::WrongName, OTHER, "STARTTLS failed"),
];

/// For mail within TLS from the first byte.
const MAIL_TLS: [Row; 11] = [
    (Fault::Refused, OTHER, "Connection refused"),
    (Fault::ClosedAtOnce, OTHER, "TLS failed"),
    (Fault::ResetInAnswer, OTHER, "greeting failed"),
    (Fault::Silent, LATE, "TLS"),
    (Fault::TlsStalls, LATE, "TLS"),
    (Fault::SelfSigned, OTHER, "invalid peer certificate"),
    (Fault::WrongName, OTHER, "not valid for name"),
    (Fault::HeadDrips, LATE, "greeting"),
    (Fault::Garbage, OTHER, "greeting failed"),
    (Fault::HeadEndless, OTHER, "greeting failed"),
    (Fault::LineEndless, OTHER, "greeting failed"),
];

/// The integrations.
const KINDS: [&str; 6] = ["webhook", "pagerduty", "slack", "jira", "sns", "email"];

/// A receiver behind a proxy of its own.
struct Case {
    /// The receiver's name.
    name: String,
    kind: &'static str,
    row: Row,
    proxy: FaultProxy,
    is_mail: bool,
}

impl Case {
    /// How long an attempt may take: what the configuration says; where it has no such key, the least there is.
    fn deadline(&self) -> Duration {
        Duration::from_secs(if matches!(self.kind, "email" | "jira" | "sns") { 10 } else { 2 })
    }

    fn config(&self, folder: &Path) -> String {
        let (name, port) = (&self.name, self.proxy.port);
        let secret = format!("{{ca_file: '{}'}}", folder.join("ca.pem").display());
        let integration = match self.kind {
            "webhook" if name.starts_with("https") => format!(
                "webhook_configs: [{{url: 'https://127.0.0.1:{port}/{name}', timeout: 2s, http_config: {{tls_config: {secret}}}}}]"
            ),
            "webhook" => format!("webhook_configs: [{{url: 'http://127.0.0.1:{port}/{name}', timeout: 2s}}]"),
            "pagerduty" => format!(
                "pagerduty_configs: [{{url: 'http://127.0.0.1:{port}/{name}', routing_key: key-of-somebody, timeout: 2s}}]"
            ),
            "slack" => format!(
                "slack_configs: [{{api_url: 'http://127.0.0.1:{port}/{name}', channel: ops, send_resolved: true, timeout: 2s}}]"
            ),
            "jira" => {
                format!("jira_configs: [{{api_url: 'http://127.0.0.1:{port}/{name}', project: OPS, issue_type: Bug}}]")
            }
            "sns" => format!(
                "sns_configs: [{{api_url: 'http://127.0.0.1:{port}/{name}', topic_arn: 'arn:aws:sns:eu-west-1:123456789012:ops', sigv4: {{region: eu-west-1, access_key: somebody, secret_key: key-of-somebody}}}}]"
            ),
            "email" => {
                let is_tls = name.starts_with("smtps");
                format!(
                    "email_configs: [{{to: {name}@example.org, smarthost: '127.0.0.1:{port}', force_implicit_tls: {is_tls}, tls_config: {secret}}}]"
                )
            }
            other => unreachable!("{other}"),
        };
        format!("- name: {name}\n  {integration}\n")
    }
}

async fn cases(sink: SocketAddr, mails: [SocketAddr; 2], certificates: &std::sync::Arc<Certificates>) -> Vec<Case> {
    let fronts: [(&str, &str, &[Row], Front); 8] = [
        ("webhook", "webhook", &HTTP, Front::Http),
        ("pagerduty", "pagerduty", &HTTP, Front::Http),
        ("slack", "slack", &HTTP, Front::Http),
        ("https", "webhook", &HTTPS, Front::Https(certificates.clone())),
        ("mail", "email", &MAIL, Front::Mail(certificates.clone())),
        ("smtps", "email", &MAIL_TLS, Front::MailTls(certificates.clone())),
        ("jira", "jira", &HTTP, Front::Http),
        ("sns", "sns", &HTTP, Front::Http),
    ];
    let mut cases = Vec::new();
    for (prefix, kind, rows, front) in fronts {
        let is_mail = kind == "email";
        for row in rows {
            let name = format!("{prefix}-{:?}", row.0).to_lowercase();
            let upstream = match front {
                Front::Mail(_) => mails[0],
                Front::MailTls(_) => mails[1],
                Front::Http | Front::Https(_) => sink,
            };
            let proxy = FaultProxy::open(front.clone(), upstream, Fault::None).await;
            cases.push(Case { name, kind, row: *row, proxy, is_mail });
        }
    }
    cases
}

fn config(cases: &[Case], folder: &Path, sink: &Sink) -> String {
    let route = |case: &Case| format!("  - {{receiver: {}, continue: true}}\n", case.name);
    format!(
        "global: {{smtp_from: w@example.org, smtp_auth_username: {MAIL_USER}, smtp_auth_password: {MAIL_PASSWORD}}}
route:
  receiver: witness
  group_by: [alertname]
  group_wait: 200ms
  group_interval: 10s
  repeat_interval: 1h
  routes:
{}  - {{receiver: witness}}
receivers:
- name: witness
  webhook_configs: [{{url: '{}'}}]
{}",
        cases.iter().map(route).collect::<String>(),
        sink.url("/witness"),
        cases.iter().map(|case| case.config(folder)).collect::<String>(),
    )
}

/// Failed attempts as the log tells of them.
fn failures(ours: &Watchfire) -> BTreeMap<String, Vec<Value>> {
    let mut failures: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in ours.process.lines() {
        let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
        if line["message"] == "not delivered, will try again" {
            failures.entry(line["receiver"].as_str().unwrap().to_owned()).or_default().push(line);
        }
    }
    failures
}

/// How long the one that nothing is wrong with waited for a page.
async fn told_within(ours: &Watchfire, sink: &Sink, name: &str, deadline: Duration) -> f64 {
    let posted = unix_now();
    ours.post_alerts(&json!([{"labels": {"alertname": name}}])).await;
    eventually(&format!("the witness is told of {name}"), deadline, || async {
        let told = sink.told("/witness");
        let of_it = told.iter().find(|told| told.body["commonLabels"]["alertname"] == name)?;
        Some(of_it.at - posted)
    })
    .await
}

/// Who is told of an alert so far.
fn told_of(alert: &str, cases: &[Case], sink: &Sink, mails: &[MailServer; 2]) -> Vec<bool> {
    let requests = sink.told("");
    let mails: Vec<Value> = mails.iter().flat_map(MailServer::mails).collect();
    let is_told = |case: &Case| match case.is_mail {
        true => mails.iter().any(|mail| {
            mail["to"][0].as_str().is_some_and(|to| to.starts_with(&format!("{}@", case.name)))
                && mail["parts"].to_string().contains(alert)
        }),
        false => requests.iter().any(|told| {
            told.path.starts_with(&format!("/{}", case.name))
                && told.status < 300
                && told.body.to_string().contains(alert)
        }),
    };
    cases.iter().map(is_told).collect()
}

async fn everybody_told(alert: &str, cases: &[Case], sink: &Sink, mails: &[MailServer; 2]) {
    let last = std::sync::Mutex::new(usize::MAX);
    eventually(&format!("everybody is told of {alert}"), Duration::from_secs(90), || async {
        let told = told_of(alert, cases, sink, mails);
        let missing: Vec<&str> =
            cases.iter().zip(&told).filter(|(_, is_told)| !**is_told).map(|(case, _)| case.name.as_str()).collect();
        let before = std::mem::replace(&mut *last.lock().unwrap(), missing.len());
        if missing.len() < 10 && before != missing.len() {
            eprintln!("not told of {alert} yet: {missing:?}");
        }
        missing.is_empty().then_some(())
    })
    .await;
}

/// Values of a metric by two of its labels.
pub fn values(text: &str, metric: &str) -> Vec<(String, f64)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(metric)?.strip_prefix('{'));
    let value = |line: &str| line.rsplit_once("} ").map(|(labels, value)| (labels.to_owned(), value.parse().unwrap()));
    lines.filter_map(value).collect()
}

pub async fn metrics(ours: &Watchfire) -> String {
    client().get(format!("{}/metrics", ours.url)).send().await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_before_every_receiver_ends_in_time_is_seen_and_loses_no_page() {
    let test = "every_fault_before_every_receiver_ends_in_time_is_seen_and_loses_no_page";
    if !installed(test, &["aiosmtpd"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::for_host("127.0.0.1");
    std::fs::write(folder.path().join("ca.pem"), certificates.authority.pem()).unwrap();
    let mail = MailServer::showing(folder.path(), (&certificates.good.0, &certificates.good.1)).await;
    let mails = [mail, MailServer::plain().await];
    let sink = Sink::open().await;
    let addresses = mails.each_ref().map(|mail| SocketAddr::from(([127, 0, 0, 1], mail.port)));
    let cases = cases(sink.address, addresses, &certificates).await;
    let config_file = folder.path().join("alertmanager.yml");
    std::fs::write(&config_file, config(&cases, folder.path(), &sink)).unwrap();
    let args = [format!("--config.file={}", config_file.display()), "--storage.path=".to_owned()];
    let ours = Watchfire::start("notifier", &[&args[..], &["--log.format=json".to_owned()]].concat()).await;

    let usual = told_within(&ours, &sink, "Before", Duration::from_secs(30)).await;
    everybody_told("Before", &cases, &sink, &mails).await;
    assert!(failures(&ours).is_empty(), "{:?}", failures(&ours));

    cases.iter().for_each(|case| case.proxy.set(case.row.0));
    let during = told_within(&ours, &sink, "During", Duration::from_secs(30)).await;
    eventually("every receiver has failed twice", Duration::from_secs(90), || async {
        let answer = client().get(format!("{}/-/healthy", ours.url)).send().await.unwrap();
        assert!(answer.status().is_success());
        let failures = failures(&ours);
        let has_failed = |case: &Case| failures.get(&case.name).is_some_and(|failed| failed.len() >= 2);
        cases.iter().all(has_failed).then_some(())
    })
    .await;
    let asked = crate::conditions::stopwatch();
    let in_trouble = metrics(&ours).await;
    let metrics_took = asked.elapsed();
    // What is new replaces what waits, and that is a notification given up: its time was over.
    let late = told_within(&ours, &sink, "Late", Duration::from_secs(30)).await;
    ours.post_alerts(&json!([{"labels": {"alertname": "During", "pod": "b"}}])).await;
    eventually("what waited is replaced", Duration::from_secs(60), || async {
        let text = metrics(&ours).await;
        let given_up = values(&text, "alertmanager_notifications_failed_total");
        let has = |kind: &str, reason: &str| {
            let labels = format!("integration=\"{kind}\",reason=\"{reason}\"");
            given_up.iter().any(|(of, count)| *of == labels && *count > 0.0)
        };
        KINDS.iter().all(|kind| has(kind, LATE)).then_some(())
    })
    .await;

    cases.iter().for_each(|case| case.proxy.set(Fault::None));
    for alert in ["During", "Late"] {
        everybody_told(alert, &cases, &sink, &mails).await;
    }
    let settled = eventually("nothing is owed any more", Duration::from_secs(60), || async {
        let text = metrics(&ours).await;
        let owed = values(&text, "watchfire_notifications_undelivered");
        owed.iter().all(|(_, count)| *count == 0.0).then_some(text)
    })
    .await;

    let failed = failures(&ours);
    let mut longest: BTreeMap<&str, (u64, String)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let (_, reason, words) = case.row;
        let attempts = &failed[&case.name];
        for attempt in attempts {
            let took = attempt["took_ms"].as_u64().unwrap();
            let told = attempt["error"].as_str().unwrap();
            let over = took.saturating_sub(case.deadline().as_millis() as u64);
            let known = longest.entry(case.kind).or_default();
            if took > known.0 {
                *known = (took, case.name.clone());
            }
            if over > 5_000 {
                wrong.push(format!("{}: an attempt took {took} ms", case.name));
            }
            // An attempt that was under way while the fault came or went may have ended otherwise.
            let is_stated = attempt["reason"] == reason && told.contains(words);
            if !is_stated && attempt == &attempts[0] {
                wrong.push(format!("{}: {} {told:?}, stated {reason} {words:?}", case.name, attempt["reason"]));
            }
            if told.len() > 1000 || told.contains(MAIL_PASSWORD) || told.contains("key-of-somebody") {
                wrong.push(format!("{}: says {told}", case.name));
            }
        }
        let labels = format!("receiver=\"{}\",integration=\"{}\"", case.name, case.kind);
        for metric in ["watchfire_notifications_undelivered", "watchfire_notifications_oldest_undelivered_seconds"] {
            let value = values(&in_trouble, metric).iter().find(|(of, _)| *of == labels).map(|(_, value)| *value);
            if value.is_none_or(|value| value <= 0.0) {
                wrong.push(format!("{}: {metric} was {value:?}", case.name));
            }
        }
    }
    for kind in KINDS {
        let in_log: usize = cases.iter().filter(|case| case.kind == kind).map(|case| failed[&case.name].len()).sum();
        // What the sink answers is no answer of Slack's: it is told, and counts as refused.
        let label = format!("\"integration\":\"{kind}\"");
        let lines = ours.process.lines();
        let refusals = lines.iter().filter(|line| line.contains("refused by the receiver") && line.contains(&label));
        let in_log = in_log + refusals.count();
        let counted = values(&settled, "alertmanager_notification_requests_failed_total");
        let counted = counted.iter().find(|(labels, _)| *labels == format!("integration=\"{kind}\"")).unwrap().1;
        if counted != in_log as f64 {
            wrong.push(format!("{kind}: {counted} failed requests counted, {in_log} in the log"));
        }
    }
    let peak = ours.process.peak_memory_mib();
    eprintln!(
        "{} receivers, {} failed attempts, longest {longest:?}; the witness waited {usual:.2} s before, {during:.2} s and {late:.2} s during; metrics took {metrics_took:?}; peak memory {peak} MiB",
        cases.len(),
        failed.values().map(Vec::len).sum::<usize>(),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for waited in [during, late] {
        assert!(waited < usual + 3.0, "the witness waited {waited:.2} s instead of {usual:.2} s");
    }
    assert!(peak < 300, "{peak} MiB");
}
