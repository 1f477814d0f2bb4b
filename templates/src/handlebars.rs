//! Handlebars, Watchfire's own template language: named templates, compiled once.
//!
//! The shipped templates are the `.hbs` files of this crate, by folder and name: `email/html.hbs` is `email.html`. A
//! user's file `email.html.hbs` takes its place; any other name can be included as `{{> name}}`. A value that is not
//! there renders as nothing. What would surely fail or never end is refused when it is loaded: unknown helpers,
//! missing partials, partials that include each other.

mod budget;
mod check;
mod error;
mod helpers;
mod moment;
mod shipped;

use std::collections::BTreeMap;
use std::io;

use ::handlebars::template::Template;
use ::handlebars::{Context, Handlebars, Output, RenderErrorReason, Renderable, no_escape};
use serde_json::Value;

use check::Needs;
pub use error::TemplateError;

/// Longest text a template may render.
const OUTPUT_BYTES_MAX: usize = 32 << 20;

/// Whether values are made safe for HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escaping {
    /// Plain text: nothing is escaped.
    Text,
    /// HTML: `<`, `>`, `&` and quotes are, but for `{{{…}}}`.
    Html,
}

/// What a template sees. Made once for a notification, for any number of templates.
#[derive(Clone, Debug)]
pub struct Data(Context);

/// Templates by name; each can include each.
pub struct Registry {
    text: Handlebars<'static>,
    html: Handlebars<'static>,
    needs: BTreeMap<String, Needs>,
    /// How much one rendering may do.
    steps_max: usize,
}

impl Data {
    /// Takes a tree of values. Times are texts in RFC 3339; `now` in the root is what `since` counts to.
    pub fn new(value: Value) -> Data {
        let mut context = Context::null();
        *context.data_mut() = with_plain_numbers(value);
        Data(context)
    }
}

/// `3.0` becomes `3`: people do not expect the point.
fn with_plain_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or_default();
            if float.fract() == 0.0 && float.abs() < 1e15 { Value::from(float as i64) } else { Value::Number(number) }
        }
        Value::Array(items) => items.into_iter().map(with_plain_numbers).collect(),
        Value::Object(entries) => entries.into_iter().map(|(key, value)| (key, with_plain_numbers(value))).collect(),
        other => other,
    }
}

impl Default for Registry {
    fn default() -> Registry {
        Registry::shipped()
    }
}

impl Registry {
    /// The shipped templates.
    pub fn shipped() -> Registry {
        Registry::of(&shipped::TEMPLATES)
    }

    /// The pages of the web UI, and nothing else.
    pub fn web() -> Registry {
        Registry::of(crate::web::ALL)
    }

    fn of(sources: &[(&str, &str)]) -> Registry {
        let mut text = Handlebars::new();
        text.register_escape_fn(no_escape);
        let mut html = Handlebars::new();
        html.register_escape_fn(crate::escape::html);
        for registry in [&mut text, &mut html] {
            helpers::register(registry);
            budget::register(registry);
        }
        let mut registry = Registry { text, html, needs: BTreeMap::new(), steps_max: budget::STEPS_MAX };
        for (name, source) in sources {
            registry.add(name, source).expect("the shipped templates compile, a test sees to it");
        }
        registry
    }

    /// Adds a template, or puts it in the place of one. Call [`Registry::check`] after the last.
    ///
    /// # Errors
    /// It is no Handlebars, calls a helper that does not exist, or is too deep or too long.
    pub fn add(&mut self, name: &str, source: &str) -> Result<(), TemplateError> {
        // the last line break of a file is none of the text's
        let source = source.strip_suffix('\n').unwrap_or(source);
        let (template, needs) = compile(name, source.strip_suffix('\r').unwrap_or(source))?;
        self.text.register_template(name, template.clone());
        self.html.register_template(name, template);
        self.needs.insert(name.to_owned(), needs);
        Ok(())
    }

    /// Whether all partials exist and none includes itself, directly or through others.
    ///
    /// # Errors
    /// One error for each template it does not hold for. Such a registry must not render: it could never end.
    pub fn check(&self) -> Result<(), Vec<TemplateError>> {
        let errors = check::check_partials(&self.needs);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Whether there is a template of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.needs.contains_key(name)
    }

    /// Renders a template by name.
    ///
    /// # Errors
    /// There is none, a helper failed, or the text grew too long.
    pub fn render(&self, name: &str, escaping: Escaping, data: &Data) -> Result<String, TemplateError> {
        let missing = || TemplateError::rendering(name, &RenderErrorReason::TemplateNotFound(name.to_owned()).into());
        let template = self.engine(escaping).get_template(name).ok_or_else(missing)?;
        self.rendered(name, template, escaping, data)
    }

    /// Compiles and renders a text that may include the named templates. `name` is what errors call it.
    ///
    /// # Errors
    /// As of [`Registry::add`], [`Registry::check`] and [`Registry::render`].
    pub fn render_text(
        &self,
        name: &str,
        source: &str,
        escaping: Escaping,
        data: &Data,
    ) -> Result<String, TemplateError> {
        let (template, needs) = compile(name, source)?;
        check::check_inline(name, &needs, &self.needs)?;
        self.rendered(name, &template, escaping, data)
            .map_err(|error| TemplateError { template: name.to_owned(), ..error })
    }

    /// Whether a text would do for [`Registry::render_text`].
    ///
    /// # Errors
    /// As of [`Registry::add`] and [`Registry::check`].
    pub fn check_text(&self, name: &str, source: &str) -> Result<(), TemplateError> {
        let (_, needs) = compile(name, source)?;
        check::check_inline(name, &needs, &self.needs)
    }

    /// Whether a text is a template, whatever it includes. `name` is what errors call it.
    ///
    /// # Errors
    /// As of [`Registry::add`].
    pub fn check_syntax(name: &str, source: &str) -> Result<(), TemplateError> {
        compile(name, source).map(drop)
    }

    fn rendered(
        &self,
        name: &str,
        template: &Template,
        escaping: Escaping,
        data: &Data,
    ) -> Result<String, TemplateError> {
        let mut output = Bounded::default();
        let mut context = budget::context(template, self.steps_max);
        let rendered = template.render(self.engine(escaping), &data.0, &mut context, &mut output);
        rendered.map_err(|error| TemplateError::rendering(name, &error))?;
        Ok(output.0)
    }

    fn engine(&self, escaping: Escaping) -> &Handlebars<'static> {
        match escaping {
            Escaping::Text => &self.text,
            Escaping::Html => &self.html,
        }
    }
}

fn compile(name: &str, source: &str) -> Result<(Template, Needs), TemplateError> {
    check::check_source(name, source)?;
    let mut template =
        Template::compile_with_name(source, name.to_owned()).map_err(|error| TemplateError::syntax(name, &error))?;
    let needs = check::needs((name, source), &template, &|helper| helpers::NAMES.contains(&helper))?;
    budget::count(&mut template);
    Ok((template, needs))
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.needs.keys()).finish()
    }
}

/// Collects output up to a limit.
#[derive(Default)]
struct Bounded(String);

impl Output for Bounded {
    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.0.len() + text.len() > OUTPUT_BYTES_MAX {
            return Err(io::Error::other(format!("the text is longer than {OUTPUT_BYTES_MAX} bytes")));
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
