//! `watchfire demo`: `run` over a scripted day, with an inbox that takes the pages.
#![expect(clippy::print_stderr, reason = "the output of the command")]

use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use axum::Router;
use clap::Parser;

use super::run::Opened;
use crate::cli::demo::DemoCommand;
use crate::cli::{Cli, Command, RunCommand};
use crate::demo::screen::Screen;
use crate::demo::watch::{Board, Watcher};
use crate::demo::{Surroundings, feed, page};
use crate::query;
use crate::terminal::Terminal;

/// Where the notifier is expected to be.
const PORT: u16 = 9093;

/// Plays the demo until a signal ends it, or with `--once` until its story is told.
///
/// # Errors
/// An address, a temporary folder or the store cannot be used.
pub async fn execute(command: DemoCommand) -> anyhow::Result<ExitCode> {
    let address = match (&command.listen_address, command.port) {
        (Some(address), _) => address.clone(),
        (None, Some(0)) => format!("{}:{}", Ipv4Addr::LOCALHOST, any_port()?),
        (None, Some(port)) => format!("{}:{port}", Ipv4Addr::LOCALHOST),
        (None, None) if is_free(PORT) => format!("{}:{PORT}", Ipv4Addr::LOCALHOST),
        (None, None) => format!("{}:{}", Ipv4Addr::LOCALHOST, any_port()?),
    };
    let surroundings = Surroundings::open().await?;
    let opened = super::run::open(run_command(&command, &surroundings, &address)?).await?;
    let board = Arc::new(Board::at_start(surroundings.started));
    let outcome = play(&command, opened, &surroundings, &board).await?;
    let missing = board.story().missing();
    if command.once && !missing.is_empty() {
        eprintln!("watchfire: error: the story was not told to its end: {}", missing.join(", "));
        return Ok(ExitCode::FAILURE);
    }
    Ok(outcome)
}

async fn play(
    command: &DemoCommand,
    opened: Opened,
    surroundings: &Surroundings,
    board: &Arc<Board>,
) -> anyhow::Result<ExitCode> {
    let Opened { process, mut parts, rules } = opened;
    let url = process.external.url.clone();
    let screen = Screen {
        colours: Terminal::of_process().colours,
        program: std::env::args().next().unwrap_or_else(|| "watchfire".to_owned()),
        url: url.clone(),
        rules: surroundings.files.rules(),
        config: surroundings.files.config(),
    };
    screen.tell(&screen.beginning());
    let router = Router::new()
        .merge(page::router(board.clone(), surroundings.inbox.clone()))
        .merge(query::api::router(surroundings.series.clone()));
    parts.router = std::mem::take(&mut parts.router).merge(router);
    let watcher = Watcher {
        rules,
        arrivals: surroundings.inbox.arrivals(),
        shop: surroundings.shop,
        board: board.clone(),
        screen,
        deadline: command.deadline,
        quit: command.once.then(|| process.quit()),
    };
    let (series, shop) = (surroundings.series.clone(), surroundings.shop);
    parts.work.push(Box::new(move |ended| Box::pin(feed::run(series, shop, url, ended))));
    parts.work.push(Box::new(move |ended| Box::pin(watcher.run(ended))));
    process.run(parts).await
}

/// What somebody would write to run the same by hand.
fn run_command(command: &DemoCommand, surroundings: &Surroundings, address: &str) -> anyhow::Result<RunCommand> {
    let files = &surroundings.files;
    let query_url = format!("http://{}", surroundings.query_address);
    let storage = command.storage_path.clone().unwrap_or_else(|| files.data().display().to_string());
    // The host may be one to listen on that nobody can be sent to.
    let port = crate::web::address::parse_listen(address)?.port();
    let words = [
        "watchfire".to_owned(),
        "run".to_owned(),
        format!("--config.file={}", files.config().display()),
        format!("--rule.file={}", files.rules().display()),
        format!("--query.url={query_url}"),
        format!("--remote-write.url={query_url}/api/v1/write"),
        format!("--web.listen-address={address}"),
        format!("--web.external-url=http://127.0.0.1:{port}"),
        format!("--storage.path={storage}"),
    ];
    match Cli::try_parse_from(words).context("the demo's own command line")?.command {
        Command::Run(command) => Ok(*command),
        _ => bail!("the demo's own command line is another command"),
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn any_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr().context("no port is free")?.port())
}
