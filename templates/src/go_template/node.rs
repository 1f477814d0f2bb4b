//! The tree of a parsed template. Nodes print as their source, for the excerpts in errors.

use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

use super::error::Position;
use super::function::Function;
use super::quote;

/// A source text under the name it was parsed with.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Source {
    /// The place of a byte offset.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Position { source: self.name.clone(), line, column: before.len() - line_start }
    }
}

/// One named template: a whole source or one `define` of it.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) name: SmolStr,
    pub(crate) source: Arc<Source>,
    pub(crate) root: Vec<Node>,
}

impl Tree {
    /// Whether there is nothing but space in it; such a template never replaces another.
    pub(crate) fn is_empty(&self) -> bool {
        self.root.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
    }
}

#[derive(Debug)]
pub(crate) enum Node {
    Text(Box<str>),
    Action(Action),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template(Invocation),
    Break,
    Continue,
}

/// A pipeline whose value is printed.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) position: usize,
    pub(crate) pipe: Pipe,
}

/// `if`, `with` and `range`.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) list: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

/// `{{template "name" pipeline}}`.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) position: usize,
    pub(crate) name: SmolStr,
    pub(crate) pipe: Option<Pipe>,
}

/// Commands, each passing its value to the next, and the variables that take the last one.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) position: usize,
    pub(crate) assigns: bool,
    pub(crate) variables: Vec<SmolStr>,
    pub(crate) commands: Vec<Command>,
}

/// An operand and its arguments.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) position: usize,
    pub(crate) first: Operand,
    pub(crate) args: Vec<Operand>,
}

/// An operand with its place.
#[derive(Debug)]
pub(crate) struct Operand {
    pub(crate) position: usize,
    pub(crate) term: Term,
}

#[derive(Debug)]
pub(crate) enum Term {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    /// Its value, and the literal as written.
    String(SmolStr, SmolStr),
    Field(Vec<SmolStr>),
    Variable(SmolStr, Vec<SmolStr>),
    Chain(Box<Operand>, Vec<SmolStr>),
    Function(Arc<Function>),
    Pipe(Box<Pipe>),
}

/// A number constant: which types it can take depends on its value and on how it is written.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) text: SmolStr,
    pub(crate) int: Option<i64>,
    pub(crate) float: Option<f64>,
    /// Without a type to fit, it is a float.
    pub(crate) prefers_float: bool,
}

struct Dotted<'a>(&'a [SmolStr]);

impl fmt::Display for Dotted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|name| write!(f, ".{name}"))
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.term {
            Term::Dot => f.write_str("."),
            Term::Nil => f.write_str("nil"),
            Term::Bool(truth) => write!(f, "{truth}"),
            Term::Number(number) => f.write_str(&number.text),
            Term::String(_, literal) => f.write_str(literal),
            Term::Field(names) => Dotted(names).fmt(f),
            Term::Variable(name, fields) => write!(f, "{name}{}", Dotted(fields)),
            Term::Chain(operand, fields) => write!(f, "{operand}{}", Dotted(fields)),
            Term::Function(function) => f.write_str(&function.name),
            Term::Pipe(pipe) => write!(f, "({pipe})"),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg}"))
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            f.write_str(&self.variables.join(", "))?;
            f.write_str(if self.assigns { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            command.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{{}}}}}", self.pipe)
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", quote::quote(&self.name))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}
