//! `watchfire run`: both halves in one process; alerts are handed over in memory.

use std::process::ExitCode;
use std::sync::Arc;

use super::{admission, alertmanager_configs};
use crate::cli::RunCommand;
use crate::config_file::ConfigFile;
use crate::process::{Parts, Process};
use crate::service::notifier::{self, NotifierService};
use crate::service::pages::{self, Halves};
use crate::service::rules::{RuleService, Sources};

/// Both halves, ready to run.
pub(super) struct Opened {
    pub(super) process: Process,
    pub(super) parts: Parts,
    pub(super) rules: Arc<RuleService>,
}

/// Runs both until a signal ends them. At the end the rules stop first.
///
/// # Errors
/// A configuration, a rule file, an address or the store cannot be used.
pub async fn execute(command: RunCommand) -> anyhow::Result<ExitCode> {
    let Opened { process, parts, .. } = open(command).await?;
    process.run(parts).await
}

pub(super) async fn open(command: RunCommand) -> anyhow::Result<Opened> {
    super::notifier::check(&command.notifier)?;
    let process = Process::open(&command.web, &command.storage_path).await?;
    let url = process.external.url.clone();
    let settings = super::notifier::settings(&command.notifier)?;
    let objects = alertmanager_configs::open(&command.alertmanager_configs, &command.kubernetes).await?;
    let sources = notifier::Sources {
        config_file: ConfigFile::new(command.config_file, command.reload.expand_env).into(),
        external_url: url.clone(),
        matcher_mode: super::notifier::matcher_mode(&command.notifier),
        critical: super::notifier::critical(&command.notifier)?,
        guard: super::notifier::guard(&command.notifier),
        ack_links: super::notifier::ack_links(&process, &command.web, &command.notifier).await?,
        objects: objects.as_ref().map(|(objects, _)| objects.clone()),
    };
    let notifier = NotifierService::start(sources, settings, process.store.clone()).await?;
    let rules_config_file = command.rules_config_file.map(|path| ConfigFile::new(path, command.reload.expand_env));
    let sources = Sources::new(rules_config_file, command.rules, command.kubernetes.access(), url);
    let rules = RuleService::start(sources, process.store.clone(), Some(Box::new(notifier.hand_over()))).await?;
    let mut parts = Parts { follow: command.reload.follow(), ..Parts::default() };
    super::rules::add(&mut parts, rules.clone());
    super::notifier::add(&mut parts, notifier.clone(), &command.notifier, false);
    alertmanager_configs::add(&mut parts, notifier.clone(), objects);
    admission::add(&mut parts, &command.admission, super::notifier::matcher_mode(&command.notifier)).await?;
    let matcher_mode = super::notifier::matcher_mode(&command.notifier);
    let halves = Halves { notifier: Some(notifier), rules: Some(rules.clone()), matcher_mode };
    pages::add(&mut parts, &process, halves).await?;
    Ok(Opened { process, parts, rules })
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::reload::Reloader;
    use crate::web::access::policy;
    use crate::web::document;
    use crate::web::operation::{self, Quit, Ready};

    /// The paths of a router, each with the methods that have a handler: as it shows itself.
    fn routes(router: &axum::Router) -> Vec<(String, Vec<&'static str>)> {
        let shown = format!("{router:?}");
        let own = shown.split("fallback_router").next().unwrap();
        let (handlers, paths) = own.split_once("Node {").unwrap();
        let number = |text: &str| text.split(')').next().unwrap().parse::<u32>().unwrap();
        let mut found = Vec::new();
        for entry in paths.split("RouteId(").skip(1).filter(|entry| entry.contains("): \"")) {
            let path = entry.split('"').nth(1).unwrap().to_owned();
            let handler = handlers.split("RouteId(").skip(1).find(|one| number(one) == number(entry));
            let handler = handler.unwrap_or_else(|| panic!("{path} has no handler in {handlers}"));
            let has = |method: &&str| {
                let field = format!("{}: ", method.to_ascii_lowercase());
                handler.split(&field).nth(1).is_some_and(|rest| !rest.starts_with("None"))
            };
            found.push((path, ["GET", "POST", "PUT", "DELETE", "PATCH"].into_iter().filter(has).collect()));
        }
        found
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_is_served_has_its_line_in_the_table_of_who_may() {
        crate::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("alertmanager.yml");
        std::fs::write(&config, "route: {receiver: r}\nreceivers: [{name: r}]\n").unwrap();
        let config = format!("--config.file={}", config.display());
        let words = ["watchfire", "run", &config, "--storage.path=", "--web.listen-address=127.0.0.1:0"];
        let more = [
            "--query.url=http://127.0.0.1:9",
            "--rules.enable-api",
            "--web.external-url=http://localhost:1/",
            "--web.enable-lifecycle",
        ];
        let Command::Run(command) = Cli::try_parse_from(words.into_iter().chain(more)).unwrap().command else {
            panic!("it is run");
        };
        let opened = open(*command).await.unwrap();
        let reloader = Arc::new(Reloader::new(Vec::new()));
        let operation = operation::router(Ready::default(), reloader, Arc::default(), Quit::new(true));
        let served = routes(&opened.parts.router.merge(operation).merge(document::router()));
        let mut count = 0;
        for (path, methods) in &served {
            // Nobody knows these; they say so.
            if path.ends_with("/{*rest}") || path == "/api/v2/" || path.contains("__private") {
                continue;
            }
            assert!(!methods.is_empty(), "{path} has no method");
            let part = |part: &str| if part.starts_with('{') { "x".to_owned() } else { part.to_owned() };
            let real = path.split('/').map(part).collect::<Vec<_>>().join("/");
            for method in methods {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let rule = policy::find(&method, &real);
                assert!(rule.is_some(), "{method} {path} is served, but src/web/access/policy.rs does not say who may");
                count += 1;
            }
        }
        assert!(count > 90, "only {count} of {served:?}");
    }
}
