//! `watchfire config from-kubernetes`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use kubernetes::alertmanager_config::{
    Alertmanager, Base, Contributions, Manifests, Merged, Options, World, gathering,
};
use kubernetes::client::{Access, Client};
use kubernetes::object::ObjectKey;
use kubernetes::selector::{LabelSelector, NamespaceSelector, ObjectSelector};
use model::matcher::parse::ParseMode;
use yaml::SourceFile;

use crate::cli::client::FromKubernetes;
use crate::service::alertmanager_configs::acceptance;

/// Prints what AlertmanagerConfigs are merged into; exit 1 if something of it cannot be used.
///
/// # Errors
/// A file cannot be read, the cluster does not answer, or the base cannot be used.
pub async fn execute(command: &FromKubernetes) -> anyhow::Result<ExitCode> {
    let options = Options { target: command.version, tls_folder: command.tls_folder.clone() };
    let base = command.base.as_deref().map(read_base).transpose()?;
    let (alertmanager, world) = match command.live {
        true => ask(command, &options).await?,
        false => read(command, &options)?,
    };
    if base.is_none() && !alertmanager.merges() {
        tell(&format!(
            "Alertmanager {} merges no AlertmanagerConfig: it has neither alertmanagerConfigSelector nor alertmanagerConfiguration",
            alertmanager.names
        ));
    }
    let accepts = |text: &str, templates: &[(String, String)]| match command.version {
        // another Alertmanager is to read it
        Some(_) => Ok(()),
        None => acceptance::read(text, templates, Path::new(""), ParseMode::Fallback).map(drop),
    };
    let merged = world.merge((&alertmanager, base.as_ref()), &options, &Contributions::new(), &accepts);
    let merged = merged.map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
    report(&world, &alertmanager, &merged);
    print(&shown(&merged, command.show_secrets)?);
    Ok(if merged.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything but the output.
fn report(world: &World, alertmanager: &Alertmanager, merged: &Merged) {
    for (key, mistakes) in &merged.refused {
        tell(&format!("AlertmanagerConfig {key} is refused:\n{mistakes}"));
    }
    let rules = world.rules(alertmanager, &Options::default());
    for key in world.selected(alertmanager).keys() {
        let Some(held) = world.objects.get(key) else { continue };
        held.warnings.iter().for_each(|warning| tell(&warning.to_string()));
        if let Some(doubt) = held.candidate.as_ref().ok().and_then(|object| rules.doubts(object)) {
            tell(&format!("AlertmanagerConfig {key}: {doubt}"));
        }
    }
}

fn shown(merged: &Merged, secrets: bool) -> anyhow::Result<String> {
    let text = merged.text_with_template_paths();
    if secrets {
        return Ok(text);
    }
    let config = acceptance::read(&text, &[], Path::new(""), ParseMode::Fallback);
    match config {
        Ok((config, _)) => Ok(config.shown),
        Err(_) => bail!("secrets can be hidden only in a configuration that Watchfire can read: give --show-secrets"),
    }
}

fn read(command: &FromKubernetes, options: &Options) -> anyhow::Result<(Alertmanager, World)> {
    let mut files = Vec::new();
    for path in &command.paths {
        for path in manifests(path)? {
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push(SourceFile::new(path.display().to_string(), text));
        }
    }
    let mut found = Manifests::read(&files, &command.default_namespace, options);
    if found.mistakes.has_errors() {
        bail!("{}", found.mistakes);
    }
    if !command.namespaces.is_empty() {
        found.world.objects.retain(|key, _| command.namespaces.contains(&key.namespace));
    }
    let alertmanager = match wanted(command) {
        Some(key) => found.alertmanagers.remove(&key).with_context(|| format!("there is no Alertmanager {key}"))?,
        None => {
            let names: Vec<String> = found.alertmanagers.keys().map(ToString::to_string).collect();
            match found.alertmanagers.pop_first() {
                Some((_, only)) if names.len() == 1 => only,
                Some(_) => {
                    bail!("there are several Alertmanagers ({}): say which with --alertmanager", names.join(", "))
                }
                None => everything(&command.default_namespace),
            }
        }
    };
    Ok((alertmanager, found.world))
}

async fn ask(command: &FromKubernetes, options: &Options) -> anyhow::Result<(Alertmanager, World)> {
    let access = Access { kubeconfig: command.kubeconfig.clone(), context: command.context.clone() };
    let client = Client::open(&access).await?;
    let alertmanager = match wanted(command) {
        None => everything(client.own_namespace()),
        Some(key) => {
            let object =
                gathering::alertmanager(&client, &key).await.map_err(|failure| anyhow::anyhow!("{failure}"))?;
            let object = object.with_context(|| format!("there is no Alertmanager {key}"))?;
            Alertmanager::of(&object, options).map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?
        }
    };
    let world = gathering::world(&client, &alertmanager, &command.namespaces, options).await;
    Ok((alertmanager, world.map_err(|failure| anyhow::anyhow!("{failure}"))?))
}

/// `[NAMESPACE/]NAME`
fn wanted(command: &FromKubernetes) -> Option<ObjectKey> {
    let text = command.alertmanager.as_deref()?;
    let (namespace, name) = text.split_once('/').unwrap_or((&command.default_namespace, text));
    Some(ObjectKey::new(namespace, name))
}

/// Takes every object there is.
fn everything(namespace: &str) -> Alertmanager {
    let mut alertmanager = Alertmanager::new(ObjectKey::new(namespace, "main"));
    alertmanager.selector = ObjectSelector::Labelled(LabelSelector::default());
    alertmanager.namespaces = NamespaceSelector::Labelled(LabelSelector::default());
    alertmanager
}

fn read_base(path: &Path) -> anyhow::Result<Base> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Base::raw(&SourceFile::new(path.display().to_string(), text)).map_err(|mistakes| anyhow::anyhow!("{mistakes}"))
}

/// A file, or the manifests of a folder in the order of their names.
fn manifests(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>()?;
    let is_manifest = |path: &Path| path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
    files.retain(|path| path.is_file() && is_manifest(path));
    files.sort();
    Ok(files)
}

#[expect(clippy::print_stdout, reason = "the output of the command")]
fn print(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "what is wrong with the input goes beside the output")]
fn tell(text: &str) {
    eprintln!("{text}");
}
