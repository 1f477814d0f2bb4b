//! Functions of each number of a vector: rounding, powers, angles, bounds. Histograms are left out.

use crate::ast::Call;
use crate::eval::context::{Context, Evaluated};
use crate::eval::node::{ScalarNode, VectorNode};
use crate::eval::value::{Value, Vector};
use crate::eval::{Settings, plan};

/// A call of such a function.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Elementwise {
    of: Of,
    vector: VectorNode,
    parameters: Vec<ScalarNode>,
}

#[derive(Debug, Clone, Copy)]
enum Of {
    Plain(fn(f64) -> f64),
    Round,
    Clamp,
    ClampMin,
    ClampMax,
}

fn of(name: &str) -> Option<Of> {
    Some(Of::Plain(match name {
        "round" => return Some(Of::Round),
        "clamp" => return Some(Of::Clamp),
        "clamp_min" => return Some(Of::ClampMin),
        "clamp_max" => return Some(Of::ClampMax),
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "deg" => |value| value * 180.0 / std::f64::consts::PI,
        "rad" => |value| value * std::f64::consts::PI / 180.0,
        "sgn" => |value| if value == 0.0 || value.is_nan() { value } else { value.signum() },
        _ => return None,
    }))
}

impl Elementwise {
    /// The call, if its function is one of these.
    pub(in crate::eval) fn new(call: &Call, settings: &Settings) -> Evaluated<Option<Elementwise>> {
        let Some(of) = of(call.function.name) else { return Ok(None) };
        let vector = plan::vector(plan::argument(call, 0)?, settings)?;
        let parameters = call.arguments.iter().skip(1).map(|argument| plan::scalar(argument, settings));
        Ok(Some(Elementwise { of, vector, parameters: parameters.collect::<Evaluated<_>>()? }))
    }

    pub(in crate::eval) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let mut parameters = [1.0, f64::NAN];
        for (slot, parameter) in parameters.iter_mut().zip(&mut self.parameters) {
            *slot = parameter.eval(cx, t_ms)?;
        }
        let mut vector = self.vector.eval(cx, t_ms)?;
        let [first, second] = parameters;
        if matches!(self.of, Of::Clamp) && second < first {
            return Ok(Vec::new());
        }
        let of = self.of;
        vector.retain_mut(|sample| {
            let Value::Float(value) = &mut sample.value else { return false };
            *value = match of {
                Of::Plain(function) => function(*value),
                Of::Round => rounded(*value, first),
                Of::Clamp => greater(first, lesser(second, *value)),
                Of::ClampMin => greater(first, *value),
                Of::ClampMax => lesser(first, *value),
            };
            cx.drop_name(sample);
            true
        });
        cx.check_nameless(&vector)?;
        Ok(vector)
    }
}

/// To the nearest multiple, halves up. Multiplied by the inverse, which is exact for more of the steps in use.
fn rounded(value: f64, to_nearest: f64) -> f64 {
    let inverse = 1.0 / to_nearest;
    (value * inverse + 0.5).floor() / inverse
}

fn greater(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

fn lesser(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}
