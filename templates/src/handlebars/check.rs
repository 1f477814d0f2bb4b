//! What a template may not do, found when it is loaded: what would loop, overflow the stack or surely fail later.

use std::collections::BTreeMap;

use handlebars::template::{DecoratorTemplate, HelperTemplate, Parameter, Template, TemplateElement};

use super::error::TemplateError;

/// Longest source.
pub(super) const SOURCE_BYTES_MAX: usize = 256 << 10;

/// Most bytes times tags: the compiler finds the place of each tag by counting lines from the start.
const COMPILE_COST_MAX: usize = 200_000_000;

/// Deepest nesting of blocks; chained `{{else if}}` count too.
const BLOCKS_MAX: usize = 50;

/// Deepest nesting of brackets inside one tag.
const BRACKETS_MAX: usize = 20;

/// Elements of a template with everything it includes, each inclusion counted.
const ELEMENTS_MAX: usize = 100_000;

/// Refuses sources that would make the compiler slow or deep. Runs before compiling.
pub(super) fn check_source(name: &str, source: &str) -> Result<(), TemplateError> {
    let refuse = |message: String| Err(TemplateError::new(name, None, message));
    if source.len() > SOURCE_BYTES_MAX {
        return refuse(format!("longer than {SOURCE_BYTES_MAX} bytes"));
    }
    let tags = source.matches("{{").count();
    if tags.saturating_mul(source.len()) > COMPILE_COST_MAX {
        return refuse(format!("{tags} tags in {} bytes are too much for one template: split it", source.len()));
    }
    let (mut open, mut depth) = (Vec::new(), 0);
    for tag in source.split("{{").skip(1) {
        let body = tag.split("}}").next().unwrap_or_default();
        let inner = body.trim_start_matches(['{', '~']).trim_start();
        if inner.starts_with(['#', '^']) {
            open.push(1);
            depth += 1;
        } else if inner.starts_with('/') {
            depth -= open.pop().unwrap_or(0).min(depth);
        } else if inner.starts_with("else")
            && let Some(last) = open.last_mut()
        {
            *last += 1;
            depth += 1;
        }
        if depth > BLOCKS_MAX {
            return refuse(format!("blocks are nested deeper than {BLOCKS_MAX}"));
        }
        if body.bytes().filter(|byte| b"([{".contains(byte)).count() > BRACKETS_MAX {
            return refuse(format!("a tag has more than {BRACKETS_MAX} brackets"));
        }
    }
    Ok(())
}

/// What a template asks for.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Partials with the place of their use.
    partials: Vec<(String, Place)>,
    /// How many elements it has itself.
    elements: usize,
}

type Place = Option<(usize, usize)>;

/// Walks a compiled template: every helper must exist, every partial must be named outright.
pub(super) fn needs(
    (name, source): (&str, &str),
    template: &Template,
    has_helper: &dyn Fn(&str) -> bool,
) -> Result<Needs, TemplateError> {
    let mut walk = Walk { name, source, has_helper, needs: Needs::default() };
    walk.template(template)?;
    Ok(walk.needs)
}

struct Walk<'a> {
    name: &'a str,
    source: &'a str,
    has_helper: &'a dyn Fn(&str) -> bool,
    needs: Needs,
}

impl Walk<'_> {
    fn template(&mut self, template: &Template) -> Result<(), TemplateError> {
        for element in &template.elements {
            self.needs.elements += 1;
            match element {
                TemplateElement::Expression(call) | TemplateElement::HtmlExpression(call) => self.call(call)?,
                TemplateElement::HelperBlock(call) => {
                    self.call(call)?;
                    for inner in [&call.template, &call.inverse].into_iter().flatten() {
                        self.template(inner)?;
                    }
                }
                TemplateElement::PartialExpression(partial) => self.partial(partial)?,
                TemplateElement::PartialBlock(_) => {
                    return self.refuse("#>", "{{#> …}} is not offered: include with {{> name}}");
                }
                TemplateElement::DecoratorExpression(_) | TemplateElement::DecoratorBlock(_) => {
                    return self.refuse("*", "{{* …}} is not offered: put the partial into a file of its own");
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn call(&mut self, call: &HelperTemplate) -> Result<(), TemplateError> {
        let is_value = !call.block && call.params.is_empty() && call.hash.is_empty();
        match &call.name {
            Parameter::Subexpression(inner) => self.parameter(&Parameter::Subexpression(inner.clone()))?,
            name if !is_value => self.helper(name)?,
            _ => {}
        }
        call.params.iter().chain(call.hash.values()).try_for_each(|parameter| self.parameter(parameter))
    }

    fn helper(&self, name: &Parameter) -> Result<(), TemplateError> {
        let name = name.as_name().unwrap_or_default();
        if (self.has_helper)(name) {
            return Ok(());
        }
        self.refuse(name, format!("there is no helper {name:?} (is this text a Go template?)"))
    }

    fn parameter(&mut self, parameter: &Parameter) -> Result<(), TemplateError> {
        match parameter {
            Parameter::Subexpression(inner) => match inner.as_element() {
                TemplateElement::Expression(call) => {
                    self.helper(&call.name)?;
                    call.params.iter().chain(call.hash.values()).try_for_each(|inner| self.parameter(inner))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn partial(&mut self, partial: &DecoratorTemplate) -> Result<(), TemplateError> {
        if matches!(partial.name, Parameter::Subexpression(_)) {
            return self.refuse(">", "a partial is named outright, not computed");
        }
        let name = partial.name.as_name().unwrap_or_default();
        self.needs.partials.push((name.to_owned(), self.place(name)));
        partial.params.iter().chain(partial.hash.values()).try_for_each(|inner| self.parameter(inner))
    }

    fn refuse<T>(&self, word: &str, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError::new(self.name, self.place(word), message))
    }

    /// Where the first tag with a word begins. (The compiled tree has places, but keeps them to itself.)
    fn place(&self, word: &str) -> Place {
        let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
        let has_word = |tag: &str| tag.match_indices(word).any(|(at, _)| ends(&tag[at + word.len()..]));
        let mut tags = self.source.match_indices("{{").map(|(at, _)| (at, &self.source[at..]));
        let tag = tags.find(|(_, rest)| has_word(rest.split("}}").next().unwrap_or_default()))?.0;
        let before = &self.source[..tag];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }
}

/// Follows the partials of every template: each must exist, none may come to include itself, and all together must
/// stay small.
pub(super) fn check_partials(templates: &BTreeMap<String, Needs>) -> Vec<TemplateError> {
    let mut sizes = BTreeMap::new();
    templates.keys().filter_map(|name| measure(name, templates, &mut Vec::new(), &mut sizes).err()).collect()
}

/// The same for one template that is not among the named ones.
pub(super) fn check_inline(name: &str, needs: &Needs, named: &BTreeMap<String, Needs>) -> Result<(), TemplateError> {
    let mut sizes = BTreeMap::new();
    for (partial, place) in &needs.partials {
        find(name, partial, *place, named)?;
        measure(partial, named, &mut Vec::new(), &mut sizes)?;
    }
    Ok(())
}

fn find<'t>(
    name: &str,
    partial: &str,
    place: Place,
    templates: &'t BTreeMap<String, Needs>,
) -> Result<&'t Needs, TemplateError> {
    let missing = || TemplateError::new(name, place, format!("there is no template {partial:?} to include"));
    templates.get(partial).ok_or_else(missing)
}

/// How many elements a template has with all it includes. `open` are the templates on the way to it.
fn measure(
    name: &str,
    templates: &BTreeMap<String, Needs>,
    open: &mut Vec<String>,
    sizes: &mut BTreeMap<String, usize>,
) -> Result<usize, TemplateError> {
    if let Some(size) = sizes.get(name) {
        return Ok(*size);
    }
    let Some(needs) = templates.get(name) else { return Ok(0) };
    open.push(name.to_owned());
    let mut size = needs.elements;
    for (partial, place) in &needs.partials {
        find(name, partial, *place, templates)?;
        if open.contains(partial) || open.len() > BLOCKS_MAX {
            let way = [open.join(" includes "), partial.clone()].join(" includes ");
            return Err(TemplateError::new(name, *place, format!("templates include each other without end: {way}")));
        }
        size = size.saturating_add(measure(partial, templates, open, sizes)?);
        if size > ELEMENTS_MAX {
            let message = format!("has more than {ELEMENTS_MAX} parts with all it includes");
            return Err(TemplateError::new(name, *place, message));
        }
    }
    open.pop();
    sizes.insert(name.to_owned(), size);
    Ok(size)
}
