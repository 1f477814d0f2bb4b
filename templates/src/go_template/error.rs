//! What can go wrong with a template, told the way Go tells it.

use std::fmt;

/// A template that does not parse or did not render.
///
/// Displays as Go's text/template does: `template: NAME:LINE: …` for a mistake of syntax,
/// `template: NAME:LINE:COLUMN: executing "NAME" at <EXCERPT>: …` for a failed execution.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateError(Box<Report>);

#[derive(Clone, Debug, PartialEq)]
struct Report {
    position: Option<Position>,
    column_shown: bool,
    executing: Option<Executing>,
    failure: FunctionFailure,
}

#[derive(Clone, Debug, PartialEq)]
struct Executing {
    template: String,
    excerpt: String,
}

/// A place in a template's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The name the source was parsed under.
    pub source: String,
    /// The line, from 1.
    pub line: usize,
    /// Bytes from the start of the line, from 0, as Go counts them.
    pub column: usize,
}

/// Why a function, and with it the template, gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionFailure {
    /// It went wrong; the text says how.
    Message(String),
    /// The answer to this query is needed first. Render again once it is known.
    NeedsQuery(String),
    /// A limit on work, size or depth was reached.
    Limit(String),
}

impl FunctionFailure {
    /// The text for people.
    pub fn message(&self) -> String {
        match self {
            Self::Message(text) | Self::Limit(text) => text.clone(),
            Self::NeedsQuery(expression) => format!("the result of query {expression:?} is not known yet"),
        }
    }
}

impl From<String> for FunctionFailure {
    fn from(text: String) -> Self {
        Self::Message(text)
    }
}

impl From<&str> for FunctionFailure {
    fn from(text: &str) -> Self {
        Self::Message(text.to_owned())
    }
}

impl TemplateError {
    /// A mistake of syntax.
    pub(crate) fn syntax(position: Position, message: String) -> Self {
        Self::new(Some(position), false, None, FunctionFailure::Message(message))
    }

    /// A failure while `template` was executed, at the node that prints as `excerpt`.
    pub(crate) fn execution(position: Position, template: &str, excerpt: String, failure: FunctionFailure) -> Self {
        let executing = Executing { template: template.to_owned(), excerpt };
        Self::new(Some(position), true, Some(executing), failure)
    }

    /// A failure that has no place in a source.
    pub(crate) fn unplaced(message: String) -> Self {
        Self::new(None, false, None, FunctionFailure::Message(message))
    }

    fn new(
        position: Option<Position>,
        column_shown: bool,
        executing: Option<Executing>,
        failure: FunctionFailure,
    ) -> Self {
        Self(Box::new(Report { position, column_shown, executing, failure }))
    }

    /// Where it went wrong.
    pub fn position(&self) -> Option<&Position> {
        self.0.position.as_ref()
    }

    /// The source text of the failing node, for failures of execution.
    pub fn excerpt(&self) -> Option<&str> {
        self.0.executing.as_ref().map(|at| at.excerpt.as_str())
    }

    /// What went wrong, without the place.
    pub fn failure(&self) -> &FunctionFailure {
        &self.0.failure
    }

    /// The query whose answer is needed before the template can be rendered.
    pub fn needed_query(&self) -> Option<&str> {
        match &self.0.failure {
            FunctionFailure::NeedsQuery(expression) => Some(expression),
            _ => None,
        }
    }

    /// Whether a limit stopped the execution.
    pub fn is_limit(&self) -> bool {
        matches!(self.0.failure, FunctionFailure::Limit(_))
    }

    /// Puts text in front of what went wrong, as in `error calling f: …`.
    pub(crate) fn prefixed(failure: FunctionFailure, prefix: &str) -> FunctionFailure {
        match failure {
            FunctionFailure::Message(text) => FunctionFailure::Message(format!("{prefix}{text}")),
            FunctionFailure::Limit(text) => FunctionFailure::Limit(format!("{prefix}{text}")),
            needs @ FunctionFailure::NeedsQuery(_) => needs,
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("template: ")?;
        if let Some(at) = &self.0.position {
            write!(f, "{}:{}:", at.source, at.line)?;
            if self.0.column_shown {
                write!(f, "{}:", at.column)?;
            }
            f.write_str(" ")?;
        }
        if let Some(at) = &self.0.executing {
            write!(f, "executing {} at <{}>: ", super::quote::quote(&at.template), at.excerpt)?;
        }
        f.write_str(&self.0.failure.message())
    }
}

impl std::error::Error for TemplateError {}
