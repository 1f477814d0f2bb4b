//! What a query has to say about its result: hints and warnings, each with its place in the expression.

use std::fmt;

use crate::span::Span;

/// How much a remark weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The result is probably not what was meant.
    Warning,
    /// The result may not be what was meant.
    Info,
}

/// A remark about a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// How much it weighs.
    pub severity: Severity,
    /// What there is to say, in the words of Prometheus, without its place.
    pub message: String,
    /// The part of the expression it is about.
    pub span: Span,
}

/// The remarks of one evaluation, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations(Vec<Annotation>);

/// Most remarks kept: what is wrong in a thousand ways is told often enough.
const ANNOTATIONS_MAX: usize = 1000;

impl Annotation {
    /// The line Prometheus shows: `PromQL warning: … (1:7)`. `text` is the expression.
    pub fn located(&self, text: &str) -> String {
        let position = self.span.position(text);
        format!("PromQL {}: {} ({position})", self.severity, self.message)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Info => "info",
        })
    }
}

impl Annotations {
    /// All of them, in the order they came up.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Annotation> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of one weight.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Annotation> {
        self.0.iter().filter(move |annotation| annotation.severity == severity)
    }

    pub(super) fn warn(&mut self, span: Span, message: impl Into<String>) {
        self.add(Severity::Warning, span, message.into());
    }

    pub(super) fn info(&mut self, span: Span, message: impl Into<String>) {
        self.add(Severity::Info, span, message.into());
    }

    fn add(&mut self, severity: Severity, span: Span, message: String) {
        let annotation = Annotation { severity, message, span };
        if self.0.len() < ANNOTATIONS_MAX && !self.0.contains(&annotation) {
            self.0.push(annotation);
        }
    }
}
