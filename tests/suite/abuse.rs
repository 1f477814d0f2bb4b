//! schemathesis asks the real program everything that `docs/openapi.yaml` allows and forbids: nothing is answered 5xx that is not
//! documented, no answer breaks its schema, what is forbidden is refused, what is allowed is taken.
//!
//! `WATCHFIRE_ABUSE=500 cargo test --test suite abuse` runs so many examples of each operation, where a change is tested with a few.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::peers::{client, root};
use crate::stage::{Answers, Watchfire};

/// Examples of each operation where nobody says.
const EXAMPLES: &str = "4";

/// A program that `.ci/run` installs from PyPI; `None`, said by name, where it is not. In CI it must be there.
pub fn tool(test: &str, program: &str) -> Option<PathBuf> {
    let path = root().join("target/abuse-venv/bin").join(program);
    if path.is_file() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{test}: {path:?} must be installed in CI");
    eprintln!(
        "skipped {test}: no {path:?}: python3 -m venv target/abuse-venv, and install tests/abuse/requirements.txt there"
    );
    None
}

const CONFIG: &str = r#"
route: {receiver: ops, group_by: [alertname], group_wait: 100ms, group_interval: 1s, routes: [{matchers: [team=b], receiver: other}]}
receivers: [{name: ops, labels: {owner: ops}, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}, {name: other}]
"#;
const RULES: &str = r#"
groups: [{name: g, interval: 1s, rules: [{alert: TooMany, expr: clients > 1000}, {alert: Down, expr: up > 1000, for: 1h}, {record: 'a:b', expr: up}]}]
"#;

/// `watchfire run` with all that the document describes.
pub async fn both_halves(folder: &Path, query_url: &str) -> Watchfire {
    let (config, rules) = (folder.join("alertmanager.yml"), folder.join("rules.yml"));
    std::fs::write(&config, CONFIG).unwrap();
    std::fs::write(&rules, RULES).unwrap();
    let args = [
        format!("--config.file={}", config.display()),
        format!("--rule.file={}", rules.display()),
        format!("--storage.path={}", folder.join("data").display()),
        format!("--query.url={query_url}"),
        "--rules.enable-api".to_owned(),
        "--web.external-url=http://watchfire.example".to_owned(),
        "--web.route-prefix=/".to_owned(),
        "--log.level=warn".to_owned(),
    ];
    Watchfire::start("run", &args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_is_answered_as_documented() {
    let Some(schemathesis) = tool("whatever_is_asked_is_answered_as_documented", "schemathesis") else { return };
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::default();
    answers.set(&[("a", 2000), ("b", 3000)]);
    let ours = both_halves(folder.path(), &answers.open().await).await;
    let group = json!({"name": "node", "rules": [{"alert": "InstanceDown", "expr": "up == 0"}]});
    let set = client().post(format!("{}/config/v1/rules/team", ours.url)).json(&group).send().await.unwrap();
    assert_eq!(set.status(), 202);
    let examples = std::env::var("WATCHFIRE_ABUSE").unwrap_or_else(|_| EXAMPLES.to_owned());
    let mut command = Command::new(schemathesis);
    command.current_dir(folder.path()).arg("--config-file").arg(root().join("tests/abuse/schemathesis.toml"));
    command.args(["run", "--url", &ours.url, "--seed", "1", "--workers", "1", "--continue-on-failure", "--no-shrink"]);
    // Longer than any machine takes that does much else.
    command.args(["--request-timeout", "60"]);
    // Of the notifier by itself only.
    command.args(["--exclude-path", "/api/v1/{path}", "--max-examples", &examples, "--checks", "all"]);
    // A silence that was ended can still be read, as in Alertmanager: it is expired. So can a window. That rule groups are gone when
    // they were deleted is tested in `grafana`. Here and not in the file, whose word `--checks all` overrules.
    command.args(["--exclude-checks", "use_after_free"]);
    command.arg(root().join("docs/openapi.yaml"));
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    eprintln!("{}", said.lines().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"));
    let panics: Vec<String> = ours.process.lines().into_iter().filter(|line| line.contains("panic")).collect();
    assert!(panics.is_empty(), "{panics:#?}");
    assert_eq!(client().get(format!("{}/-/healthy", ours.url)).send().await.unwrap().status(), 200);
}
