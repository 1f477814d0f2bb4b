//! Actions that steer: `if`, `with`, `range`, `template`, `block`, `break`, `continue`.

use super::super::node::{Action, Branch, Invocation, Node, Pipe};
use super::super::token::Kind;
use super::{Ending, Item, Parsed, Parser};

impl Parser<'_> {
    /// What stands between `{{` and the end of the action, and its block where it has one.
    pub(super) fn action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        let node = match token.kind {
            Kind::Block => self.block()?,
            Kind::Break => self.loop_control("{{break}}", Node::Break)?,
            Kind::Continue => self.loop_control("{{continue}}", Node::Continue)?,
            Kind::Else => return self.otherwise().map(Item::Ending),
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Item::Ending(Ending::End));
            }
            Kind::If => Node::If(self.branch("if", Kind::If)?),
            Kind::Range => Node::Range(self.branch("range", Kind::Range)?),
            Kind::With => Node::With(self.branch("with", Kind::With)?),
            Kind::Template => self.invocation()?,
            _ => {
                self.backup(&token);
                let pipe = self.pipeline("command", Kind::RightDelim)?;
                Node::Action(Action { position: token.position, pipe })
            }
        };
        Ok(Item::Node(node))
    }

    fn loop_control(&mut self, name: &str, node: Node) -> Parsed<Node> {
        let token = self.next_non_space();
        if token.kind != Kind::RightDelim {
            return self.unexpected(&token, name);
        }
        if self.ranges == 0 {
            return self.fail(format!("{name} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    /// `else`, leaving the `if` or `with` of an `else if` to be read.
    fn otherwise(&mut self) -> Parsed<Ending> {
        if !matches!(self.peek_non_space().kind, Kind::If | Kind::With) {
            self.expect(Kind::RightDelim, "else")?;
        }
        Ok(Ending::Else)
    }

    fn branch(&mut self, context: &str, kind: Kind) -> Parsed<Branch> {
        let variables = self.variables.len();
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        self.ranges += usize::from(kind == Kind::Range);
        let (list, ending) = self.list()?;
        self.ranges -= usize::from(kind == Kind::Range);
        let otherwise = match ending {
            Ending::End => Vec::new(),
            Ending::Else => self.else_list(kind)?,
        };
        self.variables.truncate(variables);
        Ok(Branch { pipe, list, otherwise })
    }

    /// `{{else if x}} … {{end}}` is `{{else}}{{if x}} … {{end}}{{end}}`; likewise `else with`.
    fn else_list(&mut self, kind: Kind) -> Parsed<Vec<Node>> {
        let chained = matches!(kind, Kind::If | Kind::With) && self.peek().kind == kind;
        if chained {
            self.enter()?;
            self.next();
            let nested = match kind {
                Kind::If => Node::If(self.branch("if", kind)?),
                _ => Node::With(self.branch("with", kind)?),
            };
            self.leave();
            return Ok(vec![nested]);
        }
        let (list, ending) = self.list()?;
        match ending {
            Ending::End => Ok(list),
            Ending::Else => self.fail(format!("expected end; found {}", ending.shown())),
        }
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        self.named_body(name.clone(), CONTEXT)?;
        Ok(Node::Template(Invocation { position: token.position, name, pipe: Some(pipe) }))
    }

    fn invocation(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let mut pipe: Option<Pipe> = None;
        let after = self.next_non_space();
        if after.kind != Kind::RightDelim {
            self.backup(&after);
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelim)?);
        }
        Ok(Node::Template(Invocation { position: token.position, name, pipe }))
    }
}
