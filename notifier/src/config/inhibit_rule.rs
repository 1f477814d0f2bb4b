//! `inhibit_rules`: which alerts quiet which.

use model::matcher::parse::ParseMode;
use yaml::{Decoder, Node};

use super::InhibitRule;
use super::matchers::{self, MatcherKeys};

const SOURCE: MatcherKeys =
    MatcherKeys { matchers: "source_matchers", equal: "source_match", regex: "source_match_re" };

const TARGET: MatcherKeys =
    MatcherKeys { matchers: "target_matchers", equal: "target_match", regex: "target_match_re" };

/// Decodes one rule. An empty one is valid and inhibits nothing.
pub(super) fn decode(node: &Node, decoder: &Decoder, mode: ParseMode) -> Option<InhibitRule> {
    let mut fields = decoder.mapping(node, "an inhibition rule")?;
    let name = fields.optional("name").string().map(|name| name.value).unwrap_or_default();
    let source = matchers::decode(&mut fields, decoder, &SOURCE, mode);
    let target = matchers::decode(&mut fields, decoder, &TARGET, mode);
    let equal = fields.optional("equal").string_list().unwrap_or_default();
    for label in &equal {
        matchers::check_label_name(label, mode, decoder);
    }
    fields.finish();
    Some(InhibitRule { name, source, target, equal: equal.into_iter().map(|label| label.value).collect() })
}
