//! `watchfire explain rule`: what a rule did in its last evaluations.
#![expect(clippy::print_stdout, reason = "the output of the command")]

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Context;
use reqwest::Method;
use serde::Deserialize;
use url::form_urlencoded;

use crate::cli::client::OutputFormat;
use crate::cli::rules::ExplainRule;
use crate::client::rules;
use crate::client::session::Session;
use crate::client::table::Table;

#[derive(Deserialize)]
struct Explained {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    name: String,
    group: String,
    file: String,
    r#type: String,
    query: String,
    state: Option<String>,
    health: String,
    #[serde(default)]
    last_error: String,
    evaluations: Vec<Evaluation>,
}

#[derive(Deserialize)]
struct Evaluation {
    timestamp: String,
    duration: f64,
    attempts: u32,
    series: usize,
    pending: u32,
    firing: u32,
    resolved: u32,
    withdrawn: u32,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

/// Asks the rule service and shows it.
///
/// # Errors
/// The rule service does not answer, or knows no such rule.
pub async fn rule(command: &ExplainRule) -> anyhow::Result<ExitCode> {
    let data = rules::ask(&command.client, Method::GET, &path(command), String::new()).await?;
    if command.client.output == OutputFormat::Json {
        print!("{}", Session::json(&data));
        return Ok(ExitCode::SUCCESS);
    }
    let explained: Explained = serde_json::from_value(data).context("the rule service speaks another version")?;
    let last = if command.last == 0 { usize::MAX } else { command.last };
    for rule in &explained.rules {
        print!("{}", shown(rule, last));
    }
    Ok(ExitCode::SUCCESS)
}

/// Path and query of the request.
fn path(command: &ExplainRule) -> String {
    let mut query = form_urlencoded::Serializer::new("/api/v1/explain/rule?".to_owned());
    for (name, value) in [("rule", &command.name), ("group", &command.group), ("file", &command.file)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    // The serializer puts an "&" before the first pair, which means nothing there.
    query.finish()
}

fn shown(rule: &Rule, last: usize) -> String {
    let mut text = format!("{} rule {} in group {} of {}\n", rule.r#type, rule.name, rule.group, rule.file);
    let mut line = |name: &str, value: &str| {
        // Writing to a text cannot fail.
        let _written = writeln!(text, "  {name}: {}", value.replace('\n', "\n    "));
    };
    line("query", &rule.query);
    if let Some(state) = &rule.state {
        line("state", state);
    }
    match rule.last_error.as_str() {
        "" => line("health", &rule.health),
        error => line("health", &format!("{}: {error}", rule.health)),
    }
    let mut table = Table::default();
    table.open_row(&["  Evaluated at", "Took", "Attempts", "Series", "Became", "Error or warnings"]);
    for past in rule.evaluations.iter().take(last) {
        table.open_row(&[
            format!("  {}", past.timestamp),
            format!("{:.3}s", past.duration),
            past.attempts.to_string(),
            past.series.to_string(),
            became(past),
            told(past),
        ]);
    }
    match rule.evaluations.is_empty() {
        true => text.push_str("  not evaluated yet\n\n"),
        false => text.push_str(&format!("{}\n", table.text())),
    }
    text
}

/// `2 firing, 1 resolved`.
fn became(past: &Evaluation) -> String {
    let changes = [
        (past.pending, "pending"),
        (past.firing, "firing"),
        (past.resolved, "resolved"),
        (past.withdrawn, "withdrawn"),
    ];
    let changes = changes.iter().filter(|(count, _)| *count > 0).map(|(count, state)| format!("{count} {state}"));
    changes.collect::<Vec<_>>().join(", ")
}

fn told(past: &Evaluation) -> String {
    let error = Some(past.error.clone()).filter(|error| !error.is_empty());
    let warnings = past.warnings.iter().map(|warning| format!("warning: {warning}"));
    error.into_iter().chain(warnings).collect::<Vec<_>>().join("; ").replace('\n', " ")
}
