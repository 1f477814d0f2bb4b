//! Calls: arguments are evaluated, checked against the signature, and passed.

use std::sync::Arc;

use smol_str::SmolStr;

use super::super::error::{FunctionFailure, TemplateError};
use super::super::function::{Function, Kind, Param, Signature};
use super::super::node::{Operand, Term};
use super::super::value::{Object, Value};
use super::{Evaluated, Run, Site};

/// What a call is given: arguments yet to be evaluated, and the value piped in behind them.
#[derive(Default)]
pub(super) struct Given<'r> {
    pub(super) args: &'r [Operand],
    pub(super) piped: Option<Value>,
}

impl Given<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.args.is_empty() && self.piped.is_none()
    }
}

/// Bytes of a result that count as one step.
const BYTES_PER_STEP: usize = 256;

impl<'r> Run<'r> {
    /// Calls a function; an error of it is reported at `site`.
    pub(super) fn function(
        &mut self,
        function: &'r Arc<Function>,
        site: Site<'r>,
        dot: &Value,
        given: Given<'r>,
    ) -> Evaluated<Value> {
        self.check_count(&function.name, &function.signature, &given)?;
        if function.kind != Kind::Ordinary {
            return self.short_circuit(function.kind == Kind::Or, dot, given);
        }
        let values = self.arguments(&function.signature, dot, given)?;
        let result = (function.body)(self.call_facts(), &values);
        self.finish(&function.name, site, result)
    }

    pub(super) fn method(
        &mut self,
        object: &dyn Object,
        name: &str,
        signature: &Signature,
        site: Site<'r>,
        dot: &Value,
        given: Given<'r>,
    ) -> Evaluated<Value> {
        self.check_count(name, signature, &given)?;
        let values = self.arguments(signature, dot, given)?;
        let result = object.call(name, &values);
        self.finish(name, site, result)
    }

    fn finish(&mut self, name: &str, site: Site<'r>, result: Result<Value, FunctionFailure>) -> Evaluated<Value> {
        match result {
            Ok(value) => {
                self.step(value.weight() / BYTES_PER_STEP)?;
                let limit = self.render.limits.output_bytes;
                if value.as_str().is_some_and(|text| text.len() > limit) {
                    let failure = FunctionFailure::Limit(format!("text is larger than {limit} bytes"));
                    return Err(self.error(failure));
                }
                Ok(value)
            }
            Err(failure) => {
                self.site = Some(site);
                Err(self.error(TemplateError::prefixed(failure, &format!("error calling {name}: "))))
            }
        }
    }

    fn check_count(&self, name: &str, signature: &Signature, given: &Given<'r>) -> Evaluated<()> {
        let args = given.args.len();
        let given = args + usize::from(given.piped.is_some());
        let wanted = signature.fixed.len();
        match signature.variadic {
            Some(_) if given < wanted => {
                self.fail(format!("wrong number of args for {name}: want at least {wanted} got {args}"))
            }
            None if given != wanted => self.fail(format!("wrong number of args for {name}: want {wanted} got {given}")),
            _ => Ok(()),
        }
    }

    fn arguments(&mut self, signature: &Signature, dot: &Value, given: Given<'r>) -> Evaluated<Vec<Value>> {
        let mut values = Vec::with_capacity(given.args.len() + 1);
        for (index, arg) in given.args.iter().enumerate() {
            values.push(self.argument(arg, signature.param(index), dot)?);
        }
        if let Some(value) = given.piped {
            values.push(self.fitting(value, signature.param(given.args.len()))?);
        }
        Ok(values)
    }

    /// `and` and `or` evaluate only as many arguments as they need.
    fn short_circuit(&mut self, stops_at: bool, dot: &Value, given: Given<'r>) -> Evaluated<Value> {
        let mut value = Value::Nil;
        for arg in given.args {
            value = self.argument(arg, Param::Any, dot)?;
            if value.is_true() == stops_at {
                return Ok(value);
            }
        }
        Ok(given.piped.unwrap_or(value))
    }

    /// The value of an argument, as the type its parameter wants.
    fn argument(&mut self, operand: &'r Operand, param: Param, dot: &Value) -> Evaluated<Value> {
        self.at(operand.position, operand);
        match &operand.term {
            Term::Dot => self.fitting(dot.clone(), param),
            Term::Nil if param.takes_nil() => Ok(Value::Nil),
            Term::Nil => self.fail(format!("cannot assign nil to {}", param.type_name())),
            Term::Field(_) | Term::Variable(..) | Term::Chain(..) => {
                let value = self.fields(operand, dot, Given::default())?;
                self.fitting(value, param)
            }
            Term::Pipe(pipe) => {
                let value = self.pipeline(pipe, dot)?;
                self.fitting(value, param)
            }
            Term::Function(function) => {
                let site = Site { position: operand.position, node: operand };
                let value = self.function(function, site, dot, Given::default())?;
                self.fitting(value, param)
            }
            Term::Bool(_) | Term::Number(_) | Term::String(..) => self.literal(operand, param, dot),
        }
    }

    /// A constant takes the type of the parameter where it can.
    fn literal(&self, operand: &Operand, param: Param, dot: &Value) -> Evaluated<Value> {
        let value = match (param, &operand.term) {
            (Param::Any, _) => Some(self.constant(operand, dot)),
            (Param::String, Term::String(text, _)) => Some(Value::String(SmolStr::clone(text))),
            (Param::Int, Term::Number(number)) => number.int.map(Value::Int),
            (Param::Duration, Term::Number(number)) => number.int.map(Value::Duration),
            (Param::Float, Term::Number(number)) => number.float.map(Value::Float),
            _ => None,
        };
        if let Some(value) = value {
            return Ok(value);
        }
        match param {
            Param::String => self.fail(format!("expected string; found {operand}")),
            Param::Int | Param::Duration => self.fail(format!("expected integer; found {operand}")),
            Param::Float => self.fail(format!("expected float; found {operand}")),
            _ => self.fail(format!("can't handle {operand} for arg of type {}", param.type_name())),
        }
    }

    /// Go converts nothing here: a value has the type of the parameter, or it is an error.
    fn fitting(&self, value: Value, param: Param) -> Evaluated<Value> {
        if param.accepts(&value) {
            return Ok(value);
        }
        let wanted = param.type_name();
        match value {
            Value::Nil => self.fail(format!("invalid value; expected {wanted}")),
            _ => self.fail(format!("wrong type for value; expected {wanted}; got {}", value.type_name())),
        }
    }
}
