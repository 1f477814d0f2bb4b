//! Matchers as routes and inhibition rules write them: `matchers`, and the older `match` and `match_re`.

use model::matcher::is_classic_name;
use model::matcher::parse::{ParseMode, parse_matchers};
use model::{MatchOp, Matcher};
use yaml::{Decoder, Field, Fields, Key, Node, Spanned};

/// The keys of one side: `matchers`, `match`, `match_re`, or the same behind `source_` or `target_`.
pub(super) struct MatcherKeys {
    pub(super) matchers: &'static str,
    pub(super) equal: &'static str,
    pub(super) regex: &'static str,
}

/// Reads all three keys into one list, in the order that route keys have: by name, value, operator.
pub(super) fn decode(fields: &mut Fields<'_>, decoder: &Decoder, keys: &MatcherKeys, mode: ParseMode) -> Vec<Matcher> {
    let equal = fields.optional(keys.equal).entries(decode_equal);
    let regex = fields.optional(keys.regex).entries(decode_regex);
    let lists = decode_lists(fields.optional(keys.matchers), decoder, mode);
    let mut matchers: Vec<Matcher> = [equal.unwrap_or_default(), regex.unwrap_or_default(), lists].concat();
    matchers.sort_by(|a, b| (a.name(), a.value(), a.op()).cmp(&(b.name(), b.value(), b.op())));
    matchers
}

/// Each text is a list of matchers of its own; all of them must match.
fn decode_lists(field: Field<'_>, decoder: &Decoder, mode: ParseMode) -> Vec<Matcher> {
    let lists = field.sequence(|node, _| {
        let text = decoder.value(node).string()?;
        match parse_matchers(&text.value, mode) {
            Ok(parsed) => {
                if let Some(warning) = parsed.warning {
                    decoder.warning(node.span, format!("matcher {warning}"));
                }
                Some(parsed.value)
            }
            Err(error) => {
                decoder.error_in(&text, error.offset, error.message);
                None
            }
        }
    });
    lists.unwrap_or_default().concat()
}

fn decode_equal(key: &Key, node: &Node, decoder: &Decoder) -> Option<Matcher> {
    check_name(key, decoder);
    let value = if node.is_null() { String::new() } else { decoder.value(node).string()?.value };
    Some(Matcher::equal(key.text.clone(), value))
}

/// Alertmanager anchors the pattern before it makes a matcher of it, which shows in route keys.
fn decode_regex(key: &Key, node: &Node, decoder: &Decoder) -> Option<Matcher> {
    check_name(key, decoder);
    if node.is_null() {
        decoder.error(key.span, format!("the pattern for label {:?} has no value", key.text));
        return None;
    }
    let pattern = decoder.value(node).parse_with(|text| model::pattern::anchored(text).map(|_| text.to_owned()))?;
    let anchored = format!("^(?:{})$", pattern.value);
    match Matcher::new(key.text.clone(), MatchOp::Regex, anchored) {
        Ok(matcher) => Some(matcher),
        Err(error) => {
            decoder.error(pattern.span, error.to_string());
            None
        }
    }
}

/// Reports what is not the name of a label: in classic mode by the classic rule, else only an empty text.
pub(super) fn check_label_name(name: &Spanned<String>, mode: ParseMode, decoder: &Decoder) {
    if name.value.is_empty() {
        decoder.error(name.span, "a label name is empty");
    } else if mode == ParseMode::Classic && !is_classic_name(&name.value) {
        decoder.error(name.span, format!("{:?} is not a label name in classic mode", name.value));
    }
}

fn check_name(key: &Key, decoder: &Decoder) {
    if !is_classic_name(&key.text) {
        let report = decoder.error(key.span, format!("{:?} is not a label name", key.text));
        report.hint("letters, digits and underscores; for other names use matchers");
    }
}
