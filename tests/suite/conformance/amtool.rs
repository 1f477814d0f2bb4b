//! Runs of the real amtool against the notifier under test.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::scenario::AmtoolCall;
use crate::peers::AMTOOL;

/// Runs it with filled arguments; answers exit code and outputs as the recorder wrote them down. Blocks.
pub fn run(call: &AmtoolCall, args: &[String], url: &str, home: &Path) -> Value {
    let mut child = Command::new(AMTOOL)
        .args(args)
        .arg("--no-version-check")
        .arg(format!("--alertmanager.url={url}"))
        .env("HOME", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(call.stdin.as_deref().unwrap_or_default().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let out = match call.json {
        true => serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        false => squeezed(&output.stdout),
    };
    json!({"rc": output.status.code(), "out": out, "err": squeezed(&output.stderr), "body": String::from_utf8_lossy(&output.stderr)})
}

/// Lines with single blanks, empty ones left out.
fn squeezed(output: &[u8]) -> Value {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect()
}
