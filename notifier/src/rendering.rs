//! Notifications as texts: the templates of a configuration, compiled once, in both languages.
//!
//! A [`Page`] is one notification about to be rendered. A template that fails never loses it: the field gets its plain
//! text (`plain`), and the page says that it is degraded and why.

pub(crate) mod go_data;
pub(crate) mod handlebars_data;
pub(crate) mod links;
pub(crate) mod plain;
pub(crate) mod tree;

mod defaults;
mod inline;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use model::LabelSet;
use templates::go_template::notifier_functions::{functions, template_set};
use templates::go_template::{Escape, Limits, Render, Template, TemplateSet, Value};
use templates::handlebars::{Data, Escaping, Registry};

use crate::ack_link::AckLinks;
use crate::config::Config;
use crate::notification::{Notification, NotifiedAlert, common};
use crate::receiver::TemplateText;
pub use defaults::Shipped;

/// The templates of one configuration, ready to render.
#[derive(Debug)]
pub struct Renderer {
    go: TemplateSet,
    /// Texts of the settings, parsed, by the text.
    texts: HashMap<String, Template>,
    handlebars: Registry,
    /// Shipped texts that the user's Go templates redefine.
    redefined: Vec<Shipped>,
    external_url: String,
    ack_links: Option<Arc<AckLinks>>,
}

/// Every mistake in the templates of a configuration, one a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct UnusableTemplates(pub Vec<String>);

/// A template that did not render.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(pub String);

/// What is sent, and why it is not what the templates meant, if it is not.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered<R> {
    /// What is sent.
    pub request: R,
    /// The failed templates, for logs and metrics.
    pub degraded: Option<String>,
}

/// One notification about to be rendered.
pub struct Page<'a> {
    /// What happened.
    pub notification: &'a Notification,
    /// The alerts templates see: all, or the first few where a limit is set.
    pub alerts: &'a [NotifiedAlert],
    renderer: &'a Renderer,
    go: OnceCell<Value>,
    handlebars: OnceCell<Data>,
    failed: RefCell<Vec<String>>,
}

impl Renderer {
    /// Compiles what a configuration brings. `external_url` is where users reach this notifier; links lead there.
    ///
    /// # Errors
    /// A template file cannot be used, or templates include each other without end.
    pub fn new(config: &Config, external_url: &str) -> Result<Renderer, UnusableTemplates> {
        let mut renderer = Renderer::shipped(external_url);
        let mut mistakes = Vec::new();
        let functions = TemplateSet::new(functions());
        for (path, text) in &config.template_files {
            let file = Path::new(path).file_name().map_or(path.clone(), |name| name.to_string_lossy().into_owned());
            match file.strip_suffix(".hbs") {
                Some(name) => mistakes.extend(renderer.handlebars.add(name, text).err().map(|error| error.to_string())),
                None => match renderer.go.add(&file, text) {
                    Ok(()) => renderer.redefined.extend(Shipped::redefined_by(text, &functions)),
                    Err(error) => mistakes.push(error.to_string()),
                },
            }
        }
        if let Err(errors) = renderer.handlebars.check() {
            mistakes.extend(errors.iter().map(ToString::to_string));
        }
        inline::compile(config, &mut renderer, &mut mistakes);
        if mistakes.is_empty() { Ok(renderer) } else { Err(UnusableTemplates(mistakes)) }
    }

    /// The shipped templates alone.
    pub fn shipped(external_url: &str) -> Renderer {
        Renderer {
            go: template_set(),
            texts: HashMap::new(),
            handlebars: Registry::shipped(),
            redefined: Vec::new(),
            external_url: external_url.trim_end_matches('/').to_owned(),
            ack_links: None,
        }
    }

    /// Templates may show links that acknowledge.
    #[must_use]
    pub fn with_ack_links(self, ack_links: Option<Arc<AckLinks>>) -> Renderer {
        Renderer { ack_links, ..self }
    }

    /// Where users reach this notifier, without a slash at the end.
    pub fn external_url(&self) -> &str {
        &self.external_url
    }

    /// A notification about to be rendered.
    pub fn page<'a>(&'a self, notification: &'a Notification) -> Page<'a> {
        self.page_of(notification, usize::MAX)
    }

    /// The same with at most so many alerts.
    pub fn page_of<'a>(&'a self, notification: &'a Notification, alerts_max: usize) -> Page<'a> {
        Page {
            notification,
            alerts: notification.alerts.get(..alerts_max).unwrap_or(&notification.alerts),
            renderer: self,
            go: OnceCell::new(),
            handlebars: OnceCell::new(),
            failed: RefCell::default(),
        }
    }
}

impl Page<'_> {
    /// Where users reach this notifier.
    pub fn external_url(&self) -> &str {
        &self.renderer.external_url
    }

    /// A link that acknowledges what fires, where there may be one.
    pub fn ack_url(&self) -> Option<String> {
        self.renderer.ack_links.as_ref()?.of_group(self.external_url(), self.notification)
    }

    /// A link that acknowledges one alert.
    pub fn alert_ack_url(&self, alert: &NotifiedAlert) -> Option<String> {
        self.renderer.ack_links.as_ref()?.of_alert(self.external_url(), alert, self.notification.at)
    }

    /// Renders a text.
    ///
    /// # Errors
    /// The template does not parse or fails.
    pub fn text(&self, text: &TemplateText) -> Result<String, RenderError> {
        self.render(text, Escaping::Text)
    }

    /// Renders a Go template, as secrets and trees have them.
    ///
    /// # Errors
    /// As of [`Page::text`].
    pub fn go_text(&self, text: &str) -> Result<String, RenderError> {
        self.go(text, Escaping::Text)
    }

    /// Renders markup: values are made safe for it.
    ///
    /// # Errors
    /// As of [`Page::text`].
    pub fn html(&self, text: &TemplateText) -> Result<String, RenderError> {
        self.render(text, Escaping::Html)
    }

    /// Renders a text that the settings leave to us: the user's template of that name, or the shipped one.
    ///
    /// # Errors
    /// As of [`Page::text`].
    pub fn shipped(&self, shipped: Shipped) -> Result<String, RenderError> {
        if self.renderer.redefined.contains(&shipped) {
            return self.go(shipped.go_text(), shipped.escaping());
        }
        let registry = &self.renderer.handlebars;
        guarded(|| registry.render(shipped.name(), shipped.escaping(), self.handlebars_data()))
    }

    /// A field: as the settings say, else as shipped, else, after a failure that is noted, plain.
    pub fn field(
        &self,
        name: &str,
        text: Option<&TemplateText>,
        shipped: Shipped,
        plain: impl FnOnce() -> String,
    ) -> String {
        let rendered = text.map_or_else(|| self.shipped(shipped), |text| self.text(text));
        self.note(name, rendered).unwrap_or_else(plain)
    }

    /// A field that may be missing; after a failure, which is noted, it is.
    pub fn optional(&self, name: &str, text: Option<&TemplateText>) -> String {
        text.and_then(|text| self.note(name, self.text(text))).unwrap_or_default()
    }

    /// Notes a failure under the name of its field.
    pub fn note<T>(&self, name: &str, rendered: Result<T, RenderError>) -> Option<T> {
        rendered.map_err(|error| self.failed.borrow_mut().push(format!("{name}: {error}"))).ok()
    }

    /// What failed so far.
    pub fn degraded(&self) -> Option<String> {
        let failed = self.failed.borrow();
        if failed.is_empty() { None } else { Some(failed.join("; ")) }
    }

    /// Whether the user's Go templates redefine a shipped text.
    pub fn is_redefined(&self, shipped: Shipped) -> bool {
        self.renderer.redefined.contains(&shipped)
    }

    /// `firing` or `resolved`. Of all alerts, also those beyond a limit: a page is never closed while one fires.
    pub fn status(&self) -> &'static str {
        if self.notification.is_firing() { "firing" } else { "resolved" }
    }

    /// Labels that all alerts of the page carry with the same value.
    pub fn common_labels(&self) -> LabelSet {
        common(self.alerts.iter().map(|alert| &alert.labels))
    }

    /// Annotations that all alerts of the page carry with the same value.
    pub fn common_annotations(&self) -> LabelSet {
        common(self.alerts.iter().map(|alert| &alert.annotations))
    }

    fn render(&self, text: &TemplateText, escaping: Escaping) -> Result<String, RenderError> {
        match text {
            TemplateText::Go(text) => self.go(text, escaping),
            TemplateText::Handlebars(text) => {
                let registry = &self.renderer.handlebars;
                let name = inline::name(text);
                guarded(|| match registry.contains(&name) {
                    true => registry
                        .render(&name, escaping, self.handlebars_data())
                        .map_err(|error| inline::without_text(error, &name)),
                    false => registry.render_text("inline", text, escaping, self.handlebars_data()),
                })
            }
        }
    }

    fn go(&self, text: &str, escaping: Escaping) -> Result<String, RenderError> {
        if escaping == Escaping::Text && !text.contains("{{") {
            return Ok(text.to_owned());
        }
        let parsed;
        let template = match self.renderer.texts.get(text) {
            Some(template) => template,
            None => {
                parsed = guarded(|| self.renderer.go.parse("", text))?;
                &parsed
            }
        };
        let render = Render {
            data: self.go.get_or_init(|| go_data::dot(self)),
            variables: &[],
            context: &go_data::GoContext(self),
            limits: &Limits::notifications(),
            escape: match escaping {
                Escaping::Text => Escape::None,
                Escaping::Html => Escape::Html,
            },
        };
        guarded(|| template.execute(&render))
    }

    fn handlebars_data(&self) -> &Data {
        self.handlebars.get_or_init(|| handlebars_data::data(self))
    }
}

/// Runs a template engine. A bug in one costs the field it renders, never the page.
fn guarded<T, E: std::fmt::Display>(engine: impl FnOnce() -> Result<T, E>) -> Result<T, RenderError> {
    match std::panic::catch_unwind(AssertUnwindSafe(engine)) {
        Ok(rendered) => rendered.map_err(|error| RenderError(error.to_string())),
        Err(_) => Err(RenderError("the template engine failed; this is a bug of ours".to_owned())),
    }
}

impl std::fmt::Debug for Page<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page").field("notification", self.notification).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
