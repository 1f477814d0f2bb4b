//! Pipelines, commands and operands.

use smol_str::SmolStr;

use super::super::node::{Command, Operand, Pipe, Term};
use super::super::token::{Kind, Token};
use super::super::{number, quote};
use super::{Parsed, Parser};

impl<'p> Parser<'p> {
    /// A pipeline up to and including the token that ends it.
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        self.enter()?;
        let position = self.peek_non_space().position;
        let mut pipe = Pipe { position, assigns: false, variables: Vec::new(), commands: Vec::new() };
        while self.declaration(&mut pipe, context)? {}
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup(&token);
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        self.leave();
        self.check(&pipe, context)?;
        Ok(pipe)
    }

    /// `$x :=`, `$x =` or the `$i,` of a range. Says whether another variable follows.
    fn declaration(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<bool> {
        if self.peek_non_space().kind != Kind::Variable {
            return Ok(false);
        }
        let before = self.next;
        let name = SmolStr::from(self.next().text.as_ref());
        let operator = self.peek_non_space().kind;
        match operator {
            Kind::Assign | Kind::Declare => {
                pipe.assigns = operator == Kind::Assign;
                self.next();
                self.take_variable(pipe, name);
                Ok(false)
            }
            Kind::Comma => {
                self.next();
                self.take_variable(pipe, name);
                if context != "range" || pipe.variables.len() > 1 {
                    return self.fail(format!("too many declarations in {context}"));
                }
                match self.peek_non_space().kind {
                    Kind::Variable | Kind::RightDelim | Kind::RightParen => Ok(true),
                    _ => self.fail("range can only initialize variables".to_owned()),
                }
            }
            _ => {
                self.next = before;
                Ok(false)
            }
        }
    }

    fn take_variable(&mut self, pipe: &mut Pipe, name: SmolStr) {
        pipe.variables.push(name.clone());
        self.variables.push(name);
    }

    fn check(&self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return self.fail(format!("missing value for {context}"));
        }
        let constant =
            |term: &Term| matches!(term, Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(_) | Term::String(..));
        match pipe.commands.iter().skip(1).position(|command| constant(&command.first.term)) {
            Some(stage) => self.fail(format!("non executable command in pipeline stage {}", stage + 2)),
            None => Ok(()),
        }
    }

    /// Operands separated by space, up to a pipe character or the end of the pipeline.
    fn command(&mut self) -> Parsed<Command> {
        let position = self.peek_non_space().position;
        let mut operands = Vec::new();
        loop {
            self.peek_non_space();
            operands.extend(self.operand()?);
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelim | Kind::RightParen => {
                    self.backup(&token);
                    break;
                }
                Kind::Pipe => break,
                _ => return self.unexpected(&token, "operand"),
            }
        }
        if operands.is_empty() {
            return self.fail("empty command".to_owned());
        }
        let first = operands.remove(0);
        Ok(Command { position, first, args: operands })
    }

    /// A term and the fields behind it.
    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(operand) = self.term()? else { return Ok(None) };
        if self.peek().kind != Kind::Field {
            return Ok(Some(operand));
        }
        let position = self.peek().position;
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(field_name(&self.next()));
        }
        let term = match operand.term {
            Term::Field(mut names) => {
                names.append(&mut fields);
                Term::Field(names)
            }
            Term::Variable(name, mut names) => {
                names.append(&mut fields);
                Term::Variable(name, names)
            }
            Term::Bool(_) | Term::String(..) | Term::Number(_) | Term::Nil | Term::Dot => {
                let shown = quote::quote(&operand.to_string());
                return self.fail(format!("unexpected . after term {shown}"));
            }
            Term::Chain(..) | Term::Function(_) | Term::Pipe(_) => Term::Chain(Box::new(operand), fields),
        };
        Ok(Some(Operand { position, term }))
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.next_non_space();
        let term = match token.kind {
            Kind::Identifier => match self.functions.get(&token.text) {
                Some(function) => Term::Function(function.clone()),
                None => return self.fail(format!("function {} not defined", quote::quote(&token.text))),
            },
            Kind::Dot => Term::Dot,
            Kind::Nil => Term::Nil,
            Kind::Variable => Term::Variable(self.known_variable(&token.text)?, Vec::new()),
            Kind::Field => Term::Field(vec![field_name(&token)]),
            Kind::Bool => Term::Bool(token.text == "true"),
            Kind::CharConstant | Kind::Number => match number::parse(&token.text) {
                Ok(number) => Term::Number(number),
                Err(message) => return self.fail(message),
            },
            Kind::String | Kind::RawString => {
                Term::String(self.unquote(&token.text)?, SmolStr::from(token.text.as_ref()))
            }
            Kind::LeftParen => Term::Pipe(Box::new(self.pipeline("parenthesized pipeline", Kind::RightParen)?)),
            _ => {
                self.backup(&token);
                return Ok(None);
            }
        };
        Ok(Some(Operand { position: token.position, term }))
    }

    fn known_variable(&self, name: &str) -> Parsed<SmolStr> {
        match self.variables.iter().find(|known| *known == name) {
            Some(known) => Ok(known.clone()),
            None => self.fail(format!("undefined variable {}", quote::quote(name))),
        }
    }
}

fn field_name(token: &Token<'_>) -> SmolStr {
    SmolStr::from(token.text.strip_prefix('.').unwrap_or(&token.text))
}
