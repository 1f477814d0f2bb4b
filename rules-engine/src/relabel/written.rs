//! Relabelling rules as written: the fields of a `*_relabel_configs` entry, their defaults, and what Prometheus refuses.

use model::pattern;
use model::source::{Span, Spanned};
use regex::Regex;
use smol_str::SmolStr;
use yaml::{Decoder, Field, Fields, Node};

use super::{Action, RelabelRule, Relabeling};

const DEFAULT_SEPARATOR: &str = ";";
const DEFAULT_PATTERN: &str = "(.*)";
const DEFAULT_REPLACEMENT: &str = "$1";

const ACTIONS: [(&str, Word); 11] = [
    ("replace", Word::Replace),
    ("keep", Word::Keep),
    ("drop", Word::Drop),
    ("keepequal", Word::KeepEqual),
    ("dropequal", Word::DropEqual),
    ("hashmod", Word::HashMod),
    ("labelmap", Word::LabelMap),
    ("labeldrop", Word::LabelDrop),
    ("labelkeep", Word::LabelKeep),
    ("lowercase", Word::Lowercase),
    ("uppercase", Word::Uppercase),
];

/// The value of `action`.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

impl Word {
    fn name(self) -> &'static str {
        ACTIONS.iter().find(|(_, word)| *word == self).map_or("", |(name, _)| name)
    }
}

/// Reads a list of relabelling rules. Rules with mistakes are reported and left out.
pub fn decode_relabeling(field: Field<'_>) -> Relabeling {
    Relabeling::new(
        field.sequence(|node, decoder| Written::decode(node, decoder)?.resolve(decoder)).unwrap_or_default(),
    )
}

/// One entry as written.
struct Written {
    place: Span,
    action: Spanned<Word>,
    source_labels: Option<Vec<Spanned<String>>>,
    separator: Option<Spanned<String>>,
    pattern: Option<Spanned<String>>,
    compiled: Regex,
    modulus: Option<Spanned<i64>>,
    target: Option<Spanned<String>>,
    replacement: Option<Spanned<String>>,
}

impl Written {
    fn decode(node: &Node, decoder: &Decoder) -> Option<Written> {
        let mut fields = decoder.mapping(node, "a relabelling rule")?;
        let place = fields.span();
        let action = decode_action(&mut fields, place);
        let source_labels = fields.optional("source_labels").string_list();
        let separator = text(&mut fields, "separator");
        let pattern = text(&mut fields, "regex");
        let modulus = fields.optional("modulus").integer_in(0..=i64::MAX);
        let target = text(&mut fields, "target_label");
        let replacement = text(&mut fields, "replacement");
        fields.finish();
        for label in source_labels.iter().flatten().filter(|label| label.value.is_empty()) {
            decoder.error(label.span, "a label name must not be empty");
        }
        let written = pattern.as_ref().map_or(DEFAULT_PATTERN, |pattern| &pattern.value);
        let compiled = pattern::anchored_dotall(written).map_err(|mistake| {
            decoder.error(pattern.as_ref().map_or(place, |pattern| pattern.span), mistake.to_string());
        });
        let compiled = compiled.ok();
        Some(Written {
            place,
            action: action?,
            source_labels,
            separator,
            pattern,
            compiled: compiled?,
            modulus,
            target,
            replacement,
        })
    }

    /// Checks which fields go with the action, and gives the rule as meant.
    fn resolve(self, decoder: &Decoder) -> Option<RelabelRule> {
        let word = self.action.value;
        let pattern = self.compiled.clone();
        let action = match word {
            Word::Replace => {
                let replacement = self.replacement().into();
                Action::Replace { pattern, target: self.target(decoder)?, replacement }
            }
            Word::Keep => Action::Keep(pattern),
            Word::Drop => Action::Drop(pattern),
            Word::KeepEqual | Word::DropEqual => {
                self.only_labels(decoder)?;
                let target = self.target(decoder)?;
                if word == Word::KeepEqual { Action::KeepEqual(target) } else { Action::DropEqual(target) }
            }
            Word::HashMod => {
                let modulus = self.modulus.as_ref().and_then(|modulus| u64::try_from(modulus.value).ok());
                let Some(modulus) = modulus.filter(|modulus| *modulus > 0) else {
                    let place = self.modulus.as_ref().map_or(self.place, |modulus| modulus.span);
                    decoder.error(place, "action hashmod needs a \"modulus\" of at least 1");
                    return None;
                };
                Action::HashMod { target: self.target(decoder)?, modulus }
            }
            Word::LabelMap => Action::LabelMap { pattern, replacement: self.label_replacement(decoder)? },
            Word::LabelDrop | Word::LabelKeep => {
                self.only_pattern(decoder)?;
                if word == Word::LabelDrop { Action::LabelDrop(pattern) } else { Action::LabelKeep(pattern) }
            }
            Word::Lowercase | Word::Uppercase => {
                self.no_replacement(decoder)?;
                let target = self.target(decoder)?;
                if word == Word::Lowercase { Action::Lowercase(target) } else { Action::Uppercase(target) }
            }
        };
        let sources = self.source_labels.iter().flatten().map(|label| SmolStr::new(&label.value)).collect();
        let separator = self.separator.as_ref().map_or(DEFAULT_SEPARATOR, |separator| &separator.value).into();
        Some(RelabelRule { sources, separator, action })
    }

    fn replacement(&self) -> &str {
        self.replacement.as_ref().map_or(DEFAULT_REPLACEMENT, |replacement| &replacement.value)
    }

    fn target(&self, decoder: &Decoder) -> Option<SmolStr> {
        let target = self.target.as_ref().filter(|target| !target.value.is_empty());
        if target.is_none() {
            let place = self.target.as_ref().map_or(self.place, |target| target.span);
            decoder.error(place, format!("action {} needs a \"target_label\"", self.action.value.name()));
        }
        target.map(|target| SmolStr::new(&target.value))
    }

    fn label_replacement(&self, decoder: &Decoder) -> Option<SmolStr> {
        let replacement = self.replacement();
        if replacement.is_empty() {
            let place = self.replacement.as_ref().map_or(self.place, |replacement| replacement.span);
            decoder.error(place, "action labelmap needs a \"replacement\" that gives a label name");
            return None;
        }
        Some(replacement.into())
    }

    /// keepequal and dropequal compare two labels and nothing else.
    fn only_labels(&self, decoder: &Decoder) -> Option<()> {
        let odd = [
            differs(&self.pattern, DEFAULT_PATTERN).map(|span| ("regex", span)),
            self.modulus.as_ref().filter(|modulus| modulus.value != 0).map(|modulus| ("modulus", modulus.span)),
            differs(&self.separator, DEFAULT_SEPARATOR).map(|span| ("separator", span)),
            differs(&self.replacement, DEFAULT_REPLACEMENT).map(|span| ("replacement", span)),
        ];
        self.refuse(odd, "source_labels and target_label", decoder)
    }

    /// labeldrop and labelkeep look at label names and nothing else.
    fn only_pattern(&self, decoder: &Decoder) -> Option<()> {
        let sources = self.source_labels.as_ref().and_then(|labels| labels.first());
        let odd = [
            sources.map(|label| ("source_labels", label.span)),
            differs(&self.target, "").map(|span| ("target_label", span)),
            self.modulus.as_ref().filter(|modulus| modulus.value != 0).map(|modulus| ("modulus", modulus.span)),
            differs(&self.separator, DEFAULT_SEPARATOR).map(|span| ("separator", span)),
            differs(&self.replacement, DEFAULT_REPLACEMENT).map(|span| ("replacement", span)),
        ];
        self.refuse(odd, "regex", decoder)
    }

    fn no_replacement(&self, decoder: &Decoder) -> Option<()> {
        let odd = [differs(&self.replacement, DEFAULT_REPLACEMENT).map(|span| ("replacement", span))];
        self.refuse(odd, "source_labels, separator, regex and target_label", decoder)
    }

    fn refuse<const N: usize>(&self, odd: [Option<(&str, Span)>; N], used: &str, decoder: &Decoder) -> Option<()> {
        let name = self.action.value.name();
        let mut fine = Some(());
        for (field, span) in odd.into_iter().flatten() {
            decoder
                .error(span, format!("action {name} does not use {field:?}"))
                .hint(format!("it uses {used}; remove this, or choose another action"));
            fine = None;
        }
        fine
    }
}

/// `action`, in lower case; replace if it is left out.
fn decode_action(fields: &mut Fields<'_>, place: Span) -> Option<Spanned<Word>> {
    let field = fields.optional("action");
    let Some(node) = field.node() else { return Some(Spanned::new(Word::Replace, place)) };
    let lower = node.as_text().map(str::to_ascii_lowercase);
    match ACTIONS.iter().find(|(name, _)| lower.as_deref() == Some(name)) {
        Some((_, word)) => Some(Spanned::new(*word, node.span)),
        None => field.one_of(&ACTIONS),
    }
}

/// A text that may be given and empty; no value at all is the empty text too, as Prometheus reads it.
fn text(fields: &mut Fields<'_>, name: &'static str) -> Option<Spanned<String>> {
    let given = fields.key_span(name);
    let field = fields.optional(name);
    if field.node().is_some() { field.string() } else { given.map(|span| Spanned::new(String::new(), span)) }
}

fn differs(field: &Option<Spanned<String>>, default: &str) -> Option<Span> {
    field.as_ref().filter(|field| field.value != default).map(|field| field.span)
}
