//! Walks a tree and writes the output, with Go's rules of evaluation.

mod call;
mod field;

use std::fmt;

use smol_str::SmolStr;

use self::call::Given;
use super::error::{FunctionFailure, TemplateError};
use super::format;
use super::function::Call;
use super::html::Escaper;
use super::limits;
use super::node::{Action, Branch, Command, Invocation, Node, Operand, Pipe, Term, Tree};
use super::quote;
use super::value::Value;
use super::{Escape, Lookup, Render};

/// Executes `tree`; `templates` finds the ones it calls.
pub(crate) fn execute(tree: &Tree, templates: &dyn Lookup, render: &Render<'_>) -> Result<String, TemplateError> {
    let mut run = Run {
        templates,
        render,
        tree,
        site: None,
        variables: Vec::with_capacity(8),
        frame: 0,
        out: String::new(),
        escaper: (render.escape == Escape::Html).then(Escaper::default),
        steps: 0,
        depth: 0,
        level: 0,
    };
    run.variables.push((SmolStr::new_static("$"), render.data.clone()));
    run.variables.extend(render.variables.iter().map(|(name, value)| (SmolStr::new(name), value.clone())));
    run.walk_list(&tree.root, render.data)?;
    Ok(run.out)
}

type Evaluated<T> = Result<T, TemplateError>;

/// What to do after a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// The node an error is reported at.
#[derive(Clone, Copy)]
struct Site<'r> {
    position: usize,
    node: &'r dyn fmt::Display,
}

struct Run<'r> {
    templates: &'r dyn Lookup,
    render: &'r Render<'r>,
    tree: &'r Tree,
    site: Option<Site<'r>>,
    variables: Vec<(SmolStr, Value)>,
    /// Where the variables of the template in execution start.
    frame: usize,
    out: String,
    escaper: Option<Escaper>,
    steps: usize,
    /// Templates called from templates.
    depth: usize,
    /// Blocks and parentheses in execution, of all templates together.
    level: usize,
}

impl<'r> Run<'r> {
    fn walk_list(&mut self, nodes: &'r [Node], dot: &Value) -> Evaluated<Flow> {
        self.descend()?;
        for node in nodes {
            let flow = self.walk(node, dot)?;
            if flow != Flow::Next {
                self.level -= 1;
                return Ok(flow);
            }
        }
        self.level -= 1;
        Ok(Flow::Next)
    }

    /// Goes one level deeper; bounds the stack, whatever calls what.
    fn descend(&mut self) -> Evaluated<()> {
        self.level += 1;
        if self.level > limits::LEVELS {
            return Err(self.error(FunctionFailure::Limit(format!("nested deeper than {} levels", limits::LEVELS))));
        }
        Ok(())
    }

    fn walk(&mut self, node: &'r Node, dot: &Value) -> Evaluated<Flow> {
        self.step(1)?;
        match node {
            Node::Text(text) => self.write_text(text)?,
            Node::Action(action) => {
                self.at(action.position, action);
                let value = self.pipeline(&action.pipe, dot)?;
                if action.pipe.variables.is_empty() {
                    self.at(action.position, action);
                    self.write_value(action, &value)?;
                }
            }
            Node::If(branch) => return self.branch(branch, dot, false),
            Node::With(branch) => return self.branch(branch, dot, true),
            Node::Range(branch) => return self.range(branch, dot),
            Node::Template(invocation) => self.invoke(invocation, dot)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn branch(&mut self, branch: &'r Branch, dot: &Value, moves_dot: bool) -> Evaluated<Flow> {
        let mark = self.variables.len();
        let value = self.pipeline(&branch.pipe, dot)?;
        let flow = if value.is_true() {
            self.walk_list(&branch.list, if moves_dot { &value } else { dot })
        } else {
            self.walk_list(&branch.otherwise, dot)
        };
        self.variables.truncate(mark);
        flow
    }

    fn range(&mut self, branch: &'r Branch, dot: &Value) -> Evaluated<Flow> {
        let mark = self.variables.len();
        let value = self.pipeline(&branch.pipe, dot)?;
        let rounds = match &*value.base() {
            Value::Nil => 0,
            Value::List(list) => self.rounds(branch, list.items.iter().cloned().enumerate().map(indexed))?,
            Value::Map(map) => {
                let entries = map.entries().iter().map(|(key, value)| (Value::String(key.clone()), value.clone()));
                self.rounds(branch, entries)?
            }
            Value::Int(count) => {
                self.rounds(branch, (0..*count).map(|index| (Value::Int(index), Value::Int(index))))?
            }
            other => {
                let message = format!("range can't iterate over {}", self.plain_text(other));
                return self.fail(message);
            }
        };
        let flow = if rounds == 0 { self.walk_list(&branch.otherwise, dot) } else { Ok(Flow::Next) };
        self.variables.truncate(mark);
        flow
    }

    /// Runs the body once for each element, until a `break`. Says how often.
    fn rounds(&mut self, branch: &'r Branch, elements: impl Iterator<Item = (Value, Value)>) -> Evaluated<usize> {
        let mark = self.variables.len();
        let mut rounds = 0;
        for (index, element) in elements {
            rounds += 1;
            self.step(1)?;
            self.set_loop_variables(&branch.pipe, &index, &element)?;
            let flow = self.walk_list(&branch.list, &element)?;
            self.variables.truncate(mark);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(rounds)
    }

    /// `range $index, $element :=` has pushed both; `range $element =` assigns to what is there.
    fn set_loop_variables(&mut self, pipe: &'r Pipe, index: &Value, element: &Value) -> Evaluated<()> {
        match pipe.variables.as_slice() {
            [] => Ok(()),
            [one] => self.assign(one, element),
            [first, second, ..] => {
                self.assign(first, index)?;
                self.assign(second, element)
            }
        }
    }

    /// Calls another template, which sees none of the variables here. Without a pipeline its dot is nil.
    fn invoke(&mut self, invocation: &'r Invocation, dot: &Value) -> Evaluated<()> {
        self.at(invocation.position, invocation);
        let Some(tree) = self.templates.lookup(&invocation.name) else {
            return self.fail(format!("template {} not defined", quote::quote(&invocation.name)));
        };
        if self.depth == self.render.limits.template_depth {
            let message = format!("exceeded maximum template depth ({})", self.depth);
            return Err(self.error(FunctionFailure::Limit(message)));
        }
        let value = match &invocation.pipe {
            Some(pipe) => self.pipeline(pipe, dot)?,
            None => Value::Nil,
        };
        let (outer_tree, outer_frame) = (self.tree, self.frame);
        self.tree = tree;
        self.frame = self.variables.len();
        self.depth += 1;
        self.variables.push((SmolStr::new_static("$"), value.clone()));
        self.walk_list(&tree.root, &value)?;
        self.variables.truncate(self.frame);
        self.depth -= 1;
        self.tree = outer_tree;
        self.frame = outer_frame;
        Ok(())
    }

    fn pipeline(&mut self, pipe: &'r Pipe, dot: &Value) -> Evaluated<Value> {
        self.at(pipe.position, pipe);
        self.descend()?;
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(command, dot, value)?);
        }
        self.level -= 1;
        let value = value.unwrap_or_default();
        for variable in &pipe.variables {
            if pipe.assigns {
                self.assign(variable, &value)?;
            } else {
                self.variables.push((variable.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    /// `piped` is the value of the command before, which becomes the last argument.
    fn command(&mut self, command: &'r Command, dot: &Value, piped: Option<Value>) -> Evaluated<Value> {
        self.step(1)?;
        let first = &command.first;
        let given = Given { args: &command.args, piped };
        match &first.term {
            Term::Field(_) | Term::Chain(..) => return self.fields(first, dot, given),
            Term::Variable(_, fields) if !fields.is_empty() => return self.fields(first, dot, given),
            Term::Function(function) => {
                self.at(first.position, first);
                let site = Site { position: command.position, node: command };
                return self.function(function, site, dot, given);
            }
            Term::Pipe(pipe) => {
                self.refuse_arguments(first, &given)?;
                return self.pipeline(pipe, dot);
            }
            _ => {}
        }
        self.at(first.position, first);
        self.refuse_arguments(first, &given)?;
        match &first.term {
            Term::Nil => self.fail("nil is not a command".to_owned()),
            _ => Ok(self.constant(first, dot)),
        }
    }

    fn refuse_arguments(&self, operand: &Operand, given: &Given<'r>) -> Evaluated<()> {
        if given.is_empty() { Ok(()) } else { self.fail(format!("can't give argument to non-function {operand}")) }
    }

    /// The value of an operand that needs no evaluation.
    fn constant(&self, operand: &Operand, dot: &Value) -> Value {
        match &operand.term {
            Term::Dot => dot.clone(),
            Term::Bool(truth) => Value::Bool(*truth),
            Term::String(text, _) => Value::String(text.clone()),
            Term::Number(number) if number.prefers_float => number.float.map_or(Value::Nil, Value::Float),
            Term::Number(number) => number.int.map_or(Value::Nil, Value::Int),
            Term::Variable(name, _) => self.variable(name),
            _ => Value::Nil,
        }
    }

    fn variable(&self, name: &str) -> Value {
        let visible = self.variables.get(self.frame..).unwrap_or_default();
        visible.iter().rev().find(|(known, _)| known == name).map_or(Value::Nil, |(_, value)| value.clone())
    }

    fn assign(&mut self, name: &str, value: &Value) -> Evaluated<()> {
        let visible = self.variables.get_mut(self.frame..).unwrap_or_default();
        match visible.iter_mut().rev().find(|(known, _)| known == name) {
            Some((_, slot)) => {
                *slot = value.clone();
                Ok(())
            }
            None => self.fail(format!("undefined variable: {name}")),
        }
    }

    fn write_text(&mut self, text: &str) -> Evaluated<()> {
        match &mut self.escaper {
            Some(escaper) => escaper.text(text, &mut self.out),
            None => self.out.push_str(text),
        }
        self.check_output()
    }

    fn write_value(&mut self, action: &'r Action, value: &Value) -> Evaluated<()> {
        let limit = self.render.limits.output_bytes;
        match (&mut self.escaper, value) {
            (Some(escaper), value) => {
                let escaped = action.pipe.commands.last().is_some_and(|last| calls_html(&last.first));
                escaper.value(value, escaped, limit, &mut self.out);
            }
            (None, Value::String(text)) => self.out.push_str(text),
            (None, value) => self.out.push_str(&format::action_text(value, limit)),
        }
        self.check_output()
    }

    /// A value as an action prints it.
    fn plain_text(&self, value: &Value) -> String {
        format::action_text(value, self.render.limits.output_bytes)
    }

    fn check_output(&self) -> Evaluated<()> {
        let limit = self.render.limits.output_bytes;
        if self.out.len() > limit {
            return Err(self.error(FunctionFailure::Limit(format!("output is larger than {limit} bytes"))));
        }
        Ok(())
    }

    /// Charges work against the limit.
    fn step(&mut self, count: usize) -> Evaluated<()> {
        self.steps = self.steps.saturating_add(count);
        let limit = self.render.limits.steps;
        if self.steps > limit {
            return Err(self.error(FunctionFailure::Limit(format!("stopped after {limit} steps"))));
        }
        Ok(())
    }

    fn at(&mut self, position: usize, node: &'r dyn fmt::Display) {
        self.site = Some(Site { position, node });
    }

    fn call_facts(&self) -> Call<'r> {
        Call { context: self.render.context, limits: self.render.limits }
    }

    fn fail<T>(&self, message: String) -> Evaluated<T> {
        Err(self.error(FunctionFailure::Message(message)))
    }

    fn error(&self, failure: FunctionFailure) -> TemplateError {
        match self.site {
            Some(site) => {
                let position = self.tree.source.position(site.position);
                let mut excerpt = site.node.to_string();
                shorten(&mut excerpt);
                TemplateError::execution(position, &self.tree.name, excerpt, failure)
            }
            None => TemplateError::execution(self.tree.source.position(0), &self.tree.name, String::new(), failure),
        }
    }
}

/// Whether the value has been escaped by the template itself.
fn calls_html(operand: &Operand) -> bool {
    matches!(&operand.term, Term::Function(function) if function.name == "html")
}

fn indexed((index, element): (usize, Value)) -> (Value, Value) {
    (Value::Int(i64::try_from(index).unwrap_or(i64::MAX)), element)
}

/// Keeps an error readable where the failing action is very long.
fn shorten(excerpt: &mut String) {
    const LONGEST: usize = 400;
    if let Some((end, _)) = excerpt.char_indices().nth(LONGEST) {
        excerpt.truncate(end);
        excerpt.push('…');
    }
}
