//! How much a template may do before it is stopped: loops within loops over thousands of alerts never end by themselves.
//!
//! A [`Budget`] goes along with one rendering, as a helper that only its context knows. Each body of a block spends as many
//! steps as it has elements, each time it is rendered; a function spends what it makes.

use std::sync::atomic::{AtomicUsize, Ordering};

use handlebars::template::{HelperTemplate, Parameter, Template, TemplateElement};
use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError, RenderErrorReason,
    ScopedJson,
};
use serde_json::Value;

/// Elements that one rendering may go through: a mail about a hundred thousand alerts goes through some millions.
pub(super) const STEPS_MAX: usize = 10_000_000;

/// A text of so many bytes, or as many items of a list, count as one step more.
const BYTES_PER_STEP: usize = 64;

/// Longest text that a function may make.
pub(super) const TEXT_BYTES_MAX: usize = 8 << 20;

/// Names that no template can write.
const BUDGET: &str = "(budget)";
const BODY: &str = "(body)";

/// What is left of one rendering.
struct Budget(AtomicUsize);

/// Stands first in each body of a block.
struct Body;

/// The context of one rendering that may take so many steps.
pub(super) fn context<'t>(template: &'t Template, steps: usize) -> RenderContext<'t, 't> {
    let mut context = RenderContext::new(template.name.as_ref());
    context.register_local_helper(BUDGET, Box::new(Budget(AtomicUsize::new(steps))));
    context
}

/// Makes the bodies of all templates countable.
pub(super) fn register(handlebars: &mut Handlebars<'static>) {
    handlebars.register_helper(BODY, Box::new(Body));
}

/// Puts what counts into a template and all bodies in it.
pub(super) fn count(template: &mut Template) {
    // The only way to make such an element.
    let Ok(mut counting) = Template::compile("{{body}}") else { return };
    let Some(TemplateElement::Expression(call)) = counting.elements.pop() else { return };
    count_in(template, &call);
}

fn count_in(template: &mut Template, call: &HelperTemplate) {
    for element in &mut template.elements {
        if let TemplateElement::HelperBlock(block) = element {
            [&mut block.template, &mut block.inverse].into_iter().flatten().for_each(|body| count_in(body, call));
        }
    }
    let mut call = call.clone();
    call.name = Parameter::Name(BODY.to_owned());
    call.params = vec![Parameter::Literal(Value::from(1 + template.elements.len()))];
    // Places are by the number of the element.
    let place = template.mapping.first().cloned();
    template.elements.insert(0, TemplateElement::Expression(Box::new(call)));
    template.mapping.splice(0..0, place);
}

/// Spends what a function has made.
///
/// # Errors
/// Nothing is left.
pub(super) fn spend_on<'reg: 'rc, 'rc>(
    made: &Value,
    helper: &Helper<'rc>,
    registry: &'reg Handlebars<'reg>,
    context: &'rc Context,
    render: &mut RenderContext<'reg, 'rc>,
) -> Result<(), RenderError> {
    let size = match made {
        Value::String(text) => text.len(),
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        _ => 0,
    };
    spend(1 + size / BYTES_PER_STEP, helper, registry, context, render)
}

fn spend<'reg: 'rc, 'rc>(
    steps: usize,
    helper: &Helper<'rc>,
    registry: &'reg Handlebars<'reg>,
    context: &'rc Context,
    render: &mut RenderContext<'reg, 'rc>,
) -> Result<(), RenderError> {
    let Some(budget) = render.get_local_helper(BUDGET) else { return Ok(()) };
    for _ in 0..steps {
        budget.call_inner(helper, registry, context, render)?;
    }
    Ok(())
}

/// One step.
impl HelperDef for Budget {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        _: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match left {
            Ok(_) => Ok(ScopedJson::Missing),
            Err(_) => Err(RenderErrorReason::Other("stopped: too many steps, in loops within loops".to_owned()).into()),
        }
    }
}

impl HelperDef for Body {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        render: &mut RenderContext<'reg, 'rc>,
        _: &mut dyn Output,
    ) -> HelperResult {
        let elements = helper.param(0).and_then(|param| param.value().as_u64()).unwrap_or(1);
        spend(usize::try_from(elements).unwrap_or(usize::MAX), helper, registry, context, render)
    }
}
