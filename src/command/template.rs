//! `watchfire template render`.
#![expect(clippy::print_stdout, reason = "the output of the command")]

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use model::Timestamp;
use model::matcher::parse::ParseMode;
use model::source::SourceFile;
use notifier::config::Config;
use notifier::receiver::TemplateText;
use notifier::rendering::Renderer;
use templates::go_template::notifier_functions::template_set;
use templates::go_template::{Context, Escape, Limits, Render};

use crate::cli::client::{TemplateAction, TemplateCommand, TemplateKind, TemplateRender};
use crate::client::sample::Sample;
use crate::live;

/// Renders a template with sample data.
///
/// # Errors
/// A file cannot be read, or the template fails.
pub fn execute(command: &TemplateCommand) -> anyhow::Result<ExitCode> {
    let TemplateAction::Render(render) = &command.action;
    print!("{}", rendered(render, live::now())?);
    Ok(ExitCode::SUCCESS)
}

fn rendered(render: &TemplateRender, now: Timestamp) -> anyhow::Result<String> {
    let sample = match &render.data {
        None => Sample::built_in(now),
        Some(path) => {
            let text = read(path)?;
            serde_json::from_str(&text).with_context(|| format!("{} is not a notification in JSON", path.display()))?
        }
    };
    let (handlebars, go) = files(&render.globs)?.into_iter().partition(|(path, _)| path.ends_with(".hbs"));
    match (&render.handlebars, &render.text) {
        (Some(text), _) => with_handlebars(text, handlebars, render.kind, &sample, now),
        (None, text) => with_go(text.as_deref().unwrap_or_default(), go, render.kind, &sample, now),
    }
}

fn with_go(
    text: &str,
    files: Vec<(String, String)>,
    kind: TemplateKind,
    sample: &Sample,
    now: Timestamp,
) -> anyhow::Result<String> {
    let mut set = template_set();
    for (path, text) in files {
        let name = Path::new(&path).file_name().map_or(path.clone(), |name| name.to_string_lossy().into_owned());
        set.add(&name, &text)?;
    }
    let render = Render {
        data: &sample.for_go().dot(),
        variables: &[],
        context: &Here { sample, now },
        limits: &Limits::notifications(),
        escape: match kind {
            TemplateKind::Text => Escape::None,
            TemplateKind::Html => Escape::Html,
        },
    };
    Ok(set.parse("", text)?.execute(&render)?)
}

fn with_handlebars(
    text: &str,
    files: Vec<(String, String)>,
    kind: TemplateKind,
    sample: &Sample,
    now: Timestamp,
) -> anyhow::Result<String> {
    let file = SourceFile::new("alertmanager.yml", "route: {receiver: sample}\nreceivers: [{name: sample}]\n");
    let none = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    let parsed = Config::parse(&file, Path::new(""), ParseMode::default(), &none);
    let (mut config, _) = parsed.map_err(|mistakes| anyhow!("{mistakes}"))?;
    config.template_files = files;
    let renderer = Renderer::new(&config, sample.external_url())?;
    let notification = sample.notification(now);
    let page = renderer.page(&notification);
    let text = TemplateText::Handlebars(text.to_owned());
    Ok(match kind {
        TemplateKind::Text => page.text(&text)?,
        TemplateKind::Html => page.html(&text)?,
    })
}

/// The texts of the files that patterns match, each file once. A pattern may match nothing.
fn files(globs: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let mut files: Vec<(String, String)> = Vec::new();
    for pattern in globs {
        for path in glob::glob(pattern).with_context(|| format!("{pattern:?} is not a usable pattern"))? {
            let path = path?;
            let name = path.display().to_string();
            if path.is_file() && !files.iter().any(|(known, _)| *known == name) {
                files.push((name, read(&path)?));
            }
        }
    }
    Ok(files)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// What functions of Go templates ask for.
struct Here<'a> {
    sample: &'a Sample,
    now: Timestamp,
}

impl Context for Here<'_> {
    fn now_seconds(&self) -> f64 {
        self.now.as_secs_f64()
    }

    fn now(&self) -> jiff::Timestamp {
        self.now.to_jiff()
    }

    fn external_url(&self) -> &str {
        self.sample.external_url()
    }

    fn route_label(&self, name: &str) -> Option<&str> {
        self.sample.route_label(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(change: impl FnOnce(&mut TemplateRender)) -> anyhow::Result<String> {
        let mut render =
            TemplateRender { globs: Vec::new(), text: None, handlebars: None, kind: TemplateKind::Text, data: None };
        change(&mut render);
        rendered(&render, Timestamp::from_secs(1_000_000))
    }

    #[test]
    fn the_sample_shows_in_both_languages() {
        let go =
            r#"{{ .Status }} {{ range .Alerts }}{{ .Labels.pod }}={{ .Status }} {{ end }}{{ template "__subject" . }}"#;
        let subject = "firing live-0=firing live-1=resolved [FIRING:1] TooFewClients video (critical)";
        assert_eq!(render(|render| render.text = Some(go.to_owned())).unwrap(), subject);
        let native = "{{status}} {{#each alerts}}{{labels.pod}}={{status}} {{/each}}{{externalURL}}";
        let expected = "firing live-0=firing live-1=resolved https://watchfire.example.com";
        assert_eq!(render(|render| render.handlebars = Some(native.to_owned())).unwrap(), expected);
    }

    #[test]
    fn files_and_data_are_read_and_values_made_safe_for_html() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.tmpl"), r#"{{ define "mine" }}{{ .Receiver }}: {{ .CommonLabels }}{{ end }}"#).unwrap();
        std::fs::write(at("mine.hbs"), "{{receiver}}!\n").unwrap();
        std::fs::write(at("data.json"), r#"{"receiver":"r","status":"firing","alerts":[],"commonLabels":{"a":"<b>"}}"#)
            .unwrap();
        let go = |kind| {
            render(|render| {
                render.globs = vec![at("*.tmpl").display().to_string()];
                render.text = Some(r#"{{ template "mine" . }}"#.to_owned());
                (render.data, render.kind) = (Some(at("data.json")), kind);
            })
        };
        assert_eq!(go(TemplateKind::Text).unwrap(), "r: a=<b>");
        assert_eq!(go(TemplateKind::Html).unwrap(), "r: a=&lt;b&gt;");
        let native = render(|render| {
            render.globs = vec![at("*").display().to_string()];
            render.handlebars = Some("{{> mine}}".to_owned());
            render.data = Some(at("data.json"));
        });
        assert_eq!(native.unwrap(), "r!");
    }

    #[test]
    fn failures_are_told() {
        assert!(render(|render| render.text = Some("{{ .Nope }}".to_owned())).is_err());
        assert!(render(|render| render.text = Some("{{ nope }}".to_owned())).is_err());
        assert!(render(|render| render.data = Some("/nowhere".into())).is_err());
        assert!(render(|render| render.globs = vec!["[".to_owned()]).is_err());
    }
}
