//! The commands that amtool has, beside the real amtool: same output, same exit code, against both notifiers.

mod every_command;
mod try_first;

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use regex::Regex;
use serde_json::{Value, json};

use crate::peers::{ALERTMANAGER, AMTOOL, Process, client, free_port, installed, ready};
use crate::stage::Watchfire;

const CONFIG: &str = include_str!("client/alertmanager.yml");

/// What a program printed, and how it ended.
#[derive(Debug, PartialEq)]
struct Outcome {
    stdout: String,
    code: Option<i32>,
}

/// The two programs, asking one notifier, with settings of their own.
struct Pair {
    url: String,
    home: PathBuf,
}

/// Runs a program at home in a folder.
fn run(program: &str, args: &[&str], home: &Path, input: &str) -> Output {
    let mut child = Command::new(program)
        .args(args)
        .arg("--no-version-check")
        .env("HOME", home)
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads no input may have ended before.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}

impl Pair {
    fn new(url: &str, folder: &Path) -> Self {
        Self { url: url.to_owned(), home: folder.to_owned() }
    }

    fn run(&self, program: &str, args: &[&str], input: &str) -> Outcome {
        let output = run(program, args, &self.home, input);
        eprintln!("{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
        Outcome { stdout: String::from_utf8(output.stdout).unwrap(), code: output.status.code() }
    }

    fn ours(&self, args: &[&str]) -> Outcome {
        let url = format!("--alertmanager.url={}", self.url);
        self.run(env!("CARGO_BIN_EXE_watchfire"), &[args, &[&url]].concat(), "")
    }

    fn amtool(&self, args: &[&str]) -> Outcome {
        let url = format!("--alertmanager.url={}", self.url);
        self.run(AMTOOL, &[args, &[&url]].concat(), "")
    }

    /// Runs both, and the outputs must be equal but for new ids and what amtool 0.25 does not know.
    fn same(&self, args: &[&str]) -> Outcome {
        let (ours, theirs) = (self.ours(args), self.amtool(args));
        let comparable = |outcome: &Outcome| Outcome { stdout: comparable(&outcome.stdout), code: outcome.code };
        assert_eq!(comparable(&ours), comparable(&theirs), "{args:?}");
        ours
    }

    fn all_same(&self, table: &[&[&str]]) {
        for args in table {
            self.same(args);
        }
    }
}

/// Ids of new silences differ, and the instants of changes; `mutedBy` came with Alertmanager 0.28.
fn comparable(text: &str) -> String {
    let differing = r#"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|"updatedAt":"[^"]*"|"mutedBy":\[\],"#;
    Regex::new(differing).unwrap().replace_all(text, "~").replace('~', "")
}

async fn our_notifier(folder: &Path) -> Watchfire {
    let config = folder.join("alertmanager.yml");
    std::fs::write(&config, CONFIG).unwrap();
    let args = [format!("--config.file={}", config.display()), "--storage.path=".to_owned()];
    Watchfire::start("notifier", &args).await
}

async fn real_notifier(folder: &Path) -> (Process, String) {
    let (config, port) = (folder.join("alertmanager.yml"), free_port());
    std::fs::write(&config, CONFIG).unwrap();
    let mut command = Command::new(ALERTMANAGER);
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=");
    let process = Process::start(ALERTMANAGER, &mut command);
    let url = format!("http://127.0.0.1:{port}");
    ready(&format!("{url}/-/ready")).await;
    (process, url)
}

/// A notifier with alerts of every state, and silences of every state with both kinds of matchers.
async fn fill(url: &str) -> Vec<String> {
    let post = async |path: &str, body: Value| -> Value {
        let answer = client().post(format!("{url}/api/v2/{path}")).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    };
    let alert = |name: &str, team: &str, starts_at: &str| {
        json!({"labels": {"alertname": name, "team": team, "sev": "x"}, "startsAt": starts_at, "endsAt": "2099-01-01T00:00:00Z",
            "annotations": {"summary": format!("about {name} <b> & ü"), "runbook": "x"}, "generatorURL": "http://g/"})
    };
    let alerts = [
        alert("Second", "a", "2026-01-02T00:00:00Z"),
        alert("First", "b", "2026-01-01T00:00:00Z"),
        alert("Quiet", "a", "2026-01-03T00:00:00Z"),
    ];
    post("alerts", Value::from(alerts.to_vec())).await;
    let mut ids = Vec::new();
    for (name, op, value, starts, ends) in [
        ("alertname", (true, false), "Quiet", "2026-01-01T00:00:00Z", "2098-01-01T00:00:00Z"),
        ("team", (false, true), "a|b", "2026-01-01T00:00:00Z", "2097-01-01T00:00:00Z"),
        ("node", (false, false), "n\"q", "2090-01-01T00:00:00Z", "2096-01-01T00:00:00Z"),
        ("zone", (true, true), "z.*", "2026-01-01T00:00:00Z", "2095-01-01T00:00:00Z"),
    ] {
        let matchers = json!([{"name": "alertname", "value": "Quiet", "isRegex": false, "isEqual": true},
            {"name": name, "value": value, "isEqual": op.0, "isRegex": op.1}]);
        let comment = format!("comment on {name} <&>");
        let body =
            json!({"matchers": matchers, "startsAt": starts, "endsAt": ends, "createdBy": name, "comment": comment});
        ids.push(post("silences", body).await["silenceID"].as_str().unwrap().to_owned());
    }
    let ended = ids.last().unwrap();
    client().delete(format!("{url}/api/v2/silence/{ended}")).send().await.unwrap().error_for_status().unwrap();
    ids
}

/// Every question in every format, and what changes nothing or the same for both.
fn compare(pair: &Pair, ids: &[String]) {
    for format in ["simple", "extended", "json"] {
        let questions: [&[&str]; 25] = [
            &["alert"],
            &["alert", "Second", "team=a"],
            &["alert", "query", "Second"],
            &["alert", "query", "team=~a.*", "sev!=y"],
            &["alert", "query", "nosuch=1"],
            &["alert", "query", "-s"],
            &["alert", "query", "-a", "-s", "-i", "-u"],
            &["alert", "query", "-r", "team-.*"],
            &["alert", "query", "--date.format", "Mon Jan _2 15:04:05.000 2006"],
            &["alert", "query", "First", "bare"],
            &["alert", "query", "-r", "("],
            &["silence"],
            &["silence", "-q"],
            &["silence", "Quiet"],
            &["silence", "query", "--expired"],
            &["silence", "query", "--created-by", "team"],
            &["silence", "query", "alertname=Quiet", "zone=~z.*"],
            &["silence", "query", "--within", "1h"],
            &["silence", "query", "--expired", "--within", "1h"],
            &["silence", "query", "-q"],
            &["silence", "query", "Quiet", "-q"],
            &["cluster"],
            &["cluster", "show"],
            &["config", "routes"],
            &["config", "routes", "show"],
        ];
        for question in questions {
            let outcome = pair.same(&[&["--output", format], question].concat());
            let is_wrong = question.contains(&"bare") || question.contains(&"(");
            assert_eq!(outcome.code, Some(i32::from(is_wrong)), "{question:?}");
        }
    }
    for format in ["simple", "json"] {
        pair.same(&["silence", "update", &ids[1], "-c", format, "--end", "2094-01-01T00:00:00Z", "-o", format]);
    }
    pair.all_same(&[
        &["config"],
        &["config", "show", "-o", "json"],
        &["alert", "add", "New", "a=b", "--annotation=summary=s", "--end", "2099-01-01T00:00:00Z"],
        &["alert", "add", "New", "a!=b"],
        &["alert", "add"],
        &["silence", "add", "New", "-c", "why", "-a", "me", "-d", "1d"],
        &["silence", "add", "New", "a=~x.*", "-c", "why", "--start", "2040-01-01T00:00:00Z"],
        &["silence", "add", "New"],
        &["silence", "add", "-c", "why"],
        &["silence", "add", "New", "-c", "why", "-d", "5x"],
        &["silence", "add", "a=", "-c", "why"],
        &["silence", "add", "New", "a=~(", "-c", "why"],
        &["silence", "expire", &ids[0]],
        &["silence", "expire", "00000000-0000-0000-0000-000000000000"],
        &["silence", "expire"],
        &["silence", "update"],
        &["silence", "update", "none"],
        &["silence", "update", &ids[1], "-d", "0s"],
        &["config", "routes", "test", "team=a", "sev=x", "env=prod"],
        &["config", "routes", "test", "--tree", "team=a", "sev=x", "env=prod"],
        &["config", "routes", "test", "--verify.receivers=def,rest", "team=b"],
        &["alert", "--no-such-flag"],
        &["alert", "-o", "xml"],
    ]);
}

#[tokio::test]
async fn amtool_and_we_print_the_same_about_our_notifier() {
    if !installed("amtool_and_we_print_the_same_about_our_notifier", &[AMTOOL]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let notifier = our_notifier(folder.path()).await;
    let ids = fill(&notifier.url).await;
    compare(&Pair::new(&notifier.url, folder.path()), &ids);
}

#[tokio::test]
async fn amtool_and_we_print_the_same_about_alertmanager() {
    if !installed("amtool_and_we_print_the_same_about_alertmanager", &[AMTOOL, ALERTMANAGER]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_process, url) = real_notifier(folder.path()).await;
    let ids = fill(&url).await;
    compare(&Pair::new(&url, folder.path()), &ids);
}

#[test]
fn amtool_and_we_answer_the_same_without_a_notifier() {
    if !installed("amtool_and_we_answer_the_same_without_a_notifier", &[AMTOOL]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("am.yml"), CONFIG).unwrap();
    std::fs::write(folder.path().join("mine.tmpl"), r#"{{ define "mine" }}{{ .Receiver }} {{ len .Alerts }}{{ end }}"#)
        .unwrap();
    let data =
        r#"{"receiver":"r","alerts":[{"status":"firing","labels":{"a":"<b>"},"startsAt":"2020-01-01T00:00:00Z"}]}"#;
    std::fs::write(folder.path().join("data.json"), data).unwrap();
    let pair = Pair::new("http://127.0.0.1:1", folder.path());
    pair.all_same(&[
        &["alert"],
        &["silence"],
        &["silence", "add", "a", "-c", "b"],
        &["cluster"],
        &["config"],
        &["config", "routes"],
        &["config", "routes", "--config.file=am.yml"],
        &["config", "routes", "show", "--config.file=am.yml"],
        &["config", "routes", "test", "--config.file=am.yml"],
        &["config", "routes", "test", "--config.file=am.yml", "--tree", "team=b"],
        &["config", "routes", "test", "--config.file=am.yml", "team=a", "sev=x", "env=stage"],
        &["config", "routes", "test", "--config.file=am.yml", "team=a", "sev=x", "--verify.receivers=team-a,notb"],
        &["config", "routes", "test", "--config.file=am.yml", "team=a", "--verify.receivers=team-a"],
        &["config", "routes", "test", "--config.file=am.yml", "bare"],
        &["config", "routes", "test", "--config.file=am.yml", "team=~a"],
        &["config", "routes", "test", "--config.file=none.yml", "team=a"],
        &["check-config", "am.yml"],
        &[
            "template",
            "render",
            "--template.glob=*.tmpl",
            r#"--template.text={{ template "mine" . }}"#,
            "--template.data=data.json",
        ],
        &[
            "template",
            "render",
            "--template.glob=*.tmpl",
            "--template.text={{ range .Alerts }}{{ .Labels.a }} {{ .StartsAt }}{{ end }}",
            "--template.data=data.json",
            "--template.type=html",
        ],
        &["template", "render", "--template.glob=*.tmpl", "--template.text={{ nope }}"],
        &["template", "render", "--template.glob=*.tmpl"],
    ]);
    // Connections are taken, by the system, but never answered.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = Pair::new(&format!("http://{}", listener.local_addr().unwrap()), folder.path());
    assert_eq!(silent.same(&["alert", "--timeout", "300ms"]).code, Some(1));
    for args in [["show", "--config.file=am.yml"], ["test", "--config.file=am.yml"]] {
        let short = pair.ours(&[&["route"], &args[..]].concat());
        assert_eq!(short, pair.ours(&[&["config", "routes"], &args[..]].concat()));
    }
}

#[tokio::test]
async fn amtools_settings_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let notifier = our_notifier(folder.path()).await;
    let settings =
        format!("alertmanager.url: {}\nauthor: settings\ncomment_required: false\nreceiver: rest\n", notifier.url);
    let pair = Pair::new(&notifier.url, folder.path());
    let mut programs = vec![env!("CARGO_BIN_EXE_watchfire")];
    programs.extend(installed("amtools_settings_files_are_read", &[AMTOOL]).then_some(AMTOOL));
    for path in [".config/prometheus/amtool.yml", ".config/amtool/config.yml"] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &settings).unwrap();
        for program in &programs {
            assert_eq!(pair.run(program, &["silence", "add", "a=b"], "").code, Some(0), "{program}");
            let shown = pair.run(program, &["silence", "-o", "json"], "");
            let shown: Vec<Value> = serde_json::from_str(&shown.stdout).unwrap();
            assert!(shown.iter().all(|silence| silence["createdBy"] == "settings"), "{shown:?}");
        }
        // amtool knows one of the two places.
        std::fs::remove_file(&path).unwrap();
        programs.truncate(1);
    }
}

#[tokio::test]
async fn silences_go_through_a_file_and_failures_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let notifier = our_notifier(folder.path()).await;
    fill(&notifier.url).await;
    let pair = Pair::new(&notifier.url, folder.path());
    let url = format!("--alertmanager.url={}", notifier.url);
    let ours = env!("CARGO_BIN_EXE_watchfire");
    let exported = pair.ours(&["silence", "-o", "json"]).stdout;
    let again = pair.run(ours, &["silence", "import", &url], &exported);
    let ids = pair.ours(&["silence", "-q"]).stdout;
    assert_eq!((again.stdout.as_str(), again.code), (ids.as_str(), Some(0)), "same ids, nothing new");
    let forced = pair.run(ours, &["silence", "import", "-f", "-w", "1", &url], &exported);
    assert_eq!(forced.stdout.lines().filter(|id| !ids.contains(id)).count(), 3);

    let mut silences: Vec<Value> = serde_json::from_str(&exported).unwrap();
    silences[0]["id"] = json!("00000000-0000-0000-0000-000000000000");
    silences[1]["matchers"] = json!([]);
    let partly = pair.run(ours, &["silence", "import", &url], &Value::from(silences).to_string());
    assert_eq!((partly.stdout.lines().count(), partly.code), (2, Some(1)), "one is refused, one created anew");
    let broken = pair.run(ours, &["silence", "import", &url], &exported[..exported.len() - 10]);
    assert_eq!((broken.stdout.as_str(), broken.code), ("", Some(1)), "nothing is created from half a file");
}

#[test]
fn routes_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("am.yml"), CONFIG).unwrap();
    let pair = Pair::new("http://127.0.0.1:1", folder.path());
    let at = |time: &str, format: &str| {
        let args =
            ["route", "test", "--config.file=am.yml", "--time", time, "-o", format, "alertname=K", "team=a", "sev=x"];
        pair.ours(&args)
    };
    let saturday = at("2026-11-21T12:00:00Z", "simple");
    assert_eq!(saturday.code, Some(0));
    for line in
        ["then: muted by we", r#"group: {}/{sev=~"x|y",team="a"}:{alertname="K"}"#, r#"env="prod" does not hold"#]
    {
        assert!(saturday.stdout.contains(line), "{line}: {}", saturday.stdout);
    }
    let monday: Value = serde_json::from_str(&at("2026-11-23T12:00:00Z", "json").stdout).unwrap();
    assert_eq!(monday["destinations"][0]["quiet"], Value::Null);
    assert_eq!(monday["destinations"][1]["receiver"], "notb");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_configuration_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let locked = Router::new().fallback(|headers: HeaderMap| async move {
        let known = headers.get("authorization").is_some_and(|value| value == "Basic bWU6c2VjcmV0");
        if known { (StatusCode::OK, "[]") } else { (StatusCode::UNAUTHORIZED, "who are you?") }
    });
    tokio::spawn(async move { axum::serve(listener, locked).await });
    std::fs::write(folder.path().join("http.yml"), "basic_auth: {username: me, password: secret}\n").unwrap();
    let pair = Pair::new(&format!("http://{address}"), folder.path());
    let ask = |args: &'static [&'static str]| pair.ours(args);
    let (refused, welcome) =
        tokio::task::block_in_place(|| (ask(&["alert"]), ask(&["alert", "--http.config.file=http.yml"])));
    assert_eq!((refused.code, welcome.code), (Some(1), Some(0)));
    let by_address = Pair::new(&format!("http://me:secret@{address}"), folder.path());
    assert_eq!(tokio::task::block_in_place(|| by_address.ours(&["silence", "-q"])).code, Some(0));
}
