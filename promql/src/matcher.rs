//! Label matchers as selectors write them.

pub use model::labels::METRIC_NAME;
use model::matcher::is_classic_name;
pub use model::{MatchOp, Matcher};

use crate::quote::quote;

/// A matcher as in a selector: `job=~"a|b"`, the name quoted where it must be.
pub(crate) fn matcher_text(matcher: &Matcher) -> String {
    label_name(matcher.name()) + matcher.op().as_str() + &quote(matcher.value())
}

/// A label name as it is written in a selector or grouping: quoted if it is not a plain identifier.
pub(crate) fn label_name(name: &str) -> String {
    if is_classic_name(name) { name.to_owned() } else { quote(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_must_be() {
        for (name, shown) in [("job", "job"), ("_9", "_9"), ("9", "\"9\""), ("a.b", "\"a.b\""), ("", "\"\"")] {
            assert_eq!(matcher_text(&Matcher::equal(name, "x\"\t")), format!(r#"{shown}="x\"\t""#));
        }
    }
}
