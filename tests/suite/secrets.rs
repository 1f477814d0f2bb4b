//! What is secret comes out nowhere: a word of its own in every secret field of every configuration, everything that can fail
//! made to fail at `--log.level=debug`, and the word looked for in all that the process says, answers, shows and stores.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::conditions::eventually;
use crate::peers::client;
use crate::stage::Watchfire;

const SOON: Duration = Duration::from_secs(120);

/// The word. Long enough to be a signing secret, and no part of it is a word of ours.
const WORD: &str = "zq7vK9mXw2Lp4Tn8Rb3Yd6Hc";

/// A far side that refuses everything and repeats all it was told: in turn for good and for now.
async fn echo() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = std::sync::atomic::AtomicUsize::new(0);
    let count = std::sync::Arc::new(count);
    let router = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
        let turn = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        async move {
            let status = [StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE][turn % 2];
            (status, format!("refused: {uri} {headers:?} {}", String::from_utf8_lossy(&body)))
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// The kinds whose deliveries are waited for.
const KINDS: [&str; 17] = [
    "webhook",
    "pagerduty",
    "slack",
    "jira",
    "sns",
    "discord",
    "incidentio",
    "msteams",
    "msteamsv2",
    "opsgenie",
    "rocketchat",
    "telegram",
    "victorops",
    "webex",
    "wechat",
    "mattermost",
    "email",
];

/// Every secret field holds the word; `{echo}` stands for the far side, `{nobody}` for a port where nobody listens.
const NOTIFIER: &str = r#"
global:
  smtp_smarthost: 127.0.0.1:{nobody}
  smtp_from: a@b.example
  smtp_auth_username: u
  smtp_auth_password: WORD
  slack_api_url: http://127.0.0.1:{echo}/slack/WORD
  opsgenie_api_key: WORD
  opsgenie_api_url: http://127.0.0.1:{echo}/
  victorops_api_key: WORD
  victorops_api_url: http://127.0.0.1:{echo}/
  wechat_api_secret: WORD
  wechat_api_corp_id: c
  wechat_api_url: http://127.0.0.1:{echo}/
  telegram_bot_token: WORD
  telegram_api_url: http://127.0.0.1:{echo}/
  mattermost_webhook_url: http://127.0.0.1:{echo}/mattermost/WORD
  rocketchat_token: WORD
  rocketchat_token_id: WORD
  rocketchat_api_url: http://127.0.0.1:{echo}/
  http_config: {authorization: {credentials: WORD}}
route: {receiver: all, group_wait: 1ms, group_by: [alertname]}
receivers:
- name: all
  webhook_configs:
  - url: http://127.0.0.1:{echo}/hook/WORD?token=WORD
    http_config: {basic_auth: {username: u, password: WORD}}
  - url: http://u:WORD@127.0.0.1:{echo}/
    http_config: {http_headers: {X-Key: {secrets: [WORD]}}}
  - url: http://127.0.0.1:{echo}/
    http_config: {oauth2: {client_id: i, client_secret: WORD, token_url: 'http://127.0.0.1:{echo}/token', endpoint_params: {p: WORD}}}
  - url: http://u:WORD@127.0.0.1:{nobody}/WORD
  - url: https://u:WORD@127.0.0.1:{echo}/WORD
  - url: http://far.invalid/WORD
    http_config: {proxy_url: 'http://u:WORD@127.0.0.1:{nobody}', proxy_connect_header: {X-P: [WORD]}}
  - url: http://127.0.0.1:{echo}/{{ .Nothing }}/WORD
  - url: http://127.0.0.1:{echo}/WORD
    signature: {secret: WORD, secrets: [WORDWORD]}
    payload: {a: '{{ .Nothing }}'}
  - url_file: secret
  pagerduty_configs:
  - {routing_key: WORD, url: 'http://127.0.0.1:{echo}/WORD'}
  - {service_key: WORD, url: 'http://127.0.0.1:{echo}/WORD', description: '{{ .Nothing }}'}
  slack_configs:
  - channel: c
  - {channel: c, app_token: WORD, app_url: 'http://127.0.0.1:{echo}/chat.postMessage', http_config: {}}
  jira_configs:
  - {api_url: 'http://127.0.0.1:{echo}/WORD/rest/api/2', project: p, issue_type: i, http_config: {basic_auth: {username: u, password: WORD}}}
  sns_configs:
  - {api_url: 'http://127.0.0.1:{echo}/WORD', topic_arn: a, sigv4: {region: r, access_key: WORD, secret_key: WORD}, http_config: {}}
  discord_configs: [{webhook_url: 'http://127.0.0.1:{echo}/WORD'}]
  incidentio_configs: [{url: 'http://127.0.0.1:{echo}/WORD', alert_source_token: WORD, http_config: {}}]
  msteams_configs: [{webhook_url: 'http://127.0.0.1:{echo}/WORD'}]
  msteamsv2_configs: [{webhook_url: 'http://127.0.0.1:{echo}/WORD'}]
  opsgenie_configs: [{}, {api_key: WORDWORD, http_config: {}}]
  rocketchat_configs: [{channel: c}]
  telegram_configs: [{chat_id: 1}]
  victorops_configs: [{routing_key: r}]
  webex_configs: [{room_id: r, api_url: 'http://127.0.0.1:{echo}/WORD', http_config: {authorization: {credentials: WORD}}}]
  wechat_configs: [{to_user: u}]
  mattermost_configs: [{}]
  email_configs:
  - {to: x@y.example}
  - {to: x@y.example, smarthost: '127.0.0.1:{echo}', auth_secret: WORD, auth_password: WORD, tls_config: {insecure_skip_verify: true}}
"#;

fn filled(text: &str, echo: u16) -> String {
    let nobody = crate::peers::free_port();
    text.replace("WORD", WORD).replace("{echo}", &echo.to_string()).replace("{nobody}", &nobody.to_string())
}

/// The word as it is, and as basic authentication and CRAM or PLAIN encode it, whatever stands before it.
fn forms() -> Vec<String> {
    let encoded = ["", "x", "xx"].map(|before| {
        let whole = STANDARD.encode(format!("{before}{WORD}"));
        whole[4..whole.len() - 4].to_owned()
    });
    [WORD.to_owned()].into_iter().chain(encoded).collect()
}

fn none_in(what: &str, text: &str) {
    none_of(&forms(), what, text);
}

fn none_of(forms: &[String], what: &str, text: &str) {
    for form in forms {
        let Some(at) = text.find(form) else { continue };
        let excerpt: String = text[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
        panic!("{what} tells a secret behind: {excerpt}");
    }
}

/// None of these lies in a file.
pub fn none_stored(folder: &Path, forms: &[String]) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            none_stored(&entry, forms);
        } else {
            none_of(forms, &entry.display().to_string(), &String::from_utf8_lossy(&std::fs::read(&entry).unwrap()));
        }
    }
}

async fn none_answered(url: &str, paths: &[&str]) {
    for path in paths {
        let answer = client().get(format!("{url}{path}")).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(!status.is_server_error(), "{path}: {status}");
        none_in(path, &text);
    }
}

/// What a command of ours prints.
fn printed(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire")).args(args).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Files with mistakes right beside secrets.
fn broken() -> Vec<String> {
    let receiver =
        |text: &str| format!("route: {{receiver: r}}\nreceivers:\n- name: r\n  webhook_configs:\n  {text}\n");
    let one_line = |text: &str| receiver(&format!("- {{{text}}}"));
    vec![
        one_line("url: ftp://WORD"),
        one_line("url: 'http://h/WORD{{ .X | nothing }}'"),
        one_line("url: http://h/WORD, timeout: soon"),
        one_line("url: http://h/, urll: WORD"),
        one_line("url: http://h/, signature: {secret: WORD, secret_file: WORD}"),
        one_line("url: http://h/, signature: {secret: whsec_WORD!}"),
        one_line("url: http://h/, http_config: {basic_auth: {password: WORD, password_file: f}}"),
        one_line("url: http://h/, http_config: {bearer_token: WORD, authorization: {credentials: WORD}}"),
        one_line("url: http://h/, http_config: {proxy_url: 'gopher://WORD'}"),
        receiver("- url: http://h/WORD\n   url_file: WORD"),
        receiver("- url: \"http://h/WORD"),
        receiver("- {url: http://h/WORD"),
        "global: {slack_api_url: WORD, smtp_auth_password: [WORD]}\nroute: {receiver: r}\nreceivers: [{name: r}]\n"
            .to_owned(),
    ]
    .into_iter()
    .map(|text| text.replace("WORD", WORD))
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notifier_tells_no_secret_whatever_fails() {
    let folder = tempfile::tempdir().unwrap();
    let config = filled(NOTIFIER, echo().await);
    std::fs::write(folder.path().join("secret"), format!("http://127.0.0.1:1/{WORD}")).unwrap();
    std::fs::write(folder.path().join("alertmanager.yml"), &config).unwrap();
    let path = folder.path().join("alertmanager.yml").display().to_string();
    let data = folder.path().join("data");
    let args = ["--log.level=debug".to_owned(), format!("--config.file={path}")];
    let args =
        [&args[..], &[format!("--storage.path={}", data.display()), "--config.auto-reload=false".to_owned()]].concat();
    let watchfire = Watchfire::start("notifier", &args).await;
    watchfire.post_alerts(&json!([{"labels": {"alertname": "A", "severity": "critical"}}])).await;
    let metrics = format!("{}/metrics", watchfire.url);
    eventually("each integration has failed", SOON, || async {
        let page = client().get(&metrics).send().await.ok()?.text().await.ok()?;
        let has_failed = |kind: &&str| {
            let label = format!("integration=\"{kind}\"");
            let counts = |line: &str| line.contains("_requests_failed_total{") && line.contains(&label);
            page.lines().any(|line| counts(line) && !line.ends_with(" 0"))
        };
        KINDS.iter().all(has_failed).then_some(())
    })
    .await;
    // trials of the same receiver, told in full
    for dry_run in [true, false] {
        let order = json!({"receiver": "all", "dryRun": dry_run});
        let answer = client().post(format!("{}/api/v2/receivers/test", watchfire.url)).timeout(SOON).json(&order);
        none_in("a trial", &answer.send().await.unwrap().text().await.unwrap());
    }
    for text in broken() {
        std::fs::write(folder.path().join("alertmanager.yml"), text).unwrap();
        let answer = client().post(format!("{}/-/reload", watchfire.url)).send().await.unwrap();
        assert!(!answer.status().is_success());
        none_in("a reload", &answer.text().await.unwrap());
        none_in("check config", &printed(&["check", "config", &path]));
    }
    none_answered(
        &watchfire.url,
        &[
            "/",
            "/alerts",
            "/history",
            "/silences",
            "/routing",
            "/status",
            "/metrics",
            "/api/v2/status",
            "/api/v2/alerts",
            "/api/v2/alerts/groups",
            "/api/v2/receivers",
            "/api/v2/silences",
            "/api/v2/history",
            "/api/v1/status",
            "/api/v2/explain?filter=alertname%3D%22A%22",
            "/nowhere",
        ],
    )
    .await;
    std::fs::write(folder.path().join("alertmanager.yml"), &config).unwrap();
    let address = format!("--alertmanager.url={}", watchfire.url);
    for args in [
        &["config", "show", &address][..],
        &["config", "routes", &address],
        &["explain", "alertname=A", &address],
        &["history", &address],
        &["check", "config", &path],
        &["route", "show", "--config.file", &path],
        &["receiver", "test", "all", "--config.file", &path, "--dry-run"],
    ] {
        none_in(&args.join(" "), &printed(args));
    }
    none_in("the log", &watchfire.process.lines().join("\n"));
    none_stored(&data, &forms());
}

const RULES: &str = r#"
global: {evaluation_interval: 1s}
rule_files: [rules.yml]
query:
  url: http://u:WORD@127.0.0.1:{echo}
  headers: {X-Key: WORD}
  basic_auth: {username: u, password: WORD}
remote_write:
- {url: 'http://127.0.0.1:{echo}/', authorization: {credentials: WORD}}
- {url: 'https://127.0.0.1:{echo}/', headers: {X-Key: WORD}}
- {url: 'http://u:WORD@127.0.0.1:{nobody}/', oauth2: {client_id: i, client_secret: WORD, token_url: 'http://127.0.0.1:{echo}/token'}}
alerting:
  alertmanagers:
  - static_configs: [{targets: ['127.0.0.1:{echo}', '127.0.0.1:{nobody}']}]
    basic_auth: {username: u, password: WORD}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_service_tells_no_secret_whatever_fails() {
    let folder = tempfile::tempdir().unwrap();
    let rules = "groups:\n- name: g\n  rules:\n  - {alert: A, expr: vector(1)}\n  - {record: 'a:b', expr: up}\n";
    std::fs::write(folder.path().join("rules.yml"), rules).unwrap();
    let path = folder.path().join("prometheus.yml");
    std::fs::write(&path, filled(RULES, echo().await)).unwrap();
    let data = folder.path().join("data");
    let args = [
        "--log.level=debug".to_owned(),
        format!("--config.file={}", path.display()),
        format!("--storage.path={}", data.display()),
        "--config.auto-reload=false".to_owned(),
    ];
    let watchfire = Watchfire::start("rules", &args).await;
    eventually("the rules have failed", SOON, || async {
        let answer = client().get(format!("{}/api/v1/rules", watchfire.url)).send().await.ok()?.text().await.ok()?;
        (answer.matches("\"health\":\"err\"").count() == 2).then_some(())
    })
    .await;
    for text in [
        "query: {url: WORD}\n",
        "query: {url: 'http://h/', password: WORD\n",
        "remote_write: [{url: http://h/, authorization: {credentials: WORD, credentials_file: WORD}}]\n",
    ] {
        std::fs::write(&path, text.replace("WORD", WORD)).unwrap();
        let answer = client().post(format!("{}/-/reload", watchfire.url)).send().await.unwrap();
        assert!(!answer.status().is_success());
        none_in("a reload", &answer.text().await.unwrap());
    }
    none_answered(
        &watchfire.url,
        &[
            "/",
            "/rules",
            "/status",
            "/metrics",
            "/api/v1/rules",
            "/api/v1/alerts",
            "/api/v1/alertmanagers",
            "/api/v1/status/config",
        ],
    )
    .await;
    none_in("the log", &watchfire.process.lines().join("\n"));
    none_stored(&data, &forms());
}

#[test]
fn a_web_configuration_tells_no_secret_when_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text.replace("WORD", WORD)).unwrap();
    write("alertmanager.yml", "route: {receiver: r}\nreceivers: [{name: r}]\n");
    write("key.pem", "-----BEGIN PRIVATE KEY-----\nWORD\n-----END PRIVATE KEY-----\n");
    write("cert.pem", "WORD\n");
    for web in [
        "basic_auth_users: {u: WORD}",
        "basic_auth_users: {u: [WORD]}",
        "basic_auth_users: {u: WORD",
        "tls_server_config: {cert_file: cert.pem, key_file: key.pem}",
        "tls_server_config: {cert: WORD, key: WORD}",
    ] {
        write("web.yml", web);
        let [config, web_config] =
            ["alertmanager.yml", "web.yml"].map(|name| folder.path().join(name).display().to_string());
        let args = [
            "notifier",
            "--config.file",
            &config,
            "--web.config.file",
            &web_config,
            "--storage.path=",
            "--web.listen-address=127.0.0.1:0",
        ];
        let told = printed(&args);
        assert!(!told.is_empty(), "{web} is refused with words");
        none_in(web, &told);
    }
}
