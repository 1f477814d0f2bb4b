//! Arithmetic and comparison between two vectors: which series meet, and what labels the result has.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use model::LabelSet;
use model::labels::METRIC_NAME;

use super::EvalError;
use super::binary::{Outcome, apply, keeps_name, truth};
use super::context::{Context, Evaluated};
use super::label_table::{LabelId, Memo, Slots};
use super::node::VectorNode;
use super::value::{Sample, Value, Vector};
use crate::ast::{Cardinality, Fill, VectorMatching};
use crate::operator::BinaryOp;
use crate::span::Span;

/// The labels by which series meet, of each label set met so far.
#[derive(Debug, Clone)]
pub(super) struct Signatures {
    labels: Vec<String>,
    on: bool,
    known: Memo,
}

/// An operator between two vectors.
#[derive(Debug, Clone)]
pub(super) struct Matched {
    pub(super) op: BinaryOp,
    pub(super) returns_bool: bool,
    pub(super) left: VectorNode,
    pub(super) right: VectorNode,
    pub(super) span: Span,
    cardinality: Cardinality,
    include: Vec<String>,
    /// What stands in for a missing series of the side many series may have, and of the other one.
    fill: Sides<Option<f64>>,
    signatures: Signatures,
    /// Labels of the result by those of the two.
    results: HashMap<(LabelId, LabelId), LabelId, FixedState>,
    /// By signature: the sample of the one side.
    ones: Slots,
    /// By signature: whether a series of the many side came by.
    met: Slots,
    /// By labels: whether the result has them already.
    given: Slots,
}

#[derive(Debug, Clone, Copy)]
struct Sides<T> {
    many: T,
    one: T,
}

impl Signatures {
    pub(super) fn new(matching: &VectorMatching) -> Signatures {
        Signatures { labels: matching.labels.clone(), on: matching.on, known: Memo::default() }
    }

    pub(super) fn of(&mut self, cx: &mut Context<'_>, id: LabelId) -> LabelId {
        let (labels, on) = (&self.labels, self.on);
        self.known.get_or(id, || {
            let signature = signature(cx.labels(id), labels, on);
            cx.table.id(&signature)
        })
    }
}

fn signature(labels: &LabelSet, names: &[String], on: bool) -> LabelSet {
    let listed = |name: &str| names.iter().any(|listed| listed == name);
    if on {
        labels.filter(|name, _| listed(name))
    } else {
        labels.filter(|name, _| !listed(name) && name != METRIC_NAME)
    }
}

impl Matched {
    pub(super) fn new(
        op: BinaryOp,
        returns_bool: bool,
        sides: (VectorNode, VectorNode),
        matching: &VectorMatching,
        span: Span,
    ) -> Matched {
        let (left, right) = match matching.fill {
            Fill::None => (None, None),
            Fill::Both(value) => (Some(value), Some(value)),
            Fill::Sides { left, right } => (left, right),
        };
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let fill = if swapped { Sides { many: right, one: left } } else { Sides { many: left, one: right } };
        Matched {
            op,
            returns_bool,
            left: sides.0,
            right: sides.1,
            span,
            cardinality: matching.cardinality,
            include: matching.include.clone(),
            fill,
            signatures: Signatures::new(matching),
            results: HashMap::with_hasher(FixedState::default()),
            ones: Slots::default(),
            met: Slots::default(),
            given: Slots::default(),
        }
    }

    pub(super) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let left = self.left.eval(cx, t_ms)?;
        let right = self.right.eval(cx, t_ms)?;
        let (many, one) = if self.swapped() { (right, left) } else { (left, right) };
        if one.is_empty() && self.fill.one.is_none() || many.is_empty() && self.fill.many.is_none() {
            return Ok(Vec::new());
        }
        self.index_one_side(cx, &one)?;
        self.met.clear();
        self.given.clear();
        let mut result = Vec::with_capacity(many.len());
        for sample in &many {
            let signature = self.signatures.of(cx, sample.labels);
            match (self.ones.get(signature).and_then(|at| one.get(at as usize)), self.fill.one) {
                (Some(other), _) => self.join(cx, signature, sample, other, &mut result)?,
                (None, Some(value)) => {
                    let other = filled(signature, value);
                    self.join(cx, signature, sample, &other, &mut result)?;
                }
                (None, None) => {}
            }
        }
        if let Some(value) = self.fill.many {
            for other in &one {
                let signature = self.signatures.of(cx, other.labels);
                if self.met.get(signature).is_none() {
                    self.join(cx, signature, &filled(signature, value), other, &mut result)?;
                }
            }
        }
        if !self.keeps_name() {
            cx.check_nameless(&result)?;
        }
        Ok(result)
    }

    fn swapped(&self) -> bool {
        self.cardinality == Cardinality::OneToMany
    }

    fn keeps_name(&self) -> bool {
        keeps_name(self.op, self.returns_bool)
    }

    fn index_one_side(&mut self, cx: &mut Context<'_>, one: &Vector) -> Evaluated<()> {
        self.ones.clear();
        for (at, sample) in one.iter().enumerate() {
            let signature = self.signatures.of(cx, sample.labels);
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            if let Some(before) = self.ones.put(signature, at) {
                let before = one.get(before as usize).map_or(sample.labels, |before| before.labels);
                return Err(self.duplicate(cx, signature, [before, sample.labels]));
            }
        }
        Ok(())
    }

    fn duplicate(&self, cx: &Context<'_>, signature: LabelId, pair: [LabelId; 2]) -> EvalError {
        let side = if self.swapped() { "left" } else { "right" };
        let mut shown = pair.map(|labels| cx.labels(labels).to_string());
        shown.sort();
        let [a, b] = shown;
        let group = cx.labels(signature);
        let message = format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: \
             [{a}, {b}];many-to-many matching not allowed: matching labels must be unique on one side"
        );
        EvalError::at(self.span, message)
    }

    fn join(
        &mut self,
        cx: &mut Context<'_>,
        signature: LabelId,
        many: &Sample,
        one: &Sample,
        result: &mut Vector,
    ) -> Evaluated<()> {
        let labels = self.result_labels(cx, many.labels, one.labels);
        let met_before = self.met.put(signature, 0).is_some();
        if self.cardinality == Cardinality::OneToOne {
            if met_before {
                let message =
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
                return Err(EvalError::at(self.span, message));
            }
        } else if self.given.put(labels, 0).is_some() {
            let message = "multiple matches for labels: grouping labels must ensure unique matches";
            return Err(EvalError::at(self.span, message));
        }
        let (left, right) = if self.swapped() { (one, many) } else { (many, one) };
        let value = match apply(cx, self.op, &left.value, &right.value, self.span) {
            Outcome::Value(value) => value,
            Outcome::Holds(holds) if self.returns_bool => Value::Float(truth(holds)),
            Outcome::Holds(true) => left.value.clone(),
            Outcome::Holds(false) | Outcome::Incompatible => return Ok(()),
        };
        let mut sample = Sample { labels, drop_name: many.drop_name, value };
        if !self.keeps_name() {
            cx.drop_name(&mut sample);
        }
        result.push(sample);
        Ok(())
    }

    fn result_labels(&mut self, cx: &mut Context<'_>, many: LabelId, one: LabelId) -> LabelId {
        let key = if self.include.is_empty() { (many, 0) } else { (many, one) };
        if let Some(&known) = self.results.get(&key) {
            return known;
        }
        let (listed, on) = (&self.signatures.labels, self.signatures.on);
        let mut labels = cx.labels(many).clone();
        if self.cardinality == Cardinality::OneToOne {
            labels = labels.filter(|name, _| listed.iter().any(|listed| listed == name) == on);
        }
        for name in &self.include {
            labels = match cx.labels(one).get_or_empty(name) {
                "" => labels.without(name),
                value => labels.with(name, value),
            };
        }
        let mut id = cx.table.id(&labels);
        if !self.keeps_name() && !cx.settings.delayed_name_removal {
            id = cx.table.nameless(id);
        }
        self.results.insert(key, id);
        id
    }
}

fn filled(signature: LabelId, value: f64) -> Sample {
    Sample { labels: signature, drop_name: false, value: Value::Float(value) }
}
