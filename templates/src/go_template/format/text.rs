//! Text verbs: `%s %q %x %X`.

use super::super::quote;
use super::Printer;

impl Printer {
    /// Writes a text under a verb; says whether the verb is one for texts.
    pub(super) fn text(&mut self, text: &str, verb: char) -> bool {
        match verb {
            'v' if self.spec.sharp_v => self.quoted(text),
            'v' | 's' => {
                let cut = self.cut(text);
                self.pad(cut);
            }
            'q' => self.quoted(text),
            'x' | 'X' => self.hexadecimal(text, verb),
            _ => return false,
        }
        true
    }

    /// A precision shortens a text to that many characters.
    fn cut<'t>(&self, text: &'t str) -> &'t str {
        let end = self.spec.precision.and_then(|precision| text.char_indices().nth(precision));
        end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
    }

    fn quoted(&mut self, text: &str) {
        let cut = self.cut(text);
        let backquotable = !cut.contains(|c: char| c == '`' || c == '\u{feff}' || (c.is_control() && c != '\t'));
        let quoted = if self.spec.sharp && backquotable {
            format!("`{cut}`")
        } else {
            quote::quote_with(cut, '"', self.spec.plus)
        };
        self.pad(&quoted);
    }

    fn hexadecimal(&mut self, text: &str, verb: char) {
        let bytes = text.as_bytes();
        let bytes = bytes.get(..self.spec.precision.unwrap_or(bytes.len())).unwrap_or(bytes);
        if !self.room(bytes.len().saturating_mul(2)) {
            return;
        }
        let prefix = match (self.spec.sharp, verb) {
            (true, 'X') => "0X",
            (true, _) => "0x",
            (false, _) => "",
        };
        let digits = bytes.iter().map(|byte| if verb == 'X' { format!("{byte:02X}") } else { format!("{byte:02x}") });
        let mut text = String::with_capacity(bytes.len() * 2);
        for (index, pair) in digits.enumerate() {
            if index > 0 && self.spec.space {
                text.push(' ');
            }
            if index == 0 || self.spec.space {
                text.push_str(prefix);
            }
            text.push_str(&pair);
        }
        self.pad(&text);
    }
}
