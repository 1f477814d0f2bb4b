//! Integer verbs: `%d %b %o %O %x %X %c %q %U`.

use super::super::quote;
use super::Printer;

impl Printer {
    /// Writes an integer under a verb; says whether the verb is one for integers.
    pub(super) fn integer(&mut self, number: i64, verb: char) -> bool {
        match verb {
            'v' | 'd' => self.based(number, 10, verb),
            'b' => self.based(number, 2, verb),
            'o' | 'O' => self.based(number, 8, verb),
            'x' | 'X' => self.based(number, 16, verb),
            'c' => self.pad(&character(number).to_string()),
            'q' => self.quoted_character(number),
            'U' => self.unicode(number),
            _ => return false,
        }
        true
    }

    fn based(&mut self, number: i64, base: u32, verb: char) {
        let magnitude = number.unsigned_abs();
        let mut digits = match base {
            2 => format!("{magnitude:b}"),
            8 => format!("{magnitude:o}"),
            16 if verb == 'X' => format!("{magnitude:X}"),
            16 => format!("{magnitude:x}"),
            _ => magnitude.to_string(),
        };
        let signed = number < 0 || self.spec.plus || self.spec.space;
        let zero = self.spec.zero;
        let minimum = match (self.spec.precision, self.spec.width) {
            (Some(0), _) if number == 0 => {
                self.spec.zero = false;
                let width = self.spec.width.unwrap_or(0);
                self.fill(' ', width);
                self.spec.zero = zero;
                return;
            }
            (Some(precision), _) => precision,
            (None, Some(width)) if zero && !self.spec.minus => width.saturating_sub(usize::from(signed)),
            _ => 0,
        };
        let missing = minimum.saturating_sub(digits.len());
        if !self.room(missing) {
            return;
        }
        digits.insert_str(0, &"0".repeat(missing));
        self.prefix(&mut digits, base, verb);
        if number < 0 {
            digits.insert(0, '-');
        } else if self.spec.plus {
            digits.insert(0, '+');
        } else if self.spec.space {
            digits.insert(0, ' ');
        }
        self.spec.zero = false;
        self.pad(&digits);
        self.spec.zero = zero;
    }

    fn prefix(&self, digits: &mut String, base: u32, verb: char) {
        if self.spec.sharp {
            match base {
                2 => digits.insert_str(0, "0b"),
                8 if !digits.starts_with('0') => digits.insert(0, '0'),
                16 => digits.insert_str(0, if verb == 'X' { "0X" } else { "0x" }),
                _ => {}
            }
        }
        if verb == 'O' {
            digits.insert_str(0, "0o");
        }
    }

    fn quoted_character(&mut self, number: i64) {
        let text = quote::quote_with(&character(number).to_string(), '\'', self.spec.plus);
        self.pad(&text);
    }

    fn unicode(&mut self, number: i64) {
        let precision = self.spec.precision.unwrap_or(4).max(4);
        if !self.room(precision) {
            return;
        }
        let mut text = format!("U+{number:0precision$X}");
        let shown = u32::try_from(number).ok().and_then(char::from_u32).filter(|found| quote::is_printable(*found));
        if let Some(found) = shown.filter(|_| self.spec.sharp) {
            text.push_str(&format!(" '{found}'"));
        }
        let zero = std::mem::take(&mut self.spec.zero);
        self.pad(&text);
        self.spec.zero = zero;
    }
}

fn character(number: i64) -> char {
    u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}
