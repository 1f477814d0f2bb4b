//! Which names metrics and labels may have.

use model::matcher::is_classic_name;

/// `metric_name_validation_scheme`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameScheme {
    /// Any text but the empty one; Prometheus 3's default.
    #[default]
    Utf8,
    /// Letters, digits, `_`, and in metric names `:`; no digit in front. Prometheus 2.
    Legacy,
}

impl NameScheme {
    /// Whether a metric may have this name.
    pub fn allows_metric(self, name: &str) -> bool {
        match self {
            NameScheme::Utf8 => !name.is_empty(),
            NameScheme::Legacy => is_classic_metric(name),
        }
    }

    /// Whether a label may have this name.
    pub fn allows_label(self, name: &str) -> bool {
        match self {
            NameScheme::Utf8 => !name.is_empty(),
            NameScheme::Legacy => is_classic_name(name),
        }
    }
}

/// The name of a label, but for colons.
fn is_classic_metric(name: &str) -> bool {
    is_classic_name(&name.replace(':', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_differ_in_what_they_allow() {
        let cases = [
            ("job:up:rate5m", [true, true, true, false]),
            ("up", [true, true, true, true]),
            ("_x9", [true, true, true, true]),
            ("9x", [true, true, false, false]),
            ("größe", [true, true, false, false]),
            ("a-b c", [true, true, false, false]),
            ("", [false, false, false, false]),
        ];
        for (name, [utf8_metric, utf8_label, legacy_metric, legacy_label]) in cases {
            assert_eq!(NameScheme::Utf8.allows_metric(name), utf8_metric, "{name:?}");
            assert_eq!(NameScheme::Utf8.allows_label(name), utf8_label, "{name:?}");
            assert_eq!(NameScheme::Legacy.allows_metric(name), legacy_metric, "{name:?}");
            assert_eq!(NameScheme::Legacy.allows_label(name), legacy_label, "{name:?}");
        }
    }
}
