//! Operators whose sides never meet, and selectors that select nothing.

use promql::Expr;
use promql::ast::Binary;
use promql::matching::{Mismatch, mismatch};
use promql::operator::BinaryOp;
use promql::selector::{selectors, walk};

use super::{Finding, Lint, Subject};

/// What cannot match, each where it stands.
pub(super) fn never_matches(subject: &Subject<'_>, expr: &Expr) -> Vec<Finding> {
    let mut found = Vec::new();
    walk(expr, &mut |expr, _| {
        if let Expr::Binary(binary) = expr {
            found.extend(mismatch(binary).map(|mismatch| of_operator(subject, binary, &mismatch)));
        }
    });
    for selected in selectors(expr) {
        if let Some(label) = selected.selector.contradiction() {
            let place = subject.place(selected.selector.span);
            let message = format!("no series passes these matchers: those of label {label:?} contradict one another");
            found.push(subject.finding(Lint::NeverMatches, place, &message, "remove one of them"));
        }
    }
    found
}

fn of_operator(subject: &Subject<'_>, binary: &Binary, mismatch: &Mismatch) -> Finding {
    let op = binary.op;
    let outcome = match op {
        BinaryOp::Unless => "takes nothing away",
        _ => "never gives a result",
    };
    let (message, hint) = match mismatch {
        Mismatch::OneSided { label, left_lacks, kept_out_by } => {
            let side = if *left_lacks { "left" } else { "right" };
            let cause = subject.quoted(*kept_out_by);
            (
                format!("`{op}` {outcome}: its sides are matched by {label:?}, which the {side} side cannot have"),
                format!(
                    "{cause} leaves it out; keep the label there, or say with on(…) or ignoring(…) what to match by"
                ),
            )
        }
        Mismatch::Disjoint { label } => (
            format!("`{op}` {outcome}: its sides are matched by {label:?} and never have the same value of it"),
            format!("mend the matchers, or leave the label out with ignoring({label})"),
        ),
        Mismatch::NothingToCopy { label, kept_out_by } => (
            format!("{label:?} is copied from a side that cannot have it: the label is removed from the result"),
            format!("{} leaves it out; keep the label there", subject.quoted(*kept_out_by)),
        ),
    };
    subject.finding(Lint::NeverMatches, subject.place(binary.op_span), &message, hint)
}
