//! The pairs of a mapping while it is read: keys, duplicates and merged mappings.

use std::collections::HashMap;

use model::source::{Diagnostic, SourceFile, Span};
use smol_str::SmolStr;

use crate::node::{Key, Kind, Node};

/// Pairs in the order of the file, and what `<<` asks to merge.
#[derive(Default)]
pub(crate) struct Entries {
    pairs: Vec<(Key, Node)>,
    places: HashMap<SmolStr, Span>,
    merges: Vec<Node>,
    merge_key: Option<Span>,
    pending: Option<Pending>,
}

/// A key whose value comes next.
enum Pending {
    Key(Key),
    Merge,
    /// A key that was reported; its value is dropped.
    Refused,
}

impl Entries {
    /// Takes the next key or value, and gives what is wrong with it.
    pub(crate) fn place(&mut self, node: Node, file: &SourceFile) -> Option<Diagnostic> {
        match self.pending.take() {
            None => {
                let key = self.key(node, file);
                let (pending, mistake) =
                    key.map_or_else(|mistake| (Pending::Refused, Some(mistake)), |key| (key, None));
                self.pending = Some(pending);
                return mistake;
            }
            Some(Pending::Key(key)) => self.pairs.push((key, node)),
            Some(Pending::Merge) => self.merges.push(node),
            Some(Pending::Refused) => {}
        }
        None
    }

    /// The pairs, those merged last. A pair of the mapping itself wins over merged ones, an earlier
    /// merged mapping over a later one.
    pub(crate) fn finish(mut self, file: &SourceFile) -> (Vec<(Key, Node)>, Vec<Diagnostic>) {
        let mut mistakes = Vec::new();
        for merged in std::mem::take(&mut self.merges) {
            match &merged.kind {
                Kind::Mapping(pairs) => self.merge(pairs),
                Kind::Sequence(items) if items.iter().all(|item| item.as_mapping().is_some()) => {
                    items.iter().filter_map(Node::as_mapping).for_each(|pairs| self.merge(pairs));
                }
                _ => mistakes.push(
                    Diagnostic::error(
                        file,
                        merged.span,
                        format!("expected a mapping to merge, found {}", merged.describe()),
                    )
                    .hint("\"<<\" takes a mapping or a list of mappings, usually as aliases"),
                ),
            }
        }
        (self.pairs, mistakes)
    }

    fn merge(&mut self, pairs: &[(Key, Node)]) {
        for (key, value) in pairs {
            if !self.places.contains_key(&key.text) {
                self.places.insert(key.text.clone(), key.span);
                self.pairs.push((key.clone(), value.clone()));
            }
        }
    }

    fn key(&mut self, node: Node, file: &SourceFile) -> Result<Pending, Diagnostic> {
        let span = node.span;
        let (text, plain) = match node.kind {
            Kind::Scalar(scalar) => (scalar.text, scalar.plain),
            Kind::Null if span.is_empty() => {
                return Err(Diagnostic::error(file, span, "a key is missing before this colon"));
            }
            Kind::Null => (SmolStr::new(file.slice(span)), false),
            Kind::Sequence(_) | Kind::Mapping(_) => return Err(collection_as_key(span, file)),
        };
        let first = match plain && text == "<<" {
            true => self.merge_key.replace(span),
            false => self.places.get(&text).copied(),
        };
        if let Some(first) = first {
            let line = file.position(first.start).line;
            let twice = Diagnostic::error(file, span, format!("key {text:?} is given twice"));
            return Err(twice.hint(format!("the first is on line {line}")));
        }
        if plain && text == "<<" {
            return Ok(Pending::Merge);
        }
        self.places.insert(text.clone(), span);
        Ok(Pending::Key(Key { span, text }))
    }
}

fn collection_as_key(span: Span, file: &SourceFile) -> Diagnostic {
    let braces = file.slice(span).starts_with('{')
        && file.text().get(..span.start as usize).is_some_and(|text| text.ends_with('{'));
    let mistake = Diagnostic::error(file, span, "a key must be a text, not a list or a mapping");
    if braces {
        return mistake.hint("quote the value: YAML reads {{ }} outside quotes as a mapping");
    }
    mistake
}
