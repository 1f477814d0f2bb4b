//! `absent` and `absent_over_time`: a one where there is nothing.

use model::LabelSet;
use model::labels::METRIC_NAME;

use crate::ast::{Call, Expr, VectorSelector};
use crate::eval::context::{Context, Evaluated};
use crate::eval::node::VectorNode;
use crate::eval::range_source::RangeSource;
use crate::eval::value::{Sample, Value, Vector};
use crate::eval::{Settings, plan};
use crate::matcher::MatchOp;

/// A call of such a function.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Absent {
    of: Of,
    labels: LabelSet,
}

#[derive(Debug, Clone)]
enum Of {
    Vector(VectorNode),
    Range(RangeSource),
}

impl Absent {
    pub(in crate::eval) fn new(call: &Call, settings: &Settings) -> Evaluated<Absent> {
        let argument = plan::argument(call, 0)?;
        let labels = match plan::inner(argument) {
            Expr::Vector(selector) => known_labels(selector),
            Expr::Range(range) => known_labels(&range.selector),
            _ => LabelSet::empty(),
        };
        let of = match call.function.name {
            "absent" => Of::Vector(plan::vector(argument, settings)?),
            _ => Of::Range(plan::range(argument, settings)?),
        };
        Ok(Absent { of, labels })
    }

    pub(in crate::eval) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let absent = match &mut self.of {
            Of::Vector(node) => node.eval(cx, t_ms)?.is_empty(),
            Of::Range(source) => {
                let mut absent = true;
                source.visit(cx, t_ms, |_, _| {
                    absent = false;
                    Ok(())
                })?;
                absent
            }
        };
        if !absent {
            return Ok(Vec::new());
        }
        let labels = cx.table.id(&self.labels);
        Ok(vec![Sample { labels, drop_name: false, value: Value::Float(1.0) }])
    }
}

/// The labels a missing series is known to have: those the selector asks for once, and by equality.
fn known_labels(selector: &VectorSelector) -> LabelSet {
    let mut labels = LabelSet::empty();
    let of_name = |name: &str| selector.matchers.iter().filter(move |matcher| matcher.name() == name).count();
    for matcher in selector.matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME) {
        if matcher.op() == MatchOp::Equal && of_name(matcher.name()) == 1 {
            labels = labels.with(matcher.name(), matcher.value());
        }
    }
    labels.without_empty()
}
