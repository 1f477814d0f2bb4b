//! What a template uses of the series it is about, read from the words of its actions.
//!
//! Only what is certain is told: inside `with`, `range` and `define` the dot is something else, and a template that
//! gives `$labels` another meaning is not judged at all.

use std::collections::BTreeSet;

/// What a template uses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TemplateUse {
    /// Labels of the series, in the order of the text.
    pub(super) labels: Vec<LabelUse>,
    /// Labels that the template asks for in a condition: where there is none, it does something else.
    pub(super) guarded: BTreeSet<String>,
    /// Places that print what changes with each evaluation.
    pub(super) changing: Vec<ChangingUse>,
}

/// A label and the bytes that name it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LabelUse {
    pub(super) name: String,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Bytes that print the value or the time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChangingUse {
    pub(super) is_time: bool,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Functions whose result stays the same while the value moves a little.
const DECIDING: [&str; 10] = ["eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "match"];

/// A word of an action: an operand, a keyword, a text or a sign.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Word<'t> {
    text: &'t str,
    start: usize,
}

/// What the dot is in a block.
#[derive(Clone, Copy, PartialEq)]
enum Block {
    /// As outside.
    Same,
    /// Something else.
    OtherDot,
    /// A template of its own, with neither the dot nor the variables of this one.
    Definition,
}

pub(super) fn scan(template: &str) -> TemplateUse {
    let mut used = TemplateUse::default();
    let mut blocks = Vec::new();
    for action in actions(template) {
        if action
            .iter()
            .zip(action.iter().skip(1))
            .any(|(a, b)| a.text == "$labels" && matches!(b.text, "=" | ":" | ","))
        {
            return TemplateUse::default();
        }
        let keyword = action.first().map(|word| word.text).unwrap_or_default();
        note(&action, keyword, &blocks, &mut used);
        match keyword {
            "if" => blocks.push(Block::Same),
            "with" | "range" => blocks.push(Block::OtherDot),
            "define" | "block" => blocks.push(Block::Definition),
            "else" if action.get(1).is_some_and(|word| word.text == "with") => {
                if let Some(last) = blocks.last_mut() {
                    *last = Block::OtherDot;
                }
            }
            "end" => drop(blocks.pop()),
            _ => {}
        }
    }
    used
}

/// Adds what one action uses.
fn note(action: &[Word<'_>], keyword: &str, blocks: &[Block], used: &mut TemplateUse) {
    if blocks.contains(&Block::Definition) || matches!(keyword, "define" | "block") {
        return;
    }
    let has_dot = blocks.iter().all(|block| *block == Block::Same);
    let is_condition = matches!(keyword, "if" | "with" | "else");
    for (at, word) in action.iter().enumerate() {
        if let Some(label) = label_at(action, at, word, has_dot) {
            if is_condition {
                used.guarded.insert(label.name.clone());
            }
            used.labels.push(label);
        }
    }
    let is_printed = !matches!(keyword, "if" | "with" | "else" | "range" | "template" | "end");
    let assigns = action.iter().any(|word| word.text == "=");
    let decides = action.iter().any(|word| DECIDING.contains(&word.text));
    if is_printed && !assigns && !decides {
        used.changing.extend(action.iter().filter_map(|word| changing(word, has_dot)));
    }
}

fn changing(word: &Word<'_>, has_dot: bool) -> Option<ChangingUse> {
    let is_time = word.text == "now";
    let is_value = matches!(word.text, "$value" | "$.Value") || has_dot && word.text == ".Value";
    (is_time || is_value).then(|| ChangingUse { is_time, start: word.start, end: word.start + word.text.len() })
}

/// `$labels.x`, `.Labels.x`, `$.Labels.x`, or `index $labels "x"`.
fn label_at(action: &[Word<'_>], at: usize, word: &Word<'_>, has_dot: bool) -> Option<LabelUse> {
    let holders: &[&str] = if has_dot { &["$labels", "$.Labels", ".Labels"] } else { &["$labels", "$.Labels"] };
    if holders.contains(&word.text) {
        let before = at.checked_sub(1).and_then(|before| action.get(before))?;
        let next = action.get(at + 1).filter(|_| before.text == "index")?;
        let name = next.text.strip_prefix('"')?.strip_suffix('"').filter(|name| !name.contains('\\'))?;
        return Some(LabelUse { name: name.to_owned(), start: next.start, end: next.start + next.text.len() });
    }
    let rest = holders.iter().find_map(|holder| word.text.strip_prefix(holder)?.strip_prefix('.'))?;
    let name = rest.split('.').next().filter(|name| !name.is_empty())?;
    let after_chain = at.checked_sub(1).and_then(|before| action.get(before));
    if after_chain.is_some_and(|before| before.text == ")" && before.start + 1 == word.start) {
        return None;
    }
    let start = word.start + word.text.len() - rest.len();
    Some(LabelUse { name: name.to_owned(), start, end: start + name.len() })
}

/// The words of each action; comments have none.
fn actions(template: &str) -> Vec<Vec<Word<'_>>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = template.get(at..).and_then(|rest| rest.find("{{")) {
        let start = at + open + 2;
        let (words, end) = words(template, start);
        found.push(words);
        at = end;
    }
    found
}

/// The words from `start` to the end of the action, and where that is.
fn words(template: &str, start: usize) -> (Vec<Word<'_>>, usize) {
    let mut words = Vec::new();
    let mut at = start;
    while let Some(rest) = template.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("}}") {
            return (words, at + 2);
        }
        let length = if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            let length = word_length(rest);
            let text = rest.get(..length).unwrap_or(rest);
            let trims = text == "-" && (words.is_empty() || rest.starts_with("-}}"));
            if !text.trim().is_empty() && !trims {
                words.push(Word { text, start: at });
            }
            length
        };
        at += length.max(1);
    }
    (words, template.len())
}

/// Bytes of the word at the beginning.
fn word_length(rest: &str) -> usize {
    let mut chars = rest.char_indices();
    let Some((_, first)) = chars.next() else { return 0 };
    match first {
        '"' | '`' | '\'' => {
            let mut escaped = false;
            let close = chars.find(|(_, c)| {
                let closes = *c == first && !escaped;
                escaped = *c == '\\' && first != '`' && !escaped;
                closes
            });
            close.map_or(rest.len(), |(at, c)| at + c.len_utf8())
        }
        first if is_operand(first) => rest.find(|c| !is_operand(c)).unwrap_or(rest.len()),
        first => first.len_utf8(),
    }
}

fn is_operand(c: char) -> bool {
    c == '$' || c == '.' || c == '_' || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(template: &str) -> String {
        let used = scan(template);
        for label in &used.labels {
            assert!(template[label.start..label.end].contains(&label.name), "{template}");
        }
        let shown =
            |label: &LabelUse| format!("{}{}", label.name, if used.guarded.contains(&label.name) { "?" } else { "" });
        used.labels.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn labels_that_a_template_uses() {
        for (template, expected) in [
            ("plain $labels.a", ""),
            ("{{ $labels.a }} and {{$labels.b}}", "a b"),
            ("{{- $labels.a -}}", "a"),
            ("{{ .Labels.a }} {{ $.Labels.b }}", "a b"),
            ("{{ $labels.a | toUpper }} {{ printf \"%s\" $labels.b }}", "a b"),
            ("{{ (printf \"%s\" $labels.a) }}", "a"),
            ("{{ index $labels \"a.b\" }}", "a.b"),
            ("{{ with $labels.a }}{{ . }}{{ end }}", "a?"),
            ("{{ if $labels.a }}{{ $labels.a }}{{ else if $labels.b }}{{ $labels.c }}{{ end }}", "a? a? b? c"),
            ("{{ if eq $labels.a \"x\" }}{{ .Labels.b }}{{ end }}", "a? b"),
            ("{{ range query \"up\" }}{{ .Labels.a }}{{ $labels.b }}{{ end }}{{ .Labels.c }}", "b c"),
            ("{{ with query \"up{a='x'}\" }}{{ . | first | label \"a\" }}{{ end }}", ""),
            ("{{ with query \"up\" }}{{ else with $labels.a }}{{ .Labels.b }}{{ end }}", "a?"),
            ("{{ define \"x\" }}{{ $.Labels.a }}{{ .Labels.b }}{{ end }}{{ .Labels.c }}", "c"),
            ("{{ $labels := query \"up\" }}{{ $labels.a }}", ""),
            ("{{ range $k, $labels := x }}{{ $labels.a }}{{ end }}", ""),
            ("{{ \"$labels.a\" }}{{ `}}$labels.b` }}{{/* $labels.c */}}{{ $labels.d }}", "d"),
            ("{{ \"\\\"\" }}{{ $labels.a }}", "a"),
            ("{{ $labels }}", ""),
            ("{{ $labelsx.a }} {{ $x.Labels.b }}", ""),
            ("{{ $labels.a.b }}", "a"),
            ("{{ unclosed $labels.a", "a"),
        ] {
            assert_eq!(labels(template), expected, "{template}");
        }
    }

    #[test]
    fn values_that_a_template_prints() {
        for (template, expected) in [
            ("{{ $value }}", "value"),
            ("{{ $value | humanize }} {{ printf \"%.0f\" $value }}", "value value"),
            ("{{ .Value }} {{ $.Value }}", "value value"),
            ("{{ if gt $value 90.0 }}critical{{ else }}warning{{ end }}", ""),
            ("{{ if true }}{{ $value }}{{ end }}", "value"),
            ("{{ gt $value 90.0 }}", ""),
            ("{{ $x := $value }}", ""),
            ("{{ with query \"x\" }}{{ . | first | value }}{{ .Value }}{{ end }}", ""),
            ("{{ now | humanizeTimestamp }}", "time"),
            ("{{ $labels.value }} $value", ""),
        ] {
            let used = scan(template);
            let shown: Vec<&str> = used.changing.iter().map(|it| if it.is_time { "time" } else { "value" }).collect();
            assert_eq!(shown.join(" "), expected, "{template}");
        }
    }
}
