//! What is wrong with a Handlebars template, and where.

use std::fmt;

use handlebars::{RenderError, RenderErrorReason, TemplateErrorReason};

/// A template that cannot be used, or that failed while it was rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The name the template goes by.
    pub template: String,
    /// Line and column, from 1, where they are known.
    pub at: Option<(usize, usize)>,
    /// What is wrong and, where there is a way, how to mend it.
    pub message: String,
}

impl TemplateError {
    pub(super) fn new(template: &str, at: Option<(usize, usize)>, message: impl Into<String>) -> TemplateError {
        TemplateError { template: template.to_owned(), at, message: message.into() }
    }

    pub(super) fn syntax(template: &str, error: &handlebars::TemplateError) -> TemplateError {
        let message = match error.reason() {
            TemplateErrorReason::InvalidSyntax(expected) => {
                // a long list of what would do is no help: something is not closed, or it is another language
                let expected =
                    if expected.len() > 60 { "something is not closed or not known" } else { expected.trim() };
                let hint = "a value is {{labels.instance}}, a condition {{#if firing}}…{{/if}}";
                format!("not Handlebars: {expected} ({hint})")
            }
            TemplateErrorReason::MismatchingClosedHelper(open, close)
            | TemplateErrorReason::MismatchingClosedDecorator(open, close) => {
                format!("{{{{#{open}}}}} is open, but {{{{/{close}}}}} closes")
            }
            reason => reason.to_string(),
        };
        TemplateError::new(template, error.pos(), message)
    }

    pub(super) fn rendering(template: &str, error: &RenderError) -> TemplateError {
        let template = error.template_name.as_deref().unwrap_or(template);
        let message = match error.reason() {
            RenderErrorReason::IOError(error) => error.to_string(),
            RenderErrorReason::NestedError(error) => error.to_string(),
            reason => reason.to_string(),
        };
        TemplateError::new(template, error.line_no.zip(error.column_no), message)
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template {:?}", self.template)?;
        if let Some((line, column)) = self.at {
            write!(f, ", line {line}, column {column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for TemplateError {}
