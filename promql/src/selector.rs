//! Every selector of a tree: which series an expression reads.

use crate::ast::{At, Boundary, Duration, Expr, VectorSelector};
use crate::matcher::{METRIC_NAME, MatchOp, Matcher};

/// Calls `visit` with each expression of a tree, outer before inner and left before right, and with the expressions
/// around it, outermost first.
pub fn walk<'e>(expr: &'e Expr, visit: &mut impl FnMut(&'e Expr, &[&'e Expr])) {
    walk_inside(expr, &mut Vec::new(), visit);
}

fn walk_inside<'e>(expr: &'e Expr, around: &mut Vec<&'e Expr>, visit: &mut impl FnMut(&'e Expr, &[&'e Expr])) {
    visit(expr, around);
    around.push(expr);
    for child in expr.children() {
        walk_inside(child, around, visit);
    }
    around.pop();
}

/// A selector and the range it has, if any.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Selected<'e> {
    /// Which series.
    pub selector: &'e VectorSelector,
    /// How far back, where the selector has a range.
    pub range: Option<&'e Duration>,
}

/// Every selector of a tree, from left to right.
pub fn selectors(expr: &Expr) -> Vec<Selected<'_>> {
    let mut found = Vec::new();
    walk(expr, &mut |expr, _| match expr {
        Expr::Vector(selector) => found.push(Selected { selector, range: None }),
        Expr::Range(range) => found.push(Selected { selector: &range.selector, range: Some(&range.range) }),
        _ => {}
    });
    found
}

impl VectorSelector {
    /// The one metric it can select, however it is written: `up`, `{"up"}`, `{__name__="up"}`.
    pub fn metric_name(&self) -> Option<&str> {
        self.name_matchers().find(|matcher| matcher.op() == MatchOp::Equal).map(Matcher::value)
    }

    /// Whether a metric of this name passes the matchers on the name; whether a rule that records it feeds this
    /// selector.
    pub fn selects_metric(&self, name: &str) -> bool {
        self.name_matchers().all(|matcher| matcher.matches_value(name))
    }

    fn name_matchers(&self) -> impl Iterator<Item = &Matcher> {
        self.matchers.iter().filter(|matcher| matcher.name() == METRIC_NAME)
    }

    /// Whether it reads the series as they are at the evaluation time: no `offset`, `@` or boundary.
    pub fn is_plain(&self) -> bool {
        let modifiers: (&Option<Duration>, Option<At>, Option<Boundary>) = (&self.offset, self.at, self.boundary);
        matches!(modifiers, (None, None, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, parse_with};

    fn parsed(text: &str) -> Expr {
        parse_with(text, Options::all()).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
    }

    #[test]
    fn every_selector_is_found_in_order() {
        let expr = parsed(
            r#"sum by (x) (rate(a{b="c"}[5m] offset 1h)) / on (x) topk(scalar({"d.e"}), -max_over_time((f @ 1)[1h:])) or (g)"#,
        );
        let shown: Vec<String> = selectors(&expr)
            .iter()
            .map(|selected| {
                let name = selected.selector.metric_name().unwrap_or("?");
                let range = selected.range.map(ToString::to_string).unwrap_or_default();
                format!("{name}[{range}]{}", if selected.selector.is_plain() { "" } else { "*" })
            })
            .collect();
        assert_eq!(shown, ["a[5m]*", "d.e[]", "f[]*", "g[]"]);
    }

    #[test]
    fn a_selector_knows_which_metrics_it_can_select() {
        let table = [
            ("up", "up", true),
            ("up", "down", false),
            (r#"{__name__=~"job:.*"}"#, "job:up:sum", true),
            (r#"{__name__=~"job:.*",__name__!="job:up:sum"}"#, "job:up:sum", false),
            (r#"{__name__=~"a.c|d.*"}"#, "a\nc", true),
            (r#"{__name__=~"d.*"}"#, "d\n", true),
            (r#"{job="x"}"#, "anything", true),
        ];
        for (text, metric, selects) in table {
            let expr = parsed(text);
            let found = selectors(&expr);
            assert_eq!(found[0].selector.selects_metric(metric), selects, "{text} {metric}");
        }
    }

    #[test]
    fn ancestors_are_given_outermost_first() {
        let expr = parsed("sum(rate(a[5m])) > 1");
        let mut paths = Vec::new();
        walk(&expr, &mut |expr, around| {
            if matches!(expr, Expr::Range(_)) {
                paths.push(around.iter().map(|e| e.to_string()).collect::<Vec<_>>());
            }
        });
        assert_eq!(paths, [["sum(rate(a[5m])) > 1", "sum(rate(a[5m]))", "rate(a[5m])"]]);
    }
}
