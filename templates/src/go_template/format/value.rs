//! Which value prints how: methods first, then by kind; lists, maps and structs element by element.

use super::super::duration;
use super::super::time_format;
use super::super::value::{Object, Value};
use super::{Printer, plain};

/// Lists in lists deeper than this print as `...`; templates cannot build a cycle, only depth.
const DEEPEST: usize = 50;

impl Printer {
    /// Writes one argument of a verb.
    pub(super) fn arg(&mut self, value: &Value, verb: char) {
        self.nested(value, verb, 0);
    }

    fn nested(&mut self, value: &Value, verb: char, depth: usize) {
        if depth > DEEPEST || self.overflowed {
            self.push_str("...");
            return;
        }
        if verb == 'T' {
            self.text(&value.type_name(), 's');
            return;
        }
        if !self.reporting && self.by_method(value, verb) {
            return;
        }
        let known = match &*value.base() {
            Value::Nil => self.nothing(verb, depth),
            Value::Bool(truth) => self.boolean(*truth, verb),
            Value::Int(number) | Value::Duration(number) => self.integer(*number, verb),
            Value::Float(number) => self.floating(*number, verb),
            Value::String(text) | Value::Safe(_, text) => self.text(text, verb),
            Value::List(list) => {
                self.list(value, &list.items, verb, depth);
                true
            }
            Value::Map(_) => {
                self.map(value, verb, depth);
                true
            }
            Value::Time(_) => self.text(&plain(value), 's'),
            Value::Object(object) => {
                self.structure(&**object, verb, depth);
                true
            }
        };
        if !known {
            self.wrong_verb(value, verb);
        }
    }

    /// Values that give their own text do so under the verbs for texts.
    fn by_method(&mut self, value: &Value, verb: char) -> bool {
        if self.spec.sharp_v || !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return false;
        }
        let text = match value {
            Value::Time(time) => Some(time_format::plain(time)),
            Value::Duration(nanoseconds) => Some(duration::text(*nanoseconds)),
            Value::Object(object) => object.text(),
            _ => None,
        };
        text.is_some_and(|text| self.text(&text, verb))
    }

    /// `%!d(string=x)`: the verb does not fit the value.
    fn wrong_verb(&mut self, value: &Value, verb: char) {
        let reporting = std::mem::replace(&mut self.reporting, true);
        self.push_str("%!");
        self.push(verb);
        self.push('(');
        if matches!(value, Value::Nil) {
            self.push_str("<nil>");
        } else {
            self.push_str(&value.type_name());
            self.push('=');
            self.nested(value, 'v', 0);
        }
        self.push(')');
        self.reporting = reporting;
    }

    fn nothing(&mut self, verb: char, depth: usize) -> bool {
        match verb {
            'v' if depth > 0 && self.spec.sharp_v => self.push_str("interface {}(nil)"),
            _ if depth > 0 => self.push_str("<nil>"),
            'v' => self.pad("<nil>"),
            _ => return false,
        }
        true
    }

    fn boolean(&mut self, truth: bool, verb: char) -> bool {
        let known = matches!(verb, 't' | 'v');
        if known {
            self.pad(if truth { "true" } else { "false" });
        }
        known
    }

    fn floating(&mut self, number: f64, verb: char) -> bool {
        match verb {
            'v' | 'g' | 'G' | 'b' | 'x' | 'X' => self.float(number, verb, None),
            'e' | 'E' | 'f' | 'F' => self.float(number, verb, Some(6)),
            _ => return false,
        }
        true
    }

    fn list(&mut self, value: &Value, items: &[Value], verb: char, depth: usize) {
        let go_syntax = verb == 'v' && self.spec.sharp_v;
        if go_syntax {
            let name = value.type_name();
            self.push_str(&name);
        }
        self.push(if go_syntax { '{' } else { '[' });
        for (index, item) in items.iter().enumerate() {
            if self.overflowed {
                break;
            }
            if index > 0 {
                self.push_str(if go_syntax { ", " } else { " " });
            }
            self.nested(item, verb, depth + 1);
        }
        self.push(if go_syntax { '}' } else { ']' });
    }

    fn map(&mut self, value: &Value, verb: char, depth: usize) {
        let base = value.base();
        let Value::Map(map) = &*base else { return };
        let go_syntax = verb == 'v' && self.spec.sharp_v;
        if go_syntax {
            let name = value.type_name();
            self.push_str(&name);
            self.push('{');
        } else {
            self.push_str("map[");
        }
        for (index, (key, item)) in map.entries().iter().enumerate() {
            if self.overflowed {
                break;
            }
            if index > 0 {
                self.push_str(if go_syntax { ", " } else { " " });
            }
            self.nested(&Value::String(key.clone()), verb, depth + 1);
            self.push(':');
            self.nested(item, verb, depth + 1);
        }
        self.push(if go_syntax { '}' } else { ']' });
    }

    fn structure(&mut self, object: &dyn Object, verb: char, depth: usize) {
        let go_syntax = verb == 'v' && self.spec.sharp_v;
        let (pointer, name) = match object.type_name().strip_prefix('*') {
            Some(name) => (true, name),
            None => (false, object.type_name()),
        };
        // deeper down Go prints the address of a pointer, which says nothing
        if pointer && depth == 0 && !self.follows_pointer {
            self.push('&');
        }
        if go_syntax {
            self.push_str(name);
        }
        self.push('{');
        for (index, (name, field)) in object.fields().into_iter().enumerate() {
            if index > 0 {
                self.push_str(if go_syntax { ", " } else { " " });
            }
            if go_syntax || self.spec.plus_v {
                self.push_str(name);
                self.push(':');
            }
            self.nested(&field, verb, depth + 1);
        }
        self.push('}');
    }
}
