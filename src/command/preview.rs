//! `watchfire preview`: what would come of rules now.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of the command")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Read;
use std::process::ExitCode;

use anyhow::Context;
use reqwest::Method;
use serde::Deserialize;

use crate::cli::client::OutputFormat;
use crate::cli::rules::PreviewCommand;
use crate::client::rules;
use crate::client::session::Session;
use crate::client::table::Table;

#[derive(Deserialize)]
struct Previewed {
    #[serde(default)]
    warnings: Vec<String>,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    name: String,
    r#type: String,
    query: String,
    series: usize,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    alerts: Vec<Alert>,
    #[serde(default)]
    samples: Vec<Sample>,
    #[serde(default)]
    omitted: usize,
}

type Labels = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    labels: Labels,
    annotations: Labels,
    state: String,
    value: String,
    sent_labels: Option<Labels>,
}

#[derive(Deserialize)]
struct Sample {
    metric: Labels,
    value: String,
}

/// Has the rule service evaluate the rules and shows what it says. Exit 1 if an evaluation failed.
///
/// # Errors
/// The file cannot be read, has mistakes, or the rule service does not answer.
pub async fn execute(command: &PreviewCommand) -> anyhow::Result<ExitCode> {
    let text = match &command.file {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
            text
        }
    };
    let data = rules::ask(&command.client, Method::POST, "/api/v1/preview", text).await?;
    let is_json = command.client.output == OutputFormat::Json;
    if is_json {
        print!("{}", Session::json(&data));
    }
    let previewed: Previewed = serde_json::from_value(data).context("the rule service speaks another version")?;
    let has_failed = previewed.rules.iter().any(|rule| !rule.error.is_empty());
    if !is_json {
        for warning in &previewed.warnings {
            eprintln!("{warning}");
        }
        for rule in &previewed.rules {
            print!("{}", shown(rule));
        }
    }
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn shown(rule: &Rule) -> String {
    let mut text = format!("{} rule {}\n  query: {}\n", rule.r#type, rule.name, rule.query.replace('\n', "\n    "));
    let mut line = |name: &str, value: &str| {
        // Writing to a text cannot fail.
        let _written = writeln!(text, "  {name}: {value}");
    };
    if !rule.error.is_empty() {
        line("error", &rule.error);
    }
    rule.warnings.iter().for_each(|warning| line("warning", warning));
    line("series", &rule.series.to_string());
    let mut table = Table::default();
    for alert in &rule.alerts {
        table.open_row(&[format!("  {}", alert.state), alert.value.clone(), labels(&alert.labels)]);
        match &alert.sent_labels {
            None => table.open_row(&["".to_owned(), "".to_owned(), "not sent: dropped by relabelling".to_owned()]),
            Some(sent) if *sent != alert.labels => {
                table.open_row(&["".to_owned(), "".to_owned(), format!("sent as {}", labels(sent))]);
            }
            Some(_) => {}
        }
        for (name, value) in &alert.annotations {
            table.open_row(&["".to_owned(), "".to_owned(), format!("{name}: {}", value.replace('\n', "\\n"))]);
        }
    }
    for sample in &rule.samples {
        table.open_row(&[format!("  {}", sample.value), labels(&sample.metric)]);
    }
    if !rule.alerts.is_empty() || !rule.samples.is_empty() {
        text.push_str(&table.text());
    }
    if rule.omitted > 0 {
        text.push_str(&format!("  and {} more\n", rule.omitted));
    }
    text.push('\n');
    text
}

fn labels(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}
