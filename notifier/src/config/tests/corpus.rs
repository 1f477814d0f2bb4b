//! Configurations of the field, with the verdicts Alertmanager 0.34 gives.

use yaml::{Decoder, Node};

use super::super::alertmanager_yml::is_not_supported_yet;
use super::*;

const FOLDERS: [&str; 7] =
    ["config", "config-inline", "cli", "doc-examples", "operator", "examples-ha", "kube-prometheus"];

const LOADS: [&str; 29] = [
    "cli/conf.good.yml",
    "cli/conf.routing.yml",
    "config-inline/group-by-empty-override.good.yml",
    "config-inline/m-s-teams-v2-global-proxy-inherited-when-no-local-h-t-t-p-config.good.yml",
    "config-inline/m-s-teams-v2-local-proxy-takes-precedence.good.yml",
    "config-inline/receiver-labels-allows-hyphens-and-u-t-f8.good.yml",
    "config-inline/receiver-labels-auto-populates-name.good.yml",
    "config-inline/receiver-labels-name-matches-explicitly.good.yml",
    "config-inline/receiver-labels-preserves-user-labels.good.yml",
    "config-inline/route-labels-valid-label-name.good.yml",
    "config/conf.empty-fields.yml",
    "config/conf.good.yml",
    "config/conf.http-config.good.yml",
    "config/conf.mattermost-default-webhook-url.yml",
    "config/conf.opsgenie-default-apikey.yml",
    "config/conf.rocketchat-default-token.yml",
    "config/conf.slack-default-app-token.yml",
    "config/conf.smtp-password-global-and-local.yml",
    "config/conf.sns-topic-arn.yml",
    "config/conf.telegram-default-bot-token-file.yml",
    "config/conf.telegram-default-bot-token.yml",
    "config/conf.victorops-default-apikey-file.yml",
    "config/conf.victorops-default-apikey.yml",
    "config/conf.wechat-default-api-secret-file.yml",
    "doc-examples/route_labels.yml",
    "doc-examples/simple.yml",
    "examples-ha/alertmanager.yml",
    "kube-prometheus/alertmanager-secret.yaml",
    "operator/alertmanager.yaml",
];

#[test]
fn every_file_gets_alertmanagers_verdict() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus/alertmanager"));
    if !corpus.is_dir() {
        eprintln!("skipped: every_file_gets_alertmanagers_verdict needs {}", corpus.display());
        return;
    }
    let mut loaded = Vec::new();
    for name in files(corpus) {
        match load(&corpus.join(&name)) {
            Ok(_) => loaded.push(name),
            Err(found) => {
                let expected = !LOADS.contains(&name.as_str());
                assert!(expected, "{name}: {found}");
                let not_yet = found.iter().filter(|found| is_not_supported_yet(found)).count();
                assert_eq!(not_yet, 0, "{name}: {found}");
            }
        }
    }
    assert_eq!(loaded, LOADS);
}

/// Of [`LOADS`], what amtool 0.25 refuses for keys that came later.
const SINCE_0_25: [&str; 15] = [
    "config-inline/m-s-teams-v2-global-proxy-inherited-when-no-local-h-t-t-p-config.good.yml",
    "config-inline/m-s-teams-v2-local-proxy-takes-precedence.good.yml",
    "config-inline/receiver-labels-allows-hyphens-and-u-t-f8.good.yml",
    "config-inline/receiver-labels-name-matches-explicitly.good.yml",
    "config-inline/receiver-labels-preserves-user-labels.good.yml",
    "config-inline/route-labels-valid-label-name.good.yml",
    "config/conf.mattermost-default-webhook-url.yml",
    "config/conf.rocketchat-default-token.yml",
    "config/conf.slack-default-app-token.yml",
    "config/conf.smtp-password-global-and-local.yml",
    "config/conf.telegram-default-bot-token-file.yml",
    "config/conf.telegram-default-bot-token.yml",
    "config/conf.wechat-default-api-secret-file.yml",
    "doc-examples/route_labels.yml",
    "doc-examples/simple.yml",
];

/// Beside the real thing, where Debian's 0.25 is installed.
#[test]
fn amtool_gives_the_same_verdicts_but_for_what_came_later() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus/alertmanager"));
    let version = std::process::Command::new("amtool").arg("--version").output();
    let is_there = version.is_ok_and(|version| String::from_utf8_lossy(&version.stdout).contains("version 0.25"));
    if !corpus.is_dir() || !is_there {
        eprintln!(
            "skipped: amtool_gives_the_same_verdicts_but_for_what_came_later needs amtool 0.25 and {}",
            corpus.display()
        );
        return;
    }
    for name in files(corpus) {
        let path = corpus.join(&name);
        // one file is a Secret around the configuration, which amtool does not know
        if name.starts_with("kube-prometheus/") {
            continue;
        }
        let theirs = std::process::Command::new("amtool").arg("check-config").arg(&path).output().unwrap();
        let is_later = SINCE_0_25.contains(&name.as_str());
        assert_eq!(load(&path).is_ok(), theirs.status.success() || is_later, "{name}");
        assert!(!(is_later && theirs.status.success()), "{name} is no longer refused");
    }
}

/// Files of the folders, as `folder/name`, sorted.
fn files(corpus: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for folder in FOLDERS {
        let entries = std::fs::read_dir(corpus.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.is_file());
        names.extend(files.map(|path| format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap())));
    }
    names.sort();
    assert!(names.len() > 50, "{} files", names.len());
    names
}

/// One file is a Kubernetes Secret around the configuration.
fn load(path: &Path) -> Result<(Config, Diagnostics), Diagnostics> {
    let text = read_file(path).unwrap();
    let file = SourceFile::new(path.display().to_string(), text);
    let decoder = Decoder::new(&file);
    let root = decoder.first_document();
    let inner = root.as_ref().and_then(|root| root.get("stringData")?.get("alertmanager.yaml").and_then(Node::as_text));
    match inner {
        Some(inner) => parse(inner),
        None => Config::load(path, ParseMode::default(), &read_file),
    }
}
