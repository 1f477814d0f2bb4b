//! `time_intervals`, and `mute_time_intervals`, their older name. Both share one set of names.

use std::collections::BTreeMap;

use yaml::{Decoder, Fields, Node, Spanned};

use crate::mute_time::TimeInterval;

/// Decodes both lists.
pub(super) fn decode(fields: &mut Fields<'_>) -> BTreeMap<String, Vec<TimeInterval>> {
    let mut intervals = BTreeMap::new();
    for key in ["mute_time_intervals", "time_intervals"] {
        let _all = fields.optional(key).sequence(|node, decoder| {
            let (name, elements) = decode_named(node, decoder)?;
            if intervals.insert(name.value.clone(), elements).is_some() {
                decoder.error(name.span, format!("there are two time intervals with the name {:?}", name.value));
            }
            Some(())
        });
    }
    intervals
}

fn decode_named(node: &Node, decoder: &Decoder) -> Option<(Spanned<String>, Vec<TimeInterval>)> {
    let mut fields = decoder.mapping(node, "a named time interval")?;
    let name = fields.required("name").string();
    let elements = fields.optional("time_intervals").sequence(TimeInterval::decode);
    fields.finish();
    if let Some(name) = name.as_ref().filter(|name| name.value.is_empty()) {
        decoder.error(name.span, "the time interval's name is empty");
    }
    Some((name?, elements.unwrap_or_default()))
}
