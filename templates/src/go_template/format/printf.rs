//! `printf`: directives with flags, width, precision and argument indexes, and Go's reports of wrong ones.

use super::super::error::FunctionFailure;
use super::super::value::Value;
use super::{Printer, Spec};

/// Widths and precisions beyond this are wrong, as in Go.
const WIDEST: i64 = 1_000_000;

/// Formats `values` by `format`, at most `limit` bytes of them.
pub(crate) fn printf(format: &str, values: &[Value], limit: usize) -> Result<String, FunctionFailure> {
    let mut formatter =
        Formatter { printer: Printer::new(limit), rest: format, values, next: 0, reordered: false, good_index: true };
    while let Some((text, directive)) = formatter.rest.split_once('%') {
        formatter.printer.push_str(text);
        formatter.rest = directive;
        formatter.directive();
        if formatter.printer.overflowed {
            break;
        }
    }
    let rest = formatter.rest;
    formatter.printer.push_str(rest);
    formatter.report_extra();
    formatter.printer.finish()
}

struct Formatter<'f> {
    printer: Printer,
    /// What follows the part already read.
    rest: &'f str,
    values: &'f [Value],
    next: usize,
    /// Some directive has used an argument index.
    reordered: bool,
    good_index: bool,
}

impl Formatter<'_> {
    /// Reads and prints one directive, from behind its percent sign.
    fn directive(&mut self) {
        self.printer.spec = Spec::default();
        self.good_index = true;
        self.flags();
        let mut after_index = self.argument_index();
        self.width(&mut after_index);
        self.precision(&mut after_index);
        if !after_index {
            self.argument_index();
        }
        let Some(verb) = self.rest.chars().next() else {
            self.printer.push_str("%!(NOVERB)");
            return;
        };
        self.rest = self.rest.get(verb.len_utf8()..).unwrap_or_default();
        self.verb(verb);
    }

    fn verb(&mut self, verb: char) {
        if verb == '%' {
            self.printer.push('%');
        } else if !self.good_index {
            self.report(verb, "(BADINDEX)");
        } else if let Some(value) = self.values.get(self.next) {
            self.next += 1;
            if verb == 'v' {
                let spec = &mut self.printer.spec;
                spec.sharp_v = std::mem::take(&mut spec.sharp);
                spec.plus_v = std::mem::take(&mut spec.plus);
            }
            self.printer.arg(value, verb);
        } else {
            self.report(verb, "(MISSING)");
        }
    }

    fn report(&mut self, verb: char, what: &str) {
        self.printer.push_str("%!");
        self.printer.push(verb);
        self.printer.push_str(what);
    }

    fn flags(&mut self) {
        while let Some(flag) = self.rest.chars().next() {
            let spec = &mut self.printer.spec;
            match flag {
                '#' => spec.sharp = true,
                // zeros only pad to the left
                '0' => spec.zero = !spec.minus,
                '+' => spec.plus = true,
                '-' => {
                    spec.minus = true;
                    spec.zero = false;
                }
                ' ' => spec.space = true,
                _ => break,
            }
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
    }

    fn width(&mut self, after_index: &mut bool) {
        if self.take('*') {
            match self.star() {
                Some(width) => {
                    self.printer.spec.width = usize::try_from(width.unsigned_abs()).ok();
                    if width < 0 {
                        self.printer.spec.minus = true;
                        self.printer.spec.zero = false;
                    }
                }
                None => self.printer.push_str("%!(BADWIDTH)"),
            }
            *after_index = false;
            return;
        }
        self.printer.spec.width = self.number();
        // "%[3]2d": an index must be followed by the verb
        if *after_index && self.printer.spec.width.is_some() {
            self.good_index = false;
        }
    }

    fn precision(&mut self, after_index: &mut bool) {
        if !self.take('.') {
            return;
        }
        if *after_index {
            self.good_index = false;
        }
        *after_index = self.argument_index();
        if self.take('*') {
            match self.star() {
                Some(precision) if precision >= 0 => self.printer.spec.precision = usize::try_from(precision).ok(),
                _ => self.printer.push_str("%!(BADPREC)"),
            }
            *after_index = false;
            return;
        }
        self.printer.spec.precision = Some(self.number().unwrap_or(0));
    }

    fn take(&mut self, character: char) -> bool {
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The argument a `*` stands for.
    fn star(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        match &*value.base() {
            Value::Int(number) if number.unsigned_abs() <= WIDEST.unsigned_abs() => Some(*number),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<usize> {
        let digits = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = self.rest.split_at_checked(digits)?;
        if digits == 0 {
            return None;
        }
        // Go looks at the number before it takes the last digit
        let Some(number) = number.parse::<i64>().ok().filter(|number| number / 10 <= WIDEST) else {
            // as Go, leaves the directive without a verb it can read
            self.rest = "";
            return None;
        };
        self.rest = rest;
        usize::try_from(number).ok()
    }

    /// `[n]`: the next argument is the n-th. Says whether there was an index.
    fn argument_index(&mut self) -> bool {
        let Some(inside) = self.rest.strip_prefix('[') else { return false };
        self.reordered = true;
        let Some((index, rest)) = inside.split_once(']') else {
            self.good_index = false;
            self.rest = inside;
            return false;
        };
        self.rest = rest;
        match index.parse::<usize>().ok().and_then(|index| index.checked_sub(1)) {
            Some(index) if index < self.values.len() => {
                self.next = index;
                true
            }
            _ => {
                self.good_index = false;
                true
            }
        }
    }

    /// `%!(EXTRA type=value, …)`: arguments without a directive.
    fn report_extra(&mut self) {
        let Some(extra) = self.values.get(self.next..).filter(|extra| !extra.is_empty() && !self.reordered) else {
            return;
        };
        self.printer.spec = Spec::default();
        self.printer.push_str("%!(EXTRA ");
        for (index, value) in extra.iter().enumerate() {
            if index > 0 {
                self.printer.push_str(", ");
            }
            if matches!(value, Value::Nil) {
                self.printer.push_str("<nil>");
            } else {
                self.printer.push_str(&value.type_name());
                self.printer.push('=');
                self.printer.arg(value, 'v');
            }
        }
        self.printer.push(')');
    }
}
