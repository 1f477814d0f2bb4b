//! What besides the labels of a series a template's output may depend on, judged from its text: saying "yes" too often
//! costs a rendering, "no" would show a stale text.

/// What the output may depend on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Dependence {
    /// The value of the series.
    value: bool,
    /// The time, or the answers to queries.
    time: bool,
}

impl Dependence {
    /// Of a template.
    pub(super) fn of(source: &str) -> Self {
        let mut found = Self::default();
        let mut rest = source;
        while let Some(at) = rest.find("{{") {
            rest = found.scan_action(&rest[at + 2..]);
        }
        found
    }

    /// Of two together.
    pub(super) fn and(self, other: Self) -> Self {
        Self { value: self.value || other.value, time: self.time || other.time }
    }

    /// Whether an earlier output for the same labels still holds.
    pub(super) fn holds(self, same_value: bool) -> bool {
        !self.time && (same_value || !self.value)
    }

    /// Reads an action up to its end; gives what follows.
    fn scan_action<'t>(&mut self, action: &'t str) -> &'t str {
        let mut rest = action;
        while let Some(first) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("}}") {
                return after;
            }
            let after_first = &rest[first.len_utf8()..];
            rest = match first {
                '"' | '`' | '\'' => after_quoted(after_first, first),
                '/' if after_first.starts_with('*') => after_first.split_once("*/").map_or("", |(_, after)| after),
                '.' | '$' if !after_first.starts_with(is_word) => {
                    // The whole context, the value within.
                    self.value = true;
                    after_first
                }
                first if is_word(first) => {
                    let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                    self.note(&rest[..end]);
                    &rest[end..]
                }
                _ => after_first,
            };
        }
        rest
    }

    fn note(&mut self, word: &str) {
        match word {
            "value" | "Value" => self.value = true,
            "now" | "query" => self.time = true,
            _ => {}
        }
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// What follows the closing quote.
fn after_quoted(text: &str, quote: char) -> &str {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote != '`' {
            chars.next();
        } else if c == quote {
            return &text[at + c.len_utf8()..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_by_the_words_of_actions() {
        for (source, value, time) in [
            ("plain. value now", false, false),
            ("{{ $labels.instance }} is down. now.", false, false),
            ("{{ .Labels.job | toUpper }}", false, false),
            ("{{ $value | humanize }}", true, false),
            ("{{ .Value }}", true, false),
            ("{{ $.Value }}", true, false),
            ("{{ . }}", true, false),
            ("{{ template \"x\" $ }}", true, false),
            ("{{ printf \"%v . $ value query\" $labels.a }}", false, false),
            ("{{ \"a\\\"}}\" }}{{ `}}` }} value {{ $x := 1 }}", false, false),
            ("{{ \"}}\" }} {{ $value }}", true, false),
            ("{{/* value }} */}}{{ $labels.now_or_never }}", false, false),
            ("{{ range query \"up\" }}{{ .Labels.a }}{{ end }}", false, true),
            ("{{ now }}", false, true),
            ("{{ \"unclosed", false, false),
            ("{{ 'x", false, false),
            ("{{ $é.Value", true, false),
        ] {
            assert_eq!(Dependence::of(source), Dependence { value, time }, "{source}");
        }
    }
}
