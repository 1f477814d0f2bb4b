//! `access:` of the web configuration file, on the real program: who may do what, of which alerts, under which name; and what the
//! book says of it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::conditions::eventually;
use crate::stage::Watchfire;

const SOON: Duration = Duration::from_secs(60);
/// In everything that is others' business.
const MARKER: &str = "webmarker7";
const CONFIG: &str = r#"
route:
  receiver: everybody
  group_by: []
  group_wait: 1s
  group_interval: 2s
  routes:
    - {receiver: webmarker7-receiver, matchers: ['team="webmarker7"'], continue: true}
    - {receiver: db, matchers: ['team=~".+"']}
inhibit_rules:
  - {source_matchers: ['alertname="WebDown"'], target_matchers: ['alertname="DbInhibited"']}
receivers: [{name: everybody}, {name: db}, {name: webmarker7-receiver}]
"#;

fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn token(name: &str, role: &str, more: &str) -> String {
    format!("  - {{name: {name}, role: {role}, sha256: {}{more}}}\n", hash(&secret(name)))
}

fn secret(name: &str) -> String {
    format!("{name}-secret-token-of-some-length")
}

const DB: &str = ", matchers: ['team=\"db\"']";

/// Tokens of every role, a user, and a proxy at another address of this machine.
fn web_config(more: &str) -> String {
    let tokens = [
        token("viewer", "viewer", ""),
        token("operator", "operator", ""),
        token("admin", "admin", ""),
        token("sender", "sender", ""),
        token("db-viewer", "viewer", DB),
        token("db-operator", "operator", DB),
        token("db-sender", "sender", DB),
        token("old", "admin", ", expires: 2020-01-01T00:00:00Z"),
    ];
    let hash = bcrypt::hash("sesame", 4).unwrap();
    format!(
        "basic_auth_users: {{ann: {hash}}}\naccess:\n  users: {{ann: operator}}\n  proxy:\n    trusted: [127.0.0.2]\n    groups: {{sre: admin, db: {{role: operator, matchers: ['team=\"db\"']}}}}\n{more}  tokens:\n{}",
        tokens.concat()
    )
}

/// Both halves behind a door.
struct Site {
    url: String,
    server: Watchfire,
    client: Client,
}

impl Site {
    async fn start(folder: &Path, web: &str) -> Self {
        std::fs::write(folder.join("web.yml"), web).unwrap();
        std::fs::write(folder.join("alertmanager.yml"), CONFIG).unwrap();
        let file = |flag: &str, name: &str| format!("--{flag}={}", folder.join(name).display());
        let args = [
            file("config.file", "alertmanager.yml"),
            file("web.config.file", "web.yml"),
            file("audit.file", "audit.jsonl"),
            "--storage.path=".to_owned(),
            "--rules.enable-api".to_owned(),
            "--query.url=http://127.0.0.1:9".to_owned(),
            "--web.enable-lifecycle".to_owned(),
        ];
        let server = Watchfire::start("run", &args).await;
        Self { url: server.url.clone(), server, client: crate::peers::client() }
    }

    fn ask(&self, who: &str, method: &Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method.clone(), format!("{}{path}", self.url)).timeout(SOON);
        if who.is_empty() { request } else { request.bearer_auth(secret(who)) }
    }

    async fn status(&self, who: &str, method: &Method, path: &str) -> u16 {
        self.ask(who, method, path).body("?").send().await.unwrap().status().as_u16()
    }

    async fn get(&self, who: &str, path: &str) -> Value {
        self.ask(who, &Method::GET, path).send().await.unwrap().json().await.unwrap()
    }

    async fn post(&self, who: &str, path: &str, body: &Value) -> Response {
        self.ask(who, &Method::POST, path).json(body).send().await.unwrap()
    }

    async fn silence(&self, who: &str, team: &str, by: &str) -> (StatusCode, Value) {
        let matchers = json!([{"name": "team", "value": team, "isRegex": false}]);
        let body = json!({"matchers": matchers, "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z",
            "createdBy": by, "comment": format!("about {team}")});
        let answer = self.post(who, "/api/v2/silences", &body).await;
        (answer.status(), answer.json().await.unwrap())
    }
}

fn alerts(team: &str, names: &[&str]) -> Value {
    let one = |name: &&str| json!({"labels": {"alertname": name, "team": team}, "annotations": {"summary": format!("of {team}")}});
    names.iter().map(one).collect()
}

fn lines(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("audit.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_what_it_is_for() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), &web_config("")).await;
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let id = "00000000-0000-0000-0000-000000000000";
    let silence = format!("/api/v2/silence/{id}");
    // Whether it is let through: nobody, sender, viewer, operator, admin, viewer and operator of some alerts.
    let cases = [
        (&get, "/-/healthy", "xxxxxxx"),
        (&get, "/-/ready", "xxxxxxx"),
        (&get, "/metrics", "  xxx  "),
        (&get, "/api/v2/alerts", "  xxxxx"),
        (&post, "/api/v2/alerts", " x  x  "),
        (&get, "/api/v2/silences", "  xxxxx"),
        (&post, "/api/v2/silences", "   xx x"),
        (&delete, silence.as_str(), "   xx x"),
        (&post, "/api/v2/ack", "   xx x"),
        (&get, "/api/v2/receivers", "  xxx  "),
        (&post, "/api/v2/receivers/test", "   xx  "),
        (&get, "/api/v1/rules", "  xxx  "),
        (&post, "/config/v1/rules/ns", "    x  "),
        (&delete, "/api/prom/rules/ns", "    x  "),
        (&get, "/alerts", "  xxxxx"),
        (&get, "/status", "  xxx  "),
        (&post, "/alerts/acknowledge", "   xx x"),
        (&post, "/nothing/that/is/known", "    x  "),
        (&get, "/nothing/that/is/known", "  xxx  "),
        (&post, "/-/reload", "    x  "),
    ];
    let callers = ["", "sender", "viewer", "operator", "admin", "db-viewer", "db-operator"];
    for (method, path, expected) in cases {
        for (who, expected) in callers.iter().zip(expected.chars()) {
            let status = site.status(who, method, path).await;
            let text_of_role = expected == 'x';
            // A form without its token is refused with 403 by the page itself, which is far enough.
            let is_let_in = status != 401 && (status != 403 || path == "/alerts/acknowledge" && text_of_role);
            assert_eq!(is_let_in, text_of_role, "{who:?} {method} {path}: {status}");
            if who.is_empty() && !text_of_role {
                assert_eq!(status, 401, "{method} {path}");
            }
        }
    }
    let refused = site.ask("viewer", &post, "/-/reload").send().await.unwrap().text().await.unwrap();
    assert_eq!(refused, "viewer has the role viewer: this needs the role admin\n");
    let nobody = site.ask("", &get, "/alerts").send().await.unwrap();
    let challenges: Vec<_> = nobody.headers().get_all("www-authenticate").iter().collect();
    assert_eq!(challenges, ["Basic realm=\"Watchfire\"", "Bearer realm=\"Watchfire\""]);
    let old = site.ask("old", &get, "/alerts").send().await.unwrap();
    assert!(old.status() == 401 && old.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic"));
    assert!(old.text().await.unwrap().contains("expired"));
    assert_eq!(site.status("nobody-has-this", &get, "/alerts").await, 401);
    let log = site.server.process.lines().join("\n");
    assert!(!log.contains("secret-token") && log.contains("action=refused"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_bears_the_name_of_who_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), &web_config("")).await;
    let made = site.silence("operator", "db", "somebody else").await;
    assert_eq!(made.0, 200, "{}", made.1);
    let id = made.1["silenceID"].as_str().unwrap().to_owned();
    let shown = site.get("viewer", &format!("/api/v2/silence/{id}")).await;
    assert_eq!(shown["createdBy"], "operator");
    assert_eq!(site.post("sender", "/api/v2/alerts", &alerts("db", &["Db"])).await.status(), 200);
    let ack = json!({"matchers": ["team=db"], "by": "somebody else"});
    let taken: Value = site.post("operator", "/api/v2/ack", &ack).await.json().await.unwrap();
    assert_eq!(taken[0]["by"], "operator");
    // Our own client, with the token in a file.
    let config = folder.path().join("client.yml");
    std::fs::write(&config, format!("authorization: {{credentials: {}}}\n", secret("admin"))).unwrap();
    let run = |args: &[&str]| {
        let url = format!("--alertmanager.url={}", site.url);
        let file = format!("--http.config.file={}", config.display());
        Command::new(env!("CARGO_BIN_EXE_watchfire")).args(args).args([url, file]).output().unwrap()
    };
    let added = run(&["silence", "add", "team=db", "--author=me", "--comment=by the client"]);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let expired = run(&["silence", "expire", &id]);
    assert!(expired.status.success(), "{}", String::from_utf8_lossy(&expired.stderr));
    // A user with a password, through a form of ours.
    let page = site.client.get(format!("{}/silences/new", site.url)).basic_auth("ann", Some("sesame"));
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("ann, operator") && page.contains("readonly"), "{page}");
    let form_token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields = [
        ("token", form_token.as_str()),
        ("name", "team"),
        ("op", "="),
        ("value", "db"),
        ("by", "mallory"),
        ("comment", "by a form"),
        ("duration", "1h"),
        ("action", "create"),
        ("sure", "yes"),
    ];
    let sent = |site_header: &'static str| {
        let request = site.client.post(format!("{}/silences/new", site.url)).basic_auth("ann", Some("sesame"));
        request.header("sec-fetch-site", site_header).form(&fields)
    };
    assert_eq!(sent("cross-site").send().await.unwrap().status(), 403);
    let made = sent("same-origin").send().await.unwrap();
    assert!(made.status().is_success() || made.status() == 303, "{}", made.status());
    let silences = site.get("viewer", "/api/v2/silences").await;
    let by = |comment: &str| {
        let found = silences.as_array().unwrap().iter().find(|one| one["comment"] == comment);
        found.map(|one| one["createdBy"].as_str().unwrap().to_owned())
    };
    assert_eq!((by("by the client").as_deref(), by("by a form").as_deref()), (Some("admin"), Some("ann")));
    // The book: what is answered is in it.
    // Changes are on disk when they are answered, and what was refused before them.
    assert_eq!(site.status("viewer", &Method::POST, "/-/reload").await, 403);
    assert_eq!(site.status("admin", &Method::POST, "/-/reload").await, 200);
    let book = lines(folder.path());
    let has = |expected: &Value| {
        let fits = |line: &Value| expected.as_object().unwrap().iter().all(|(name, value)| line[name] == *value);
        assert!(book.iter().any(fits), "{expected} in {book:#?}");
    };
    has(&json!({"action": "silence_set", "outcome": "done", "by": "operator", "known_by": "token", "role": "operator",
        "id": id, "about": "{team=\"db\"}", "comment": "about db", "claimed": "somebody else", "address": "127.0.0.1"}));
    has(&json!({"action": "silence_ended", "outcome": "done", "by": "admin", "id": id}));
    has(&json!({"action": "acknowledged", "outcome": "done", "by": "operator", "claimed": "somebody else"}));
    has(&json!({"action": "silence_set", "by": "ann", "known_by": "password", "comment": "by a form"}));
    has(&json!({"action": "reload", "outcome": "done", "by": "admin"}));
    has(&json!({"action": "refused", "outcome": "refused", "by": "viewer", "id": "POST /-/reload"}));
    let log = site.server.process.lines().join("\n");
    assert!(log.contains("action=silence_set") && !log.contains("sesame"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_believed_where_it_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), &web_config("")).await;
    let from =
        |address: &str| Client::builder().no_proxy().local_address(Some(address.parse().unwrap())).build().unwrap();
    let ask = async |address: &str, method: Method, path: &str, headers: &[(&str, &str)]| {
        let mut request = from(address).request(method, format!("{}{path}", site.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap().status().as_u16()
    };
    let sre = [("X-Forwarded-User", "ann"), ("X-Forwarded-Groups", "all,sre")];
    let db = [("X-Forwarded-User", "bob"), ("X-Forwarded-Groups", "db")];
    assert_eq!(ask("127.0.0.2", Method::POST, "/-/reload", &sre).await, 200);
    assert_eq!(ask("127.0.0.2", Method::POST, "/-/reload", &db).await, 403);
    assert_eq!(ask("127.0.0.2", Method::GET, "/alerts", &db).await, 200);
    assert_eq!(ask("127.0.0.2", Method::GET, "/rules", &db).await, 403);
    assert_eq!(ask("127.0.0.2", Method::GET, "/alerts", &sre[..1]).await, 401, "without a group that is known");
    assert_eq!(ask("127.0.0.2", Method::GET, "/alerts", &[]).await, 401);
    for stranger in ["127.0.0.1", "127.0.0.3"] {
        assert_eq!(ask(stranger, Method::POST, "/-/reload", &sre).await, 401, "{stranger}");
        assert_eq!(ask(stranger, Method::GET, "/alerts", &sre).await, 401, "{stranger}");
    }
    let twice = [("X-Forwarded-User", "bob"), ("X-Forwarded-User", "ann"), ("X-Forwarded-Groups", "sre")];
    assert_eq!(ask("127.0.0.2", Method::GET, "/alerts", &twice).await, 401, "two names are none");
    let forwarded =
        [sre[0], sre[1], ("X-Forwarded-For", "198.51.100.7, 203.0.113.9"), ("Sec-Fetch-Site", "same-origin")];
    assert_eq!(ask("127.0.0.2", Method::POST, "/-/reload", &forwarded).await, 200);
    let last = lines(folder.path()).into_iter().rfind(|line| line["action"] == "reload").unwrap();
    assert_eq!(
        (&last["by"], &last["known_by"], &last["address"]),
        (&json!("ann"), &json!("proxy"), &json!("203.0.113.9"))
    );
    let foreign = [sre[0], sre[1], ("Sec-Fetch-Site", "cross-site")];
    assert_eq!(ask("127.0.0.2", Method::POST, "/-/reload", &foreign).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_change_with_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grafana.token");
    std::fs::write(&path, "the-first-token-of-grafana\n").unwrap();
    let with_file =
        web_config("  anonymous: viewer\n") + "  - {name: grafana, role: operator, token_file: grafana.token}\n";
    let site = Site::start(folder.path(), &with_file).await;
    let status = async |token: &str| {
        let request = site.client.post(format!("{}/api/v2/ack", site.url)).bearer_auth(token).json(&json!({}));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((status("the-first-token-of-grafana").await, status("the-second-token-of-grafana").await), (400, 401));
    assert_eq!(site.status("", &Method::GET, "/alerts").await, 200, "whoever is not logged in may look");
    assert_eq!(site.status("", &Method::POST, "/api/v2/silences").await, 401, "and is asked to log in for more");
    std::fs::write(&path, "the-second-token-of-grafana\n").unwrap();
    site.server.process.signal("HUP");
    eventually("the new token is known", SOON, || async {
        (status("the-second-token-of-grafana").await == 400).then_some(())
    })
    .await;
    assert_eq!(status("the-first-token-of-grafana").await, 401);
    let by_signal = |line: &Value| line["action"] == "reload" && line["known_by"] == "process";
    eventually("it is in the book", SOON, || async { lines(folder.path()).iter().any(by_signal).then_some(()) }).await;
    // What cannot be used changes nothing.
    std::fs::write(&path, "short\n").unwrap();
    site.server.process.signal("HUP");
    eventually("it is told", SOON, || async {
        let log = site.server.process.lines().join("\n");
        (log.contains("holds 5 bytes") && log.contains("web.yml:")).then_some(())
    })
    .await;
    assert_eq!(status("the-second-token-of-grafana").await, 400);
    let check = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["check", "web-config"])
        .arg(folder.path().join("web.yml"))
        .output()
        .unwrap();
    assert!(!check.status.success() && String::from_utf8_lossy(&check.stderr).contains("holds 5 bytes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_concerned_with_some_alerts_has_to_do_with_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), &web_config("")).await;
    // Senders: their own alerts only.
    assert_eq!(site.post("db-sender", "/api/v2/alerts", &alerts("db", &["Db", "DbInhibited"])).await.status(), 200);
    let foreign = site.post("db-sender", "/api/v2/alerts", &alerts(MARKER, &["Foreign"])).await;
    assert_eq!(foreign.status(), 403);
    assert!(!site.get("admin", "/api/v2/alerts").await.to_string().contains("Foreign"));
    assert_eq!(site.post("sender", "/api/v2/alerts", &alerts(MARKER, &["WebDown", "Web"])).await.status(), 200);
    // Operators: their own alerts only.
    let (refused, why) = site.silence("db-operator", MARKER, "x").await;
    assert!(refused == 403 && why.as_str().unwrap().contains("team=\"db\""), "{why}");
    let (status, made) = site.silence("db-operator", "db", "x").await;
    assert_eq!(status, 200, "{made}");
    let own = made["silenceID"].as_str().unwrap().to_owned();
    let others = site.silence("operator", MARKER, "x").await.1["silenceID"].as_str().unwrap().to_owned();
    assert_eq!(site.status("db-operator", &Method::DELETE, &format!("/api/v2/silence/{others}")).await, 403);
    let takeover = json!({"id": others, "matchers": [{"name": "team", "value": "db", "isRegex": false}],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z", "createdBy": "x", "comment": "mine now"});
    assert_eq!(site.post("db-operator", "/api/v2/silences", &takeover).await.status(), 403);
    let window = json!({"matchers": [{"name": "team", "value": MARKER, "isRegex": false}], "createdBy": "x", "comment": "w",
        "schedule": {"cron": "@daily", "duration": "1h"}});
    assert_eq!(site.post("db-operator", "/api/v2/silences", &window).await.status(), 403);
    let window = site.post("operator", "/api/v2/silences", &window).await.json::<Value>().await.unwrap();
    let window = window["scheduleID"].as_str().unwrap().to_owned();
    assert_eq!(site.status("db-operator", &Method::DELETE, &format!("/api/v2/maintenance/{window}")).await, 403);
    let all = site.get("admin", "/api/v2/alerts").await;
    let fingerprint = |name: &str| {
        let found = all.as_array().unwrap().iter().find(|alert| alert["labels"]["alertname"] == name);
        found.unwrap_or_else(|| panic!("{name} in {all}"))["fingerprint"].as_str().unwrap().to_owned()
    };
    let (db, inhibited, web) = (fingerprint("Db"), fingerprint("DbInhibited"), fingerprint("Web"));
    let ack = async |target: Value| {
        let answer = site.post("db-operator", "/api/v2/ack", &target).await;
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default())
    };
    assert_eq!(ack(json!({"fingerprints": [web]})).await.0, 403);
    let (status, taken) = ack(json!({"matchers": ["team=~\".+\""]})).await;
    assert!(status == 200 && taken.as_array().unwrap().iter().all(|one| one["labels"]["team"] == "db"), "{taken}");
    let comment = format!("{MARKER} again");
    let web_ack = json!({"fingerprints": [web], "by": "x", "comment": comment});
    assert_eq!(site.post("operator", "/api/v2/ack", &web_ack).await.status(), 200);
    let back = site.status("db-operator", &Method::DELETE, &format!("/api/v2/ack?fingerprint={web}")).await;
    assert_eq!(back, 403);
    // Something has happened to both by then.
    eventually("it is in the history", SOON, || async {
        let history = site.get("admin", "/api/v2/history").await.to_string();
        (history.contains(MARKER) && history.contains("\"db\"")).then_some(())
    })
    .await;
    // Everything there is to look at, and nowhere a trace of others' business.
    let paths = [
        "/",
        "/graph",
        "/alerts",
        "/alerts?show=all",
        "/alerts?show=all&by=team",
        "/alerts?show=all&by=alertname",
        "/alerts?q=team%3Dwebmarker7&show=all",
        "/alerts/suggest?text=te",
        "/alerts/suggest?text=team%3D",
        "/alerts/suggest?text=%40receiver%3D",
        "/alerts/DB",
        "/alerts/INHIBITED",
        "/alerts/WEB",
        "/silences",
        "/silences?state=recurring",
        "/silences?state=expired",
        "/silences/OWN",
        "/silences/OTHERS",
        "/silences/WINDOW",
        "/silences/OTHERS/edit",
        "/silences/OTHERS/expire",
        "/silences/WINDOW/edit",
        "/silences/new",
        "/silences/new?filter=alertname%3D~%22.%2B%22",
        "/history",
        "/history?range=all",
        "/history?fingerprint=WEB&range=all",
        "/history?fingerprint=INHIBITED&range=all",
        "/rules",
        "/rules/rule",
        "/routing",
        "/routing/change",
        "/status",
        "/status/trial",
        "/metrics",
        "/-/healthy",
        "/-/ready",
        "/api/v2/alerts",
        "/api/v2/alerts?limit=1",
        "/api/v2/alerts?filter=team%3Dwebmarker7",
        "/api/v2/alerts/groups",
        "/api/v2/silences",
        "/api/v2/silence/OTHERS",
        "/api/v2/silence/OWN",
        "/api/v2/maintenance",
        "/api/v2/maintenance/WINDOW",
        "/api/v2/ack",
        "/api/v2/explain?filter=team%3D~%22.%2B%22",
        "/api/v2/explain?fingerprint=WEB",
        "/api/v2/explain?fingerprint=INHIBITED",
        "/api/v2/explain?fingerprint=DB",
        "/api/v2/explain?filter=alertname%3DWebDow",
        "/api/v2/explain?suppose=true&filter=alertname%3DDbInhibited&filter=team%3Ddb",
        "/api/v2/history",
        "/api/v2/history?format=jsonl",
        "/api/v2/history?fingerprint=WEB",
        "/api/v2/status",
        "/api/v2/receivers",
        "/api/v1/rules",
        "/api/v1/alerts",
        "/api/v1/alertmanagers",
        "/api/v1/explain/rule",
        "/api/v1/status/buildinfo",
        "/api/v1/status/config",
        "/prometheus/api/v1/rules",
        "/config/v1/rules",
        "/api/prom/rules",
        "/loki/api/v1/rules",
        "/prometheus/config/v1/rules/ns",
        "/api/openapi.yaml",
        "/demo",
        "/inbox",
    ];
    let mut seen_by_admin = 0;
    for path in paths {
        let real = path.replace("DB", &db).replace("INHIBITED", &inhibited).replace("WEB", &web);
        let real = real.replace("OWN", &own).replace("OTHERS", &others).replace("WINDOW", &window);
        let text = async |who: &str| {
            let answer = site.ask(who, &Method::GET, &real).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        seen_by_admin += usize::from(text("admin").await.1.contains(MARKER));
        let is_asked_for = path.contains(MARKER);
        for who in ["db-viewer", "db-operator"] {
            let (status, text) = text(who).await;
            // What was asked for may be repeated.
            let leaks = text.contains(&format!("of {MARKER}"))
                || text.contains("WebDown")
                || (!is_asked_for && text.contains(MARKER));
            assert!(!leaks && status < 500, "{who} {real} ({status}): {text}");
        }
    }
    assert!(seen_by_admin > 20, "{seen_by_admin} of {}: the test looks at nothing", paths.len());
    let mine = site.get("db-viewer", "/api/v2/alerts").await;
    assert_eq!(mine.as_array().unwrap().len(), 2, "{mine}");
    let page = site.ask("db-viewer", &Method::GET, "/alerts?show=all").send().await.unwrap().text().await.unwrap();
    assert!(
        page.contains("db-viewer, viewer of") && page.contains("DbInhibited") && !page.contains("/rules\""),
        "{page}"
    );
    assert!(
        !page.contains("action=\"./alerts/acknowledge\"") && !page.contains("action=\"./alerts/silence\""),
        "{page}"
    );
    // What comes while somebody looks.
    let mut live = site.ask("db-viewer", &Method::GET, "/alerts/live?show=all").send().await.unwrap();
    let mut told = String::new();
    while !told.contains("DbInhibited") {
        let piece = tokio::time::timeout(SOON, live.chunk()).await.unwrap().unwrap().unwrap();
        told.push_str(&String::from_utf8_lossy(&piece));
    }
    assert!(!told.contains(MARKER), "{told}");
}
