//! Go's `fmt`: how values print under `%v` and every other verb.

mod float;
mod integer;
mod printf;
mod text;
mod value;

pub(crate) use printf::printf;

use super::error::FunctionFailure;
use super::value::Value;

/// A value as an action prints it: `%v`, but nothing is `<no value>`.
pub(crate) fn action_text(value: &Value, limit: usize) -> String {
    match value {
        Value::Nil => "<no value>".to_owned(),
        _ => {
            let mut printer = Printer::new(limit);
            printer.follows_pointer = true;
            printer.arg(value, 'v');
            printer.out
        }
    }
}

/// A value as `%v` prints it.
pub(crate) fn plain(value: &Value) -> String {
    let mut printer = Printer::new(SHOWN_BYTES);
    printer.arg(value, 'v');
    printer.out
}

/// A value as `%s` prints it, as in Go's reports about values.
pub(crate) fn shown(value: &Value) -> String {
    let mut printer = Printer::new(SHOWN_BYTES);
    printer.arg(value, 's');
    printer.out
}

/// What a report may show of a value.
const SHOWN_BYTES: usize = 4096;

/// Go's `Sprint`: a space between neighbours of which neither is a text.
pub(crate) fn print(values: &[Value], limit: usize) -> Result<String, FunctionFailure> {
    print_with(Printer::new(limit), values)
}

/// [`print`], with pointers shown as what they point to, as actions do.
pub(crate) fn print_followed(values: &[Value], limit: usize) -> Result<String, FunctionFailure> {
    print_with(Printer { follows_pointer: true, ..Printer::new(limit) }, values)
}

fn print_with(mut printer: Printer, values: &[Value]) -> Result<String, FunctionFailure> {
    let mut after_text = true;
    for value in values {
        let is_text = value.base().as_str().is_some();
        if !is_text && !after_text {
            printer.push(' ');
        }
        printer.arg(value, 'v');
        after_text = is_text;
    }
    printer.finish()
}

/// Go's `Sprintln`: spaces everywhere and a line end.
pub(crate) fn println(values: &[Value], limit: usize) -> Result<String, FunctionFailure> {
    let mut printer = Printer::new(limit);
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            printer.push(' ');
        }
        printer.arg(value, 'v');
    }
    printer.push('\n');
    printer.finish()
}

/// A `%.4g` with the given number of digits.
pub(crate) fn significant(number: f64, digits: usize) -> String {
    float::shortest_notation(number, Some(digits), 'g', false)
}

/// The flags, width and precision of one verb.
#[derive(Clone, Copy, Debug, Default)]
struct Spec {
    width: Option<usize>,
    precision: Option<usize>,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%+v`: field names in structs.
    plus_v: bool,
    /// `%#v`: Go syntax.
    sharp_v: bool,
}

/// Collects printed values up to a size.
struct Printer {
    out: String,
    limit: usize,
    overflowed: bool,
    spec: Spec,
    /// A wrong verb is being reported: no methods, no further reports.
    reporting: bool,
    /// A pointer at the top prints as what it points to.
    follows_pointer: bool,
}

impl Printer {
    fn new(limit: usize) -> Self {
        Self {
            out: String::new(),
            limit,
            overflowed: false,
            spec: Spec::default(),
            reporting: false,
            follows_pointer: false,
        }
    }

    fn finish(self) -> Result<String, FunctionFailure> {
        if self.overflowed {
            return Err(FunctionFailure::Limit(format!("text is larger than {} bytes", self.limit)));
        }
        Ok(self.out)
    }

    fn room(&mut self, bytes: usize) -> bool {
        self.overflowed |= self.out.len().saturating_add(bytes) > self.limit;
        !self.overflowed
    }

    fn push(&mut self, character: char) {
        if self.room(character.len_utf8()) {
            self.out.push(character);
        }
    }

    fn push_str(&mut self, text: &str) {
        if self.room(text.len()) {
            self.out.push_str(text);
        }
    }

    fn fill(&mut self, character: char, count: usize) {
        if self.room(count) {
            self.out.extend(std::iter::repeat_n(character, count));
        }
    }

    /// Writes a text padded to the width.
    fn pad(&mut self, text: &str) {
        let padding = self.spec.width.unwrap_or(0).saturating_sub(text.chars().count());
        if self.spec.minus {
            self.push_str(text);
            self.fill(' ', padding);
        } else {
            self.fill(if self.spec.zero { '0' } else { ' ' }, padding);
            self.push_str(text);
        }
    }
}
