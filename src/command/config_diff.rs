//! `watchfire config diff`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of the command")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use model::LabelSet;
use model::matcher::parse::ParseMode;
use notifier::comparison::Comparison;
use notifier::config::Config;
use notifier::rendering::Renderer;
use notifier::route::RouteTree;
use serde::Deserialize;

use super::route;
use crate::cli::client::{AlertQuery, ClientFlags, ConfigDiff, OutputFormat};
use crate::client::config_diff::text;
use crate::client::session::Session;
use crate::client::wire::Pairs;
use crate::live;

/// What `--alerts` says for those of a running notifier.
const LIVE: &str = "live";

/// As of `diff`: not the same, and: it could not be found out.
const DIFFERENT: u8 = 1;
const TROUBLE: u8 = 2;

/// Prints what would change: exit code 0 if nothing, 1 if something, 2 if it cannot be told.
pub async fn execute(client: &ClientFlags, diff: &ConfigDiff) -> ExitCode {
    match compared(client, diff).await {
        Ok((text, true)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Ok((text, false)) => {
            print!("{text}");
            ExitCode::from(DIFFERENT)
        }
        Err(error) => {
            eprintln!("watchfire: error: {error:#}");
            ExitCode::from(TROUBLE)
        }
    }
}

async fn compared(client: &ClientFlags, diff: &ConfigDiff) -> anyhow::Result<(String, bool)> {
    let session = Session::open(client)?;
    let (old, new) = both(loaded(&diff.old, session.parse_mode), loaded(&diff.new, session.parse_mode))?;
    let comparison = match &diff.alerts {
        None => Comparison::of_trees(&old, &new),
        Some(source) => {
            let alerts = if source == LIVE { live_alerts(&session).await? } else { alerts_of(Path::new(source))? };
            let (old, new) = (RouteTree::new(Arc::new(old)), RouteTree::new(Arc::new(new)));
            Comparison::of_alerts(&old, &new, &alerts, live::now())
        }
    };
    let shown = match session.output {
        OutputFormat::Json => Session::json(&comparison),
        _ => text(&comparison),
    };
    Ok((shown, comparison.changes.is_empty()))
}

/// The mistakes of both, if both have some.
fn both(old: anyhow::Result<Config>, new: anyhow::Result<Config>) -> anyhow::Result<(Config, Config)> {
    match (old, new) {
        (Ok(old), Ok(new)) => Ok((old, new)),
        (Err(old), Err(new)) => bail!("{old:#}\n{new:#}"),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// Templates are compiled too, as the notifier does before it puts a configuration in force.
fn loaded(path: &Path, mode: ParseMode) -> anyhow::Result<Config> {
    let config = route::of_file(path, mode)?;
    Renderer::new(&config, "").map_err(|mistakes| anyhow!("{mistakes}"))?;
    Ok(config)
}

/// All that are not resolved, quiet ones too.
async fn live_alerts(session: &Session) -> anyhow::Result<Vec<LabelSet>> {
    let all = AlertQuery { active: true, inhibited: true, silenced: true, unprocessed: true, ..AlertQuery::default() };
    let alerts = session.ask(async { Ok(session.api.alerts(&all).await?) }).await?;
    Ok(alerts.into_iter().map(|alert| LabelSet::from_pairs(alert.labels)).collect())
}

/// An alert as `alert query -o json` prints it and `POST /api/v2/alerts` takes it.
#[derive(Deserialize)]
struct Alert {
    labels: Pairs,
}

fn alerts_of(path: &Path) -> anyhow::Result<Vec<LabelSet>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let alerts: Vec<Alert> = serde_json::from_str(&text).with_context(|| {
        format!("{} is not a list of alerts in JSON, as `alert query -o json` prints it", path.display())
    })?;
    Ok(alerts.into_iter().map(|alert| LabelSet::from_pairs(alert.labels)).collect())
}
