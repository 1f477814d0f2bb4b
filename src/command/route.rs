//! `watchfire route`, and `watchfire config routes`, which is the same.
#![expect(clippy::print_stdout, reason = "the output of the command")]

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{anyhow, ensure};
use model::LabelSet;
use model::matcher::parse::ParseMode;
use model::source::SourceFile;
use notifier::config::Config;
use notifier::route::RouteTree;
use notifier::route::way::way;
use outbound::secret::SHOWN;
use tracing::warn;

use crate::cli::client::{OutputFormat, RouteAction, RouteCommand, RouteTarget, RouteTest};
use crate::client::argument::labels;
use crate::client::routing;
use crate::client::session::Session;
use crate::live;

/// Stands in for what a notifier does not tell: an address, which is a valid text too.
const HIDDEN: &str = "http://secret.invalid/";

/// Shows or tests a routing tree.
///
/// # Errors
/// The words, settings or configuration cannot be used, or the notifier does not answer.
pub async fn execute(command: RouteCommand) -> anyhow::Result<ExitCode> {
    let session = Session::open(&command.client)?;
    answer(&session, command.target).await
}

pub(super) async fn answer(session: &Session, target: RouteTarget) -> anyhow::Result<ExitCode> {
    let config = match &target.config_file {
        Some(path) => {
            if session.url_given() {
                warn!("--config.file overrides --alertmanager.url");
            }
            of_file(path, session.parse_mode)?
        }
        None => of_notifier(session).await?,
    };
    let tree = RouteTree::new(Arc::new(config));
    match target.action {
        Some(RouteAction::Test(test)) => show_test(session, &tree, &test),
        Some(RouteAction::Show) | None => {
            println!("Routing tree:\n{}", routing::whole(&tree.config().route).draw());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn show_test(session: &Session, tree: &RouteTree, test: &RouteTest) -> anyhow::Result<ExitCode> {
    let labels = labels(&test.labels, session.parse_mode)?;
    let labels = LabelSet::from_pairs(labels);
    let receivers = routing::receivers(tree, &labels).join(",");
    let explained = test.explain || test.time.is_some();
    let way = explained.then(|| way(tree, &labels, test.time.unwrap_or_else(|| live::now().truncate_to_millis())));
    match way {
        Some(way) if session.output == OutputFormat::Json => print!("{}", Session::json(&way)),
        Some(way) => println!("{}\n{receivers}", routing::text(&way)),
        None => {
            if test.tree {
                println!("Matching routes:\n{}\n", routing::taken(&tree.config().route, &labels).draw());
            }
            println!("{receivers}");
        }
    }
    match &test.verify_receivers {
        Some(expected) if *expected != receivers => {
            println!("WARNING: Expected receivers did not match resolved receivers.");
            Ok(ExitCode::FAILURE)
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

pub(super) fn of_file(path: &Path, mode: ParseMode) -> anyhow::Result<Config> {
    let file = SourceFile::new(
        path.display().to_string(),
        read(path).map_err(|error| anyhow!("cannot read {}: {error}", path.display()))?,
    );
    let base = path.parent().unwrap_or(Path::new(""));
    let (config, _) = Config::parse(&file, base, mode, &read).map_err(|mistakes| anyhow!("{mistakes}"))?;
    Ok(config)
}

/// Its secrets are hidden, and the files it names are not here; routes need neither.
async fn of_notifier(session: &Session) -> anyhow::Result<Config> {
    let status = session.ask(async { Ok(session.api.status().await?) }).await?;
    let text = status.config.original;
    ensure!(!text.is_empty(), "the notifier does not tell its configuration");
    let file = SourceFile::new("the notifier's configuration", text.replace(SHOWN, HIDDEN));
    let none = |_: &Path| Ok(String::new());
    let nowhere = Path::new("/dev/null");
    let (config, _) =
        Config::parse(&file, nowhere, session.parse_mode, &none).map_err(|mistakes| anyhow!("{mistakes}"))?;
    Ok(config)
}

fn read(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}
