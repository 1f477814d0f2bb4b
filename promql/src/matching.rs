//! Vector matching that can never find a partner, and selectors that can never select anything, judged from the text.

use std::collections::BTreeSet;

use crate::ast::{Binary, Cardinality, Expr, Fill, VectorSelector};
use crate::matcher::METRIC_NAME;
use crate::operator::BinaryOp;
use crate::result_labels::ResultLabels;
use crate::span::Span;

/// Why the two sides of an operator do not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// The sides are matched by a label that only one of them can have.
    OneSided {
        /// The label.
        label: String,
        /// Whether it is the left side that cannot have it.
        left_lacks: bool,
        /// What keeps it out there.
        kept_out_by: Span,
    },
    /// The sides are matched by a label of which they never have the same value.
    Disjoint {
        /// The label.
        label: String,
    },
    /// `group_left` or `group_right` copies a label that the side it copies from cannot have.
    NothingToCopy {
        /// The label.
        label: String,
        /// What keeps it out there.
        kept_out_by: Span,
    },
}

/// What is wrong with how an operator matches its sides; `None` if they may meet.
pub fn mismatch(binary: &Binary) -> Option<Mismatch> {
    let matching = binary.matching.as_ref().filter(|matching| matching.fill == Fill::None)?;
    if binary.op == BinaryOp::Or {
        return None;
    }
    let (left, right) = (ResultLabels::of(&binary.left), ResultLabels::of(&binary.right));
    let named: BTreeSet<&str> = match matching.on {
        true => matching.labels.iter().map(String::as_str).collect(),
        false => {
            let ignored = |name: &&str| *name == METRIC_NAME || matching.labels.iter().any(|label| label == name);
            left.named().chain(right.named()).filter(|name| !ignored(name)).collect()
        }
    };
    let found = named.iter().find_map(|label| {
        if never_same(&left, &right, label) {
            let one_sided = one_sided(&left, &right, label);
            return Some(one_sided.unwrap_or(Mismatch::Disjoint { label: (*label).to_owned() }));
        }
        let (having, lacking) = if left.can_have(label) { (&left, &right) } else { (&right, &left) };
        let is_expected = matching.on || having.is_expected(label);
        one_sided(&left, &right, label).filter(|_| is_expected && !lacking.is_unset(label))
    });
    found.or_else(|| {
        let one = if matching.cardinality == Cardinality::OneToMany { &left } else { &right };
        // copying a name that the operator drops in any case does no harm
        matching.include.iter().filter(|label| *label != METRIC_NAME).find_map(|label| {
            let kept_out_by = one.kept_out_by(label)?;
            Some(Mismatch::NothingToCopy { label: label.clone(), kept_out_by })
        })
    })
}

fn one_sided(left: &ResultLabels, right: &ResultLabels, label: &str) -> Option<Mismatch> {
    let (left, right) = (left.kept_out_by(label), right.kept_out_by(label));
    let (left_lacks, kept_out_by) = match (left, right) {
        (Some(span), None) => (true, span),
        (None, Some(span)) => (false, span),
        _ => return None,
    };
    Some(Mismatch::OneSided { label: label.to_owned(), left_lacks, kept_out_by })
}

/// Whether one side lists its values and the other accepts none of them.
fn never_same(left: &ResultLabels, right: &ResultLabels, label: &str) -> bool {
    let refuses = |a: &ResultLabels, b: &ResultLabels| {
        a.values(label).is_some_and(|values| values.iter().all(|value| !b.passes(label, value)))
    };
    refuses(left, right) || refuses(right, left)
}

impl VectorSelector {
    /// A label whose matchers contradict one another: no series can pass them all.
    pub fn contradiction(&self) -> Option<&str> {
        self.matchers.iter().find_map(|matcher| {
            let values = matcher.only_values()?;
            let of_label = || self.matchers.iter().filter(|other| other.name() == matcher.name());
            let passes = |value: &str| of_label().all(|other| other.matches_value(value));
            (!values.iter().any(|value| passes(value))).then(|| matcher.name())
        })
    }
}

impl Expr {
    /// The expression without the parentheses around it.
    pub fn bare(&self) -> &Expr {
        match self {
            Expr::Paren(paren) => paren.expr.bare(),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, parse_with};

    fn parsed(text: &str) -> Expr {
        parse_with(text, Options::all()).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
    }

    fn shown(text: &str) -> String {
        let Expr::Binary(binary) = parsed(text) else { panic!("{text} is no binary expression") };
        match mismatch(&binary) {
            None => "may meet".to_owned(),
            Some(Mismatch::OneSided { label, left_lacks, .. }) => {
                format!("{} lacks {label}", if left_lacks { "left" } else { "right" })
            }
            Some(Mismatch::Disjoint { label }) => format!("{label} differs"),
            Some(Mismatch::NothingToCopy { label, .. }) => format!("no {label} to copy"),
        }
    }

    #[test]
    fn sides_that_meet_and_sides_that_do_not() {
        for (text, expected) in [
            ("a / b", "may meet"),
            ("a / 2", "may meet"),
            ("sum(a) / sum(b)", "may meet"),
            ("sum(a) / b", "may meet"),
            ("sum by (x) (a) / sum by (x) (b)", "may meet"),
            ("sum by (x) (a) / sum by (y) (b)", "right lacks x"),
            ("sum by (x, y) (a) / sum by (x) (b)", "right lacks y"),
            ("sum by (x, y) (a) / on (x) group_left sum by (x) (b)", "may meet"),
            ("sum by (x, y) (a) / ignoring (y) sum by (x) (b)", "may meet"),
            ("sum by (x) (a) / sum without (x) (b)", "right lacks x"),
            ("a / sum without (x) (b)", "may meet"),
            ("a{x=\"1\"} / sum without (x) (b)", "right lacks x"),
            ("a{x=~\"|1\"} / sum without (x) (b)", "may meet"),
            ("a / on (x) sum by (y) (b)", "right lacks x"),
            ("sum by (y) (a) / on (x) sum by (y) (b)", "may meet"),
            ("sum(a) > on () b", "may meet"),
            ("sum(a) > on (x) group_left b", "left lacks x"),
            ("a{x=\"1\"} / b{x=\"2\"}", "x differs"),
            ("a{x=\"1\"} / b{x!=\"1\"}", "x differs"),
            ("a{x=~\"1|2\"} / b{x=~\"2|3\"}", "may meet"),
            ("a{x=~\"1|2\"} / b{x=~\"3.*\"}", "x differs"),
            ("a{x=\"1\"} / ignoring (x) b{x=\"2\"}", "may meet"),
            ("a{x=\"1\"} / on (y) b{x=\"2\"}", "may meet"),
            ("rate(a{x=\"1\"}[5m]) and on (x) sum by (x) (b{x=\"2\"})", "x differs"),
            ("sum(a{x=\"1\"}) / sum(b{x=\"2\"})", "may meet"),
            ("label_replace(a{x=\"1\"}, \"x\", \"2\", \"\", \"\") / b{x=\"2\"}", "may meet"),
            ("(a{x=\"1\"} or a{x=\"2\"}) / b{x=\"2\"}", "may meet"),
            ("a{x=\"1\"} or b{x=\"2\"}", "may meet"),
            ("a{x=\"1\"} unless b{x=\"2\"}", "x differs"),
            ("a unless on (x) vector(1)", "right lacks x"),
            ("a and on () vector(1)", "may meet"),
            ("a / on (x) fill(0) sum by (y) (b)", "may meet"),
            ("a * on (x) group_left (team) b", "may meet"),
            ("a * on (x) group_left (team) sum by (x) (b)", "no team to copy"),
            ("sum by (x) (a) * on (x) group_right (team) b", "no team to copy"),
            ("a{x=\"\"} / on (x) b", "may meet"),
            ("a{x=\"\"} / on (x) b{x!=\"\"}", "left lacks x"),
            ("a == on (__name__) b", "__name__ differs"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn selectors_that_select_nothing() {
        for (text, label) in [
            ("a{x=\"1\"}", None),
            ("a{x=\"1\",x=\"2\"}", Some("x")),
            ("a{x=\"1\",x!=\"1\"}", Some("x")),
            ("a{x=~\"1|2\",x!=\"1\"}", None),
            ("a{x=~\"1|2\",x!~\"[12]\"}", Some("x")),
            ("a{x=~\"1.*\",x!~\"1.*\"}", None),
            ("a{x!=\"\",x=\"\"}", Some("x")),
        ] {
            let Expr::Vector(selector) = parsed(text) else { panic!("{text}") };
            assert_eq!(selector.contradiction(), label, "{text}");
        }
    }
}
