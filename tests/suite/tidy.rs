//! Facts about the repository that matter enough to be checked.

use std::path::{Path, PathBuf};

use crate::peers::root;

/// Every Rust source file below the members' `src`, with its path from the root.
fn sources() -> Vec<(String, String)> {
    let members = [
        "src",
        "model/src",
        "yaml/src",
        "promql/src",
        "templates/src",
        "store/src",
        "outbound/src",
        "exposition/src",
        "rules-engine/src",
        "notifier/src",
    ];
    let mut files = Vec::new();
    for member in members {
        collect(&root().join(member), &mut files);
    }
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            collect(&entry, files);
        } else if entry.extension().is_some_and(|ending| ending == "rs") {
            files.push(entry);
        }
    }
}

/// Words in backquotes or link targets that look like paths of this repository.
fn paths_named_in(text: &str) -> Vec<String> {
    let is_path = |word: &&str| {
        word.contains('/')
            && !word.contains("://")
            && !word.starts_with('/')
            && !word.contains([' ', '*', '{', '<', '$', '…', ':', '(', '='])
    };
    let code = text.split('`').skip(1).step_by(2);
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    code.chain(links).filter(is_path).map(|word| word.split('#').next().unwrap_or(word).to_owned()).collect()
}

#[test]
fn the_paths_the_documents_name_exist() {
    let mut dead = Vec::new();
    for document in ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        let named = paths_named_in(&text);
        dead.extend(
            named
                .into_iter()
                .filter(|path| !path.starts_with("../") && !root().join(path).exists())
                .map(|path| format!("{document}: {path}")),
        );
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn the_cores_have_no_clock_no_async_and_no_io() {
    let shells = ["src/", "outbound/src/", "store/src/"];
    let is_test = |path: &str| path.contains("/tests/") || path.ends_with("tests.rs");
    let is_shell = |path: &str| {
        shells.iter().any(|shell| path.starts_with(shell))
            || path.contains("/io/")
            || path.ends_with("/io.rs")
            || is_test(path)
    };
    // Reads the files that globs name.
    let is_loader = |path: &str| path == "rules-engine/src/rule_file.rs";
    let banned = [
        "async fn",
        ".await",
        "std::net::Tcp",
        "std::net::Udp",
        "std::fs::",
        "tokio::",
        "SystemTime",
        "Instant::now",
        "rand::",
    ];
    let mut found = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| !is_shell(path) && !is_loader(path)) {
        let code = text.split("#[cfg(test)]").next().unwrap_or(text);
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        found.extend(
            lines
                .filter(|line| banned.iter().any(|word| line.contains(word)))
                .map(|line| format!("{path}: {}", line.trim())),
        );
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_two_halves_do_not_know_each_other() {
    for (path, text) in sources() {
        let stranger = match path.split('/').next() {
            Some("notifier") => "rules_engine",
            Some("rules-engine") => "notifier::",
            Some("model" | "yaml" | "promql" | "templates" | "store" | "outbound") => "notifier::notifier",
            _ => continue,
        };
        assert!(!text.contains(&format!("use {stranger}")), "{path} uses {stranger}");
    }
}

#[test]
fn nothing_is_called_util() {
    for (path, _) in sources() {
        let stem = Path::new(&path).file_stem().unwrap().to_string_lossy().into_owned();
        assert!(!matches!(stem.as_str(), "util" | "utils" | "common" | "helper" | "misc" | "mod"), "{path}");
    }
}

#[test]
fn the_deployed_rules_and_examples_are_right() {
    let check = |kind: &str, file: &str| {
        let program = env!("CARGO_BIN_EXE_watchfire");
        let output = std::process::Command::new(program).args(["check", kind]).arg(root().join(file)).output().unwrap();
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    };
    check("rules", "deploy/alerts/watchfire.rules.yaml");
    check("rules", "examples/quickstart/rules/srs.yaml");
    check("config", "examples/quickstart/alertmanager.yml");
    check("rules", "examples/demo/rules.yaml");
    check("config", "examples/demo/alertmanager.yml");
}
