//! `and`, `or`, `unless`.

use super::context::{Context, Evaluated};
use super::label_table::Slots;
use super::matching::Signatures;
use super::node::VectorNode;
use super::value::Vector;
use crate::operator::BinaryOp;

/// A set operator between two vectors.
#[derive(Debug, Clone)]
pub(super) struct SetOperation {
    pub(super) op: BinaryOp,
    pub(super) left: VectorNode,
    pub(super) right: VectorNode,
    pub(super) signatures: Signatures,
    pub(super) present: Slots,
}

impl SetOperation {
    pub(super) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let mut left = self.left.eval(cx, t_ms)?;
        let mut right = self.right.eval(cx, t_ms)?;
        let (signatures, present) = (&mut self.signatures, &mut self.present);
        present.clear();
        if self.op == BinaryOp::Or {
            for sample in &left {
                present.put(signatures.of(cx, sample.labels), 0);
            }
            right.retain(|sample| present.get(signatures.of(cx, sample.labels)).is_none());
            left.append(&mut right);
            return Ok(left);
        }
        for sample in &right {
            present.put(signatures.of(cx, sample.labels), 0);
        }
        let wanted = self.op == BinaryOp::And;
        left.retain(|sample| present.get(signatures.of(cx, sample.labels)).is_some() == wanted);
        Ok(left)
    }
}
