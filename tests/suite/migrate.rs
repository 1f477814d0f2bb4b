//! What `watchfire migrate` writes runs as it is.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::conditions::eventually;
use crate::peers::get_json;
use crate::stage::{Answers, Watchfire};

fn migrate(args: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire")).arg("migrate").args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_and_alertmanager_files_become_a_process_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let query = Answers::default().open().await;
    let at = |name: &str| folder.path().join(name).display().to_string();
    let rules = "groups: [{name: moved, rules: [{alert: A, expr: up == 0}]}]\n";
    fs::write(at("rules.yml"), rules).unwrap();
    let prometheus = format!(
        "global: {{scrape_interval: 15s, evaluation_interval: 1s}}\nrule_files: ['{}']\nscrape_configs: [{{job_name: x}}]\nquery: {{url: '{query}'}}\n",
        at("rules.yml")
    );
    fs::write(at("prometheus.yml"), prometheus).unwrap();
    fs::write(at("alertmanager.yml"), "route: {receiver: a}\nreceivers: [{name: a}]\n").unwrap();
    let (done, printed, told) = migrate(&[&at("prometheus.yml"), &at("alertmanager.yml"), "--out", &at("out")]);
    assert!(done, "{told}");
    assert!(printed.contains("watchfire.sh") && told.contains("scrape_configs"), "{printed}{told}");
    let line = fs::read_to_string(at("out/watchfire.sh")).unwrap().replace("\\\n", " ");
    let words: Vec<String> = line.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect();
    let in_folder = |word: &String| word.replace(".file=", &format!(".file={}/", at("out")));
    let mut args: Vec<String> = words.iter().skip(2).map(in_folder).collect();
    args.push("--storage.path=".to_owned());
    let ours = Watchfire::start(&words[1], &args).await;
    eventually("its rules are evaluated", Duration::from_secs(40), || async {
        let groups = get_json(&format!("{}/api/v1/rules", ours.url)).await;
        (groups["data"]["groups"][0]["name"] == "moved").then_some(())
    })
    .await;
    let (done, _, told) = migrate(&[&at("prometheus.yml"), "--out", &at("out")]);
    assert!(!done && told.contains("watchfire.sh"), "files that are there are not replaced: {told}");
}

#[test]
fn a_command_line_after_two_dashes_and_what_is_not_known() {
    let (done, printed, told) =
        migrate(&["--vmalert", "--", "-rule=/etc/*.yml", "-datasource.url=http://vm:8428", "-notifier.blackhole"]);
    assert!(done && printed.contains("'--rule.file=/etc/*.yml'"), "{printed}{told}");
    assert!(told.contains("command line:4:1: notifier.blackhole"), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("odd.yaml");
    fs::write(&odd, "a: b\n").unwrap();
    let (done, _, told) = migrate(&[odd.to_str().unwrap()]);
    assert!(!done && told.contains("odd.yaml:1:1"), "{told}");
}
