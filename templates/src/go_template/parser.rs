//! Tokens to trees, with Go's grammar, checks and error texts.

mod control;
mod pipeline;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::error::TemplateError;
use super::function::Functions;
use super::lexer;
use super::limits;
use super::node::{Node, Source, Tree};
use super::quote;
use super::token::{Kind, Token};

/// Every template of one source by name: the source itself, then its definitions.
pub(crate) type Trees = HashMap<SmolStr, Arc<Tree>>;

/// Parses a source: its own tree and the templates it defines.
pub(crate) fn parse(name: &str, text: &str, functions: &Functions) -> Result<(Arc<Tree>, Trees), TemplateError> {
    if text.len() > limits::SOURCE_BYTES {
        return Err(TemplateError::unplaced(format!("{name}: source is larger than {} bytes", limits::SOURCE_BYTES)));
    }
    let source = Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    let mut variables = vec![SmolStr::new_static("$")];
    variables.extend(functions.variables().iter().cloned());
    let mut parser = Parser {
        source: source.clone(),
        tokens: lexer::tokens(text),
        next: 0,
        furthest: 0,
        functions,
        variables,
        ranges: 0,
        nesting: 0,
        action_line: None,
        trees: Trees::new(),
    };
    let root = parser.source_list()?;
    let tree = Tree { name: name.into(), source, root };
    let tree = parser.add(tree)?;
    Ok((tree, parser.trees))
}

type Parsed<T> = Result<T, TemplateError>;

/// What ends a list of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    End,
    Else,
}

/// One node, or the end of the list it would be in.
enum Item {
    Node(Node),
    Ending(Ending),
}

struct Parser<'p> {
    source: Arc<Source>,
    tokens: Vec<Token<'p>>,
    /// Index of the token read next.
    next: usize,
    /// Index of the last token looked at; errors give its line.
    furthest: usize,
    functions: &'p Functions,
    variables: Vec<SmolStr>,
    /// Depth of `range` around this place.
    ranges: usize,
    /// Depth of blocks and parentheses around this place.
    nesting: usize,
    action_line: Option<usize>,
    trees: Trees,
}

impl<'p> Parser<'p> {
    fn source_list(&mut self) -> Parsed<Vec<Node>> {
        let mut list = Vec::new();
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelim {
                let start = self.next;
                self.next();
                if self.next_non_space().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.next = start;
            }
            match self.text_or_action()? {
                Item::Node(node) => list.push(node),
                Item::Ending(ending) => return self.fail(format!("unexpected {}", ending.shown())),
            }
        }
        Ok(list)
    }

    /// The rest of `{{define "name"}} … {{end}}`.
    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(Kind::RightDelim, CONTEXT)?;
        self.named_body(name, CONTEXT)
    }

    /// The body of a definition or block, which sees no variables from around it.
    fn named_body(&mut self, name: SmolStr, context: &str) -> Parsed<()> {
        let outer_variables = std::mem::replace(&mut self.variables, vec![SmolStr::new_static("$")]);
        let outer_ranges = std::mem::take(&mut self.ranges);
        let (root, ending) = self.list()?;
        if ending != Ending::End {
            return self.fail(format!("unexpected {} in {context}", ending.shown()));
        }
        self.variables = outer_variables;
        self.ranges = outer_ranges;
        self.add(Tree { name, source: self.source.clone(), root })?;
        Ok(())
    }

    fn add(&mut self, tree: Tree) -> Parsed<Arc<Tree>> {
        let tree = Arc::new(tree);
        match self.trees.get(&tree.name) {
            Some(old) if !old.is_empty() && !tree.is_empty() => {
                let name = quote::quote(&tree.name);
                return self.fail(format!("template: multiple definition of template {name}"));
            }
            Some(old) if !old.is_empty() => {}
            _ => _ = self.trees.insert(tree.name.clone(), tree.clone()),
        }
        Ok(tree)
    }

    /// Nodes up to `end` or `else`.
    fn list(&mut self) -> Parsed<(Vec<Node>, Ending)> {
        self.enter()?;
        let mut list = Vec::new();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => list.push(node),
                Item::Ending(ending) => {
                    self.leave();
                    return Ok((list, ending));
                }
            }
        }
        self.fail("unexpected EOF".to_owned())
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text(token.text.into()))),
            Kind::LeftDelim => {
                self.action_line = Some(token.line);
                let item = self.action()?;
                self.action_line = None;
                Ok(item)
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn template_name(&mut self, token: &Token<'p>, context: &str) -> Parsed<SmolStr> {
        match token.kind {
            Kind::String | Kind::RawString => self.unquote(&token.text),
            _ => self.unexpected(token, context),
        }
    }

    fn unquote(&self, literal: &str) -> Parsed<SmolStr> {
        match quote::unquoted(literal) {
            Some(text) => Ok(text.into()),
            None => self.fail("invalid syntax".to_owned()),
        }
    }

    /// Goes one level deeper; undone by [`leave`](Self::leave).
    fn enter(&mut self) -> Parsed<()> {
        self.nesting += 1;
        if self.nesting > limits::NESTING {
            return self.fail(format!("nested deeper than {} levels", limits::NESTING));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.nesting -= 1;
    }

    fn peek(&mut self) -> &Token<'p> {
        self.furthest = self.furthest.max(self.next);
        // the last token is Eof or Error and is never stepped over, see `next`
        &self.tokens[self.next]
    }

    fn next(&mut self) -> Token<'p> {
        let token = self.peek().clone();
        if !matches!(token.kind, Kind::Eof | Kind::Error) {
            self.next += 1;
        }
        token
    }

    /// Goes back one token after a `next`.
    fn backup(&mut self, token: &Token<'p>) {
        if !matches!(token.kind, Kind::Eof | Kind::Error) {
            self.next -= 1;
        }
    }

    fn next_non_space(&mut self) -> Token<'p> {
        self.peek_non_space();
        self.next()
    }

    fn peek_non_space(&mut self) -> &Token<'p> {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
        self.peek()
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'p>> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    fn unexpected<T>(&self, token: &Token<'_>, context: &str) -> Parsed<T> {
        if token.kind != Kind::Error {
            return self.fail(format!("unexpected {} in {context}", token.shown()));
        }
        let started = match self.action_line {
            Some(line) if line != token.line => {
                let action = if token.text.ends_with(" action") { "" } else { " in action" };
                Cow::Owned(format!("{action} started at {}:{line}", self.source.name))
            }
            _ => Cow::Borrowed(""),
        };
        self.fail(format!("{}{started}", token.text))
    }

    fn fail<T>(&self, message: String) -> Parsed<T> {
        let offset = self.tokens.get(self.furthest).map_or(0, |token| token.position);
        let mut position = self.source.position(offset);
        if let Some(token) = self.tokens.get(self.furthest) {
            position.line = token.line;
        }
        Err(TemplateError::syntax(position, message))
    }
}

impl Ending {
    fn shown(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}
