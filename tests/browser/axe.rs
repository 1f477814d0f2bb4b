//! axe-core, the accessibility checker, in the page that is shown. It comes from npm, by `.ci/run`.

use std::path::PathBuf;

use serde_json::Value;

use crate::browser::Browser;
use crate::peers::root;

/// What axe asks for: WCAG 2.2 AA, and what it calls good practice.
const RUN: &str = "return axe.run(document, {resultTypes: ['violations']}).then(result => result.violations.map(v => \
    ({id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 5).map(n => n.html.slice(0, 200) + ' | ' + n.failureSummary)})))";

fn source() -> PathBuf {
    root().join("target/npm/node_modules/axe-core/axe.min.js")
}

/// Whether the checker is there; says so by name where it is not. In CI it must be.
pub fn installed(test: &str) -> bool {
    let there = source().is_file();
    assert!(there || std::env::var_os("CI").is_none(), "{test}: {} must be there in CI", source().display());
    if !there {
        eprintln!("skipped {test}: axe-core is not installed (npm install --prefix target/npm axe-core)");
    }
    there
}

/// What is serious or critical on the page, each with the elements it is about.
pub async fn findings(browser: &Browser) -> Vec<Value> {
    // The policy of the page does not apply to what the driver runs.
    let source = std::fs::read_to_string(source()).unwrap();
    browser.script(&source, &[]).await;
    let all = browser.script(RUN, &[]).await;
    let serious = |finding: &&Value| matches!(finding["impact"].as_str(), Some("serious" | "critical"));
    all.as_array().expect("a list").iter().filter(serious).cloned().collect()
}
