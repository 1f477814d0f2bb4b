//! Trees as text, laid out as Go's YAML library does, so that answers compare line by line with those of Go programs.
//!
//! What was written comes back as the same tree, [`Scalar::plain`] included: a text that would read as a number, a truth
//! value or nothing is put in quotes.

use crate::node::{Kind, Node, Scalar};

/// Columns that blocks are aligned to.
const INDENT: usize = 4;

/// Words that mean nothing, or a truth value, if they stand without quotes.
const WORDS: [&str; 11] = ["~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "<<"];

/// What a plain scalar may not begin with.
const INDICATORS: &str = "-?:,[]{}#&*!|>'\"%@`=";

/// A tree as block YAML, ended by a line break.
pub fn emit(node: &Node) -> String {
    let mut out = String::new();
    match &node.kind {
        Kind::Mapping(entries) if !entries.is_empty() => mapping(entries, 0, &mut out),
        Kind::Sequence(items) if !items.is_empty() => sequence(items, 0, &mut out),
        _ => {
            leaf(node, 0, &mut out);
            out.push('\n');
        }
    }
    out
}

/// The column of what lies within a block at `indent`.
fn inner(indent: usize) -> usize {
    (indent + INDENT) / INDENT * INDENT
}

/// Pairs, one a line; the cursor stands where the first begins.
fn mapping(entries: &[(crate::Key, Node)], indent: usize, out: &mut String) {
    for (number, (key, value)) in entries.iter().enumerate() {
        if number > 0 {
            pad(indent, out);
        }
        out.push_str(&inline(&key.text, false));
        out.push(':');
        match &value.kind {
            Kind::Mapping(entries) if !entries.is_empty() => {
                out.push('\n');
                pad(inner(indent), out);
                mapping(entries, inner(indent), out);
            }
            Kind::Sequence(items) if !items.is_empty() => {
                out.push('\n');
                pad(inner(indent), out);
                sequence(items, inner(indent), out);
            }
            _ => {
                out.push(' ');
                leaf(value, inner(indent), out);
                out.push('\n');
            }
        }
    }
}

/// Items, each behind a dash; the cursor stands where the first dash comes.
fn sequence(items: &[Node], indent: usize, out: &mut String) {
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            pad(indent, out);
        }
        out.push_str("- ");
        match &item.kind {
            Kind::Mapping(entries) if !entries.is_empty() => mapping(entries, indent + 2, out),
            Kind::Sequence(items) if !items.is_empty() => sequence(items, indent + 2, out),
            _ => {
                leaf(item, inner(indent), out);
                out.push('\n');
            }
        }
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// What fits behind a key or a dash. The lines of a text of several lines begin at column `indent`.
fn leaf(node: &Node, indent: usize, out: &mut String) {
    match &node.kind {
        Kind::Null => out.push_str("null"),
        Kind::Sequence(_) => out.push_str("[]"),
        Kind::Mapping(_) => out.push_str("{}"),
        Kind::Scalar(Scalar { text, plain }) => match fits_block(text) {
            true => block(text, indent, out),
            false => out.push_str(&inline(text, *plain)),
        },
    }
}

/// Whether a text can stand in a literal block: several lines, nothing in them that needs an escape or that a block loses.
fn fits_block(text: &str) -> bool {
    let is_shown = |c: char| c == '\n' || !needs_escape(c);
    text.trim_end_matches('\n').contains('\n') && !text.starts_with([' ', '\n']) && text.chars().all(is_shown)
}

fn block(text: &str, indent: usize, out: &mut String) {
    let body = text.trim_end_matches('\n');
    out.push_str(match text.len() - body.len() {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(indent, out);
            out.push_str(line);
        }
    }
}

/// A scalar on one line. `may_resolve`: it was written without quotes and is to be read so again.
fn inline(text: &str, may_resolve: bool) -> String {
    if text.chars().any(needs_escape) || text.is_empty() {
        return double_quoted(text);
    }
    if !may_resolve && resolves(text) {
        return double_quoted(text);
    }
    if stands_plain(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Whether readers might take a plain text for a number, a truth value or nothing.
fn resolves(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) || WORDS.contains(&&*text.to_ascii_lowercase())
}

fn stands_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next().unwrap_or(' ');
    // A dash before a digit is a number's sign.
    let begins = !INDICATORS.contains(first) || (first == '-' && chars.next().is_some_and(|c| c.is_ascii_digit()));
    begins
        && !text.starts_with("...")
        && text.trim() == text
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':')
}

fn double_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if needs_escape(c) && (c as u32) < 0x100 => quoted.push_str(&format!("\\x{:02X}", c as u32)),
            c if needs_escape(c) => quoted.push_str(&format!("\\u{:04X}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use model::source::SourceFile;
    use proptest::prelude::*;

    use super::*;
    use crate::parse_first;

    fn parsed(text: &str) -> Node {
        parse_first(&SourceFile::new("t.yml", text)).map(|(node, _)| node).unwrap_or_else(|d| panic!("{text}\n{d}"))
    }

    /// The tree without places.
    fn shape(node: &Node) -> String {
        match &node.kind {
            Kind::Null => "null".to_owned(),
            Kind::Scalar(scalar) => format!("{:?}", scalar.text),
            Kind::Sequence(items) => format!("[{}]", items.iter().map(shape).collect::<Vec<_>>().join(",")),
            Kind::Mapping(entries) => {
                let pairs: Vec<_> =
                    entries.iter().map(|(key, value)| format!("{:?}:{}", key.text, shape(value))).collect();
                format!("{{{}}}", pairs.join(","))
            }
        }
    }

    /// As `yaml.Marshal` of gopkg.in/yaml.v3 lays it out.
    #[test]
    fn groups_look_as_go_writes_them() {
        let text = "{ns: [{name: g, interval: 1m, limit: 5, rules: [{alert: A, expr: \"up == 0\", for: 5m, \
                    labels: {severity: page, n: \"1\", yes: 'yes'}, annotations: {summary: \"{{ $value }}: x\", \
                    text: \"one\\ntwo\\n\"}}, {record: 'a:b', expr: \"sum(\\n  x\\n)\"}]}], none: [], empty: {}, nil: }";
        let expected = "\
ns:
    - name: g
      interval: 1m
      limit: 5
      rules:
        - alert: A
          expr: up == 0
          for: 5m
          labels:
            severity: page
            \"n\": \"1\"
            \"yes\": \"yes\"
          annotations:
            summary: '{{ $value }}: x'
            text: |
                one
                two
        - record: a:b
          expr: |-
            sum(
              x
            )
none: []
empty: {}
nil: null
";
        let emitted = emit(&parsed(text));
        assert_eq!(emitted, expected);
        assert_eq!(shape(&parsed(&emitted)), shape(&parsed(text)));
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back(texts in prop::collection::vec("[ -~\n\té\u{85}\u{2028}]{0,24}", 1..6)) {
            let scalar = |text: &String| Node {
                span: crate::Span::default(),
                kind: Kind::Scalar(Scalar { text: text.as_str().into(), plain: false }),
            };
            let list = Node { span: crate::Span::default(), kind: Kind::Sequence(texts.iter().map(scalar).collect()) };
            let key = crate::Key { span: crate::Span::default(), text: texts[0].as_str().into() };
            let tree = Node { span: crate::Span::default(), kind: Kind::Mapping([(key, list)].into()) };
            let text = emit(&tree);
            prop_assert_eq!(shape(&parsed(&text)), shape(&tree), "{}", text);
        }
    }
}
