//! Fields, map keys and methods: `.Labels.severity`, `$alert.StartsAt.Unix`, `(index . 0).Value`.

use smol_str::SmolStr;

use super::super::node::{Operand, Term};
use super::super::time_methods::TimeMethods;
use super::super::value::{Object, Value};
use super::call::Given;
use super::{Evaluated, Run, Site};

impl<'r> Run<'r> {
    /// Evaluates a field, variable or chain operand; only the last name of it may take arguments.
    pub(super) fn fields(&mut self, operand: &'r Operand, dot: &Value, given: Given<'r>) -> Evaluated<Value> {
        self.at(operand.position, operand);
        let site = Site { position: operand.position, node: operand };
        let (mut receiver, names) = match &operand.term {
            Term::Variable(name, fields) => (self.variable(name), fields),
            Term::Chain(inner, fields) => (self.chained(inner, operand, dot)?, fields),
            Term::Field(fields) => (dot.clone(), fields),
            _ => return Ok(self.constant(operand, dot)),
        };
        let Some((last, path)) = names.split_last() else { return Ok(receiver) };
        for name in path {
            receiver = self.field(site, receiver, name, dot, Given::default())?;
        }
        self.field(site, receiver, last, dot, given)
    }

    /// The operand a chain of fields starts from.
    fn chained(&mut self, inner: &'r Operand, chain: &'r Operand, dot: &Value) -> Evaluated<Value> {
        match &inner.term {
            Term::Nil => self.fail(format!("indirection through explicit nil in {chain}")),
            Term::Pipe(pipe) => self.pipeline(pipe, dot),
            Term::Function(function) => {
                self.at(inner.position, inner);
                self.function(function, Site { position: inner.position, node: inner }, dot, Given::default())
            }
            _ => self.fields(inner, dot, Given::default()),
        }
    }

    fn field(
        &mut self,
        site: Site<'r>,
        receiver: Value,
        name: &SmolStr,
        dot: &Value,
        given: Given<'r>,
    ) -> Evaluated<Value> {
        let with_arguments = !given.is_empty();
        if matches!(receiver, Value::Nil) {
            return Ok(Value::Nil);
        }
        if let Value::Object(object) = &receiver {
            if let Some(signature) = object.method(name) {
                return self.method(&**object, name, &signature, site, dot, given);
            }
            if let Some(value) = object.field(name) {
                if with_arguments {
                    return self.fail(format!("{name} has arguments but cannot be invoked as function"));
                }
                return Ok(value);
            }
        }
        if let Some(methods) = TimeMethods::of(&receiver)
            && let Some(signature) = methods.method(name)
        {
            return self.method(&methods, name, &signature, site, dot, given);
        }
        match &*receiver.base() {
            Value::Map(_) if with_arguments => self.fail(format!("{name} is not a method but has arguments")),
            Value::Map(map) => Ok(map.get_or_zero(name)),
            _ => self.fail(format!("can't evaluate field {name} in type {}", receiver.type_name())),
        }
    }
}
