//! Aggregations.

use super::{Construct, Parsed, Parser, stand_in};
use crate::ast::{Aggregate, Expr, Grouping};
use crate::operator::AggregateOp;
use crate::span::Span;
use crate::token::{Keyword, Token, TokenKind};

impl Parser<'_> {
    /// What follows an aggregation's name: arguments, and a grouping before or behind them.
    pub(super) fn aggregate(&mut self, op: AggregateOp, name: Token) -> Parsed<Expr> {
        let (grouping, arguments) = self.within(Construct { name: "aggregation", expected: "" }, |parser| {
            let before = parser.grouping()?;
            let arguments = parser.arguments()?;
            let grouping = match before {
                Some(before) => Some(before),
                None => parser.grouping()?,
            };
            Ok((grouping.unwrap_or(Grouping::By(Vec::new())), arguments))
        })?;
        let span = name.span.to(self.previous);
        Ok(self.aggregate_of(op, arguments, grouping, span))
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let TokenKind::Keyword(keyword @ (Keyword::By | Keyword::Without)) = self.token.kind else { return Ok(None) };
        self.take();
        let labels = self.grouping_labels()?;
        Ok(Some(if keyword == Keyword::By { Grouping::By(labels) } else { Grouping::Without(labels) }))
    }

    fn aggregate_of(&mut self, op: AggregateOp, arguments: Vec<Expr>, grouping: Grouping, span: Span) -> Expr {
        let wanted = if op.has_parameter() { 2 } else { 1 };
        let got = arguments.len();
        let mut arguments = arguments.into_iter();
        let parameter = if op.has_parameter() { arguments.next() } else { None };
        let message = match (arguments.next(), arguments.next()) {
            _ if got == 0 => "no arguments for aggregate expression provided".to_owned(),
            _ if op.is_experimental() && !self.options.experimental_functions => {
                format!(
                    "{op}() is experimental and must be enabled with --enable-feature=promql-experimental-functions"
                )
            }
            (Some(expr), None) => {
                let (parameter, expr) = (parameter.map(Box::new), Box::new(expr));
                return Expr::Aggregate(Aggregate { op, parameter, expr, grouping, span });
            }
            _ => format!("wrong number of arguments for aggregate expression provided, expected {wanted}, got {got}"),
        };
        self.note(span, message);
        stand_in(span)
    }
}
