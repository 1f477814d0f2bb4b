//! The templates written in the settings themselves, compiled when the configuration is.

use templates::handlebars::TemplateError;

use crate::config::Config;
use crate::receiver::email::EmailSettings;
use crate::receiver::pagerduty::PagerDutySettings;
use crate::receiver::{Settings, TemplateText, TemplateTree};

use super::Renderer;

/// The name a Handlebars text of the settings is kept under; no file can be called so.
pub(super) fn name(text: &str) -> String {
    format!("inline {text}")
}

/// An error that does not repeat the text as the name of the template.
pub(super) fn without_text(error: TemplateError, name: &str) -> TemplateError {
    if error.template == name { TemplateError { template: "inline".to_owned(), ..error } } else { error }
}

/// Compiles every template of every integration. Mistakes are told with the receiver they are in.
pub(super) fn compile(config: &Config, renderer: &mut Renderer, mistakes: &mut Vec<String>) {
    for receiver in config.receivers.values() {
        for integration in &receiver.integrations {
            let mut add = |text: &TemplateText| {
                if let Err(mistake) = compile_text(text, renderer) {
                    let (name, kind) = (&receiver.name, integration.kind);
                    mistakes.push(format!("receiver {name:?}, {kind} {}: {mistake}", integration.index));
                }
            };
            match &integration.settings {
                Settings::Email(settings) => email_texts(settings).for_each(&mut add),
                Settings::PagerDuty(settings) => pagerduty_texts(settings, &mut add),
                Settings::Webhook(settings) => settings.payload.iter().for_each(|tree| tree_texts(tree, &mut add)),
                Settings::Jira(settings) => {
                    settings.texts(&mut add);
                    settings.fields.iter().for_each(|(_, tree)| tree_texts(tree, &mut add));
                }
                Settings::Sns(settings) => settings.texts(&mut add),
                Settings::Preset(settings) => settings.texts(&mut add),
            }
        }
    }
}

fn compile_text(text: &TemplateText, renderer: &mut Renderer) -> Result<(), String> {
    match text {
        TemplateText::Go(text) => {
            if text.contains("{{") && !renderer.texts.contains_key(text) {
                let template = renderer.go.parse("", text).map_err(|error| error.to_string())?;
                renderer.texts.insert(text.clone(), template);
            }
        }
        TemplateText::Handlebars(text) => {
            renderer.handlebars.check_text("inline", text).map_err(|error| error.to_string())?;
            renderer.handlebars.add(&name(text), text).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

fn email_texts(settings: &EmailSettings) -> impl Iterator<Item = &TemplateText> {
    let headers = settings.headers.iter().map(|(_, value)| value);
    [&settings.to, &settings.from].into_iter().chain(headers).chain(&settings.html).chain(&settings.text)
}

fn pagerduty_texts(settings: &PagerDutySettings, add: &mut dyn FnMut(&TemplateText)) {
    let PagerDutySettings { client, client_url, description, severity, source, class, component, group, .. } = settings;
    let fields = [client, client_url, description, severity, source, class, component, group];
    fields.into_iter().flatten().for_each(&mut *add);
    settings.images.iter().flat_map(|image| [&image.src, &image.alt, &image.href]).for_each(&mut *add);
    settings.links.iter().flat_map(|link| [&link.href, &link.text]).for_each(&mut *add);
    settings.details.iter().for_each(|(_, tree)| tree_texts(tree, add));
}

fn tree_texts(tree: &TemplateTree, add: &mut dyn FnMut(&TemplateText)) {
    match tree {
        TemplateTree::Text(text) => add(&TemplateText::Go(text.clone())),
        TemplateTree::List(items) => items.iter().for_each(|item| tree_texts(item, add)),
        TemplateTree::Map(entries) => {
            for (key, value) in entries {
                add(&TemplateText::Go(key.clone()));
                tree_texts(value, add);
            }
        }
        TemplateTree::Null | TemplateTree::Bool(_) | TemplateTree::Integer(_) | TemplateTree::Float(_) => {}
    }
}
