//! The configuration is followed: files, globs, volumes of Kubernetes, the web configuration; compressed and with values of
//! the environment. And what systemd is told.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::conditions::{eventually, nothing_for};
use crate::peers::{Process, client, free_port, get_json, ready};
use crate::stage::{Answers, Watchfire};

const SOON: Duration = Duration::from_secs(40);

/// Longer than it takes to settle, several times.
const A_WHILE: Duration = Duration::from_millis(2_500);

fn routes(receiver: &str) -> String {
    format!("route: {{receiver: {receiver}}}\nreceivers: [{{name: {receiver}}}]\n")
}

fn rule(name: &str) -> String {
    format!("groups:\n- name: {name}\n  rules:\n  - {{alert: Full, expr: stream_clients_clients > 1000, for: 1h}}\n")
}

async fn metric(url: &str, line_start: &str) -> Option<f64> {
    let page = client().get(format!("{url}/metrics")).send().await.ok()?.text().await.ok()?;
    let line = page.lines().find(|line| line.starts_with(line_start))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Waits until a metric has a value.
pub async fn becomes(url: &str, metric_start: &str, value: f64) {
    eventually(&format!("{metric_start} is {value}"), SOON, || async {
        (metric(url, metric_start).await == Some(value)).then_some(())
    })
    .await;
}

async fn status(url: &str) -> String {
    let status = get_json(&format!("{url}/api/v2/status")).await;
    status["config"]["original"].as_str().unwrap_or_default().to_owned()
}

async fn has_receiver(url: &str, receiver: &str) {
    eventually(&format!("receiver {receiver} is in force"), SOON, || async {
        status(url).await.contains(&format!("receiver: {receiver}")).then_some(())
    })
    .await;
}

const BY_FILES: &str = "watchfire_config_reloads_total{trigger=\"files\"}";
const SUCCESSFUL: &str = "alertmanager_config_last_reload_successful";

/// A volume as the kubelet makes it: another version is one link renamed.
fn new_version(volume: &Path, version: &str, text: &str) {
    fs::create_dir(volume.join(version)).unwrap();
    fs::write(volume.join(version).join("alertmanager.yml"), text).unwrap();
    symlink(version, volume.join("..data_tmp")).unwrap();
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_is_followed_and_a_bad_version_is_not_put_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path();
    new_version(volume, "..v1", &routes("first"));
    symlink("..data/alertmanager.yml", volume.join("alertmanager.yml")).unwrap();
    let args = [
        format!("--config.file={}", volume.join("alertmanager.yml").display()),
        "--storage.path=".to_owned(),
        // The system tells of changes: nothing waits for this.
        "--config.auto-reload-interval=1h".to_owned(),
    ];
    let ours = Watchfire::start("notifier", &args).await;
    has_receiver(&ours.url, "first").await;
    becomes(&ours.url, "watchfire_config_watched_files", 1.0).await;
    let before = metric(&ours.url, BY_FILES).await.unwrap();

    new_version(volume, "..v2", &routes("second"));
    has_receiver(&ours.url, "second").await;
    becomes(&ours.url, BY_FILES, before + 1.0).await;

    // The same bytes, again by way of a new version, are no reload.
    new_version(volume, "..v3", &routes("second"));
    nothing_for(A_WHILE).await;
    assert_eq!(metric(&ours.url, BY_FILES).await, Some(before + 1.0));

    new_version(volume, "..v4", "route: {receiver: nobody}\nreceivers: [{name: third}]\n");
    becomes(&ours.url, SUCCESSFUL, 0.0).await;
    assert!(status(&ours.url).await.contains("receiver: second"));
    assert_eq!(metric(&ours.url, "watchfire_config_reloads_failed_total{trigger=\"files\"}").await, Some(1.0));
    let told = ours.process.lines().into_iter().find(|line| line.contains("the old one stays")).unwrap();
    assert!(told.contains("nobody") && told.contains(":1:"), "{told}");

    new_version(volume, "..v5", &routes("fifth"));
    has_receiver(&ours.url, "fifth").await;
    becomes(&ours.url, SUCCESSFUL, 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_files_come_and_go_and_the_state_of_other_rules_stays() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::default();
    answers.set(&[("edge", 1200)]);
    let query = answers.open().await;
    fs::create_dir(folder.path().join("team-a")).unwrap();
    let kept = folder.path().join("team-a/kept.yml");
    fs::write(&kept, rule("kept")).unwrap();
    let args = [
        format!("--rule.file={}/*/*.yml", folder.path().display()),
        format!("--query.url={query}"),
        "--evaluation.interval=1s".to_owned(),
        "--storage.path=".to_owned(),
        "--config.auto-reload-interval=1h".to_owned(),
    ];
    let ours = Watchfire::start("rules", &args).await;
    let since = |alerts: Vec<Value>| alerts.first().map(|alert| alert["activeAt"].clone());
    let pending = eventually("pending", SOON, || async { since(ours.alerts_v1().await) }).await;

    // A folder and a file in it that nobody knew of.
    fs::create_dir(folder.path().join("team-b")).unwrap();
    fs::write(folder.path().join("team-b/new.yml"), rule("new")).unwrap();
    let groups = || async {
        let answer = get_json(&format!("{}/api/v1/rules", ours.url)).await;
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        groups.iter().map(|group| group["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let both = || async { (groups().await == ["kept", "new"]).then_some(()) };
    eventually("the new group is evaluated", SOON, both).await;
    fs::remove_file(folder.path().join("team-b/new.yml")).unwrap();
    eventually("its group goes with the file", SOON, || async { (groups().await == ["kept"]).then_some(()) }).await;
    assert_eq!(since(ours.alerts_v1().await), Some(pending), "the other rule has gone on");

    // All files gone are a volume that is missing, until somebody says otherwise.
    fs::rename(&kept, folder.path().join("kept.txt")).unwrap();
    becomes(&ours.url, "watchfire_config_reload_held", 1.0).await;
    assert_eq!(groups().await, ["kept"]);
    becomes(&ours.url, "prometheus_config_last_reload_successful", 0.0).await;
    fs::rename(folder.path().join("kept.txt"), &kept).unwrap();
    becomes(&ours.url, "watchfire_config_reload_held", 0.0).await;
    becomes(&ours.url, "prometheus_config_last_reload_successful", 1.0).await;
    fs::remove_file(&kept).unwrap();
    becomes(&ours.url, "watchfire_config_reload_held", 1.0).await;
    let answer = client().post(format!("{}/-/reload", ours.url)).send().await.unwrap();
    assert!(answer.status().is_success());
    eventually("no group is left", SOON, || async { groups().await.is_empty().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_auto_reload_only_a_signal_or_a_request_reads_again() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("alertmanager.yml");
    fs::write(&config, routes("first")).unwrap();
    let args = [
        format!("--config.file={}", config.display()),
        "--storage.path=".to_owned(),
        "--config.auto-reload=false".to_owned(),
    ];
    let ours = Watchfire::start("notifier", &args).await;
    fs::write(&config, routes("second")).unwrap();
    nothing_for(A_WHILE).await;
    assert!(status(&ours.url).await.contains("receiver: first"));
    ours.process.signal("HUP");
    has_receiver(&ours.url, "second").await;
    assert_eq!(metric(&ours.url, "watchfire_config_reloads_total{trigger=\"signal\"}").await, Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_with_values_of_the_environment_which_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("alertmanager.yaml.gz");
    let write = |text: &str| {
        let staged = folder.path().join("staged");
        let mut encoder = GzEncoder::new(fs::File::create(&staged).unwrap(), Compression::default());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        encoder.finish().unwrap();
        fs::rename(staged, &config).unwrap();
    };
    let text = "route: {receiver: team-$(STATEFULSET_ORDINAL_NUMBER)}\nreceivers:\n- name: team-3\n  webhook_configs: [{url: 'http://127.0.0.1:9/$(HOOK_TOKEN)/$(UNSET_HERE)'}]\n";
    write(text);
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let process = Process::start(
        "watchfire",
        Command::new(env!("CARGO_BIN_EXE_watchfire"))
            .args(["notifier", "--storage.path=", "--config.expand-env=known"])
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .envs([("HOOK_TOKEN", "s3cret-t0ken"), ("POD_NAME", "watchfire-3")]),
    );
    ready(&format!("{url}/-/ready")).await;
    assert!(
        status(&url).await.contains("team-3") || status(&url).await.contains("STATEFULSET"),
        "{}",
        status(&url).await
    );
    becomes(&url, "watchfire_config_unset_variables", 1.0).await;
    // A mistake right where a value was put in.
    write(&text.replace(
        "webhook_configs: [{url:",
        "webhook_configs: [{uri: '$(HOOK_TOKEN)', max_alerts: $(HOOK_TOKEN), url:",
    ));
    becomes(&url, SUCCESSFUL, 0.0).await;
    let shown = [process.lines().join("\n"), status(&url).await].concat();
    assert!(shown.contains("$(HOOK_TOKEN)") && shown.contains("max_alerts"), "{shown}");
    for secret in ["s3cret", "t0ken"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_come_in_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (config, web) = (folder.path().join("alertmanager.yml"), folder.path().join("web.yml"));
    fs::write(&config, routes("first")).unwrap();
    fs::write(&web, "").unwrap();
    let args = [
        format!("--config.file={}", config.display()),
        format!("--web.config.file={}", web.display()),
        "--storage.path=".to_owned(),
    ];
    let ours = Watchfire::start("notifier", &args).await;
    let hash = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
    fs::write(&web, format!("basic_auth_users: {{ali: '{hash}'}}\n")).unwrap();
    eventually("nobody comes in without a password", SOON, || async {
        let answer = client().get(format!("{}/api/v2/status", ours.url)).send().await.unwrap();
        (answer.status() == 401).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("alertmanager.yml");
    fs::write(&config, routes("first")).unwrap();
    let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    socket.set_nonblocking(true).unwrap();
    let next = |expected: &'static str| {
        let socket = &socket;
        eventually(expected, SOON, move || async move {
            let mut buffer = [0; 1024];
            let length = socket.recv(&mut buffer).ok()?;
            let told = String::from_utf8_lossy(&buffer[..length]).into_owned();
            told.contains(expected).then_some(told)
        })
    };
    let mut process = Process::start(
        "watchfire",
        Command::new(env!("CARGO_BIN_EXE_watchfire"))
            .args(["notifier", "--storage.path=", "--web.listen-address=127.0.0.1:0"])
            .arg(format!("--config.file={}", config.display()))
            .env("NOTIFY_SOCKET", folder.path().join("notify"))
            .env("WATCHDOG_USEC", "200000"),
    );
    next("READY=1").await;
    next("WATCHDOG=1").await;
    next("WATCHDOG=1").await;
    process.signal("HUP");
    let told = next("RELOADING=1").await;
    assert!(told.contains("MONOTONIC_USEC="), "{told}");
    next("READY=1").await;
    process.signal("TERM");
    next("STOPPING=1").await;
    assert!(process.terminate().success());
}
