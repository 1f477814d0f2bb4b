//! From a byte of a scalar's text back to the file.
//!
//! A mistake inside an expression or a template is found at an offset of the decoded text. Quotes,
//! escapes, indentation and folding make that differ from the offset in the file, so the scalar is
//! decoded once more, noting where each character came from.

use model::source::{SourceFile, Span, Spanned};

/// Where the character at a byte offset of a scalar's text stands in the file; behind the last
/// character, the empty span there.
///
/// The whole scalar if that cannot be told: `scalar` does not hold the text of the scalar at its
/// span, for example because it was trimmed at the front or replaced by a default.
pub fn position_in_scalar<S: AsRef<str>>(file: &SourceFile, scalar: &Spanned<S>, offset: usize) -> Span {
    let (source, text) = (file.slice(scalar.span), scalar.value.as_ref());
    let Some(trace) = trace(source, text) else { return scalar.span };
    let start = scalar.span.start as usize;
    let mut at = 0;
    for step in &trace {
        if at + step.c.len_utf8() > offset {
            return Span::new(start + step.source, start + step.source_end);
        }
        at += step.c.len_utf8();
    }
    Span::at(start + trace.last().map_or(0, |last| last.source_end))
}

/// A character of the decoded text and the bytes of the source that stand for it.
#[derive(Clone, Copy, Debug)]
struct Step {
    c: char,
    source: usize,
    source_end: usize,
}

/// The decoded text, which may lack line breaks at the end; `None` if it is not the expected one.
fn trace(source: &str, expected: &str) -> Option<Vec<Step>> {
    let block = source.starts_with(['|', '>']);
    let steps = match source.chars().next() {
        Some('|' | '>') => block_indentations(source)
            .find_map(|indentation| Some(block_scalar(source, indentation)).filter(|steps| begins(expected, steps)))?,
        Some('\'') => flow_scalar(source.get(1..source.len().max(2) - 1)?, Quotes::Single, 1)?,
        Some('"') => flow_scalar(source.get(1..source.len().max(2) - 1)?, Quotes::Double, 1)?,
        _ => flow_scalar(source, Quotes::None, 0)?,
    };
    let whole = block || steps.iter().map(|step| step.c.len_utf8()).sum::<usize>() == expected.len();
    (whole && begins(expected, &steps)).then_some(steps)
}

fn begins(expected: &str, steps: &[Step]) -> bool {
    let mut expected = expected.chars();
    steps.iter().all(|step| expected.next() == Some(step.c))
}

#[derive(Clone, Copy, PartialEq)]
enum Quotes {
    None,
    Single,
    Double,
}

/// A plain or quoted scalar, without its quotes. Lines fold: a break and the blanks around it become a
/// space, each empty line a line break.
fn flow_scalar(content: &str, quotes: Quotes, base: usize) -> Option<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut kept = 0; // steps before this are not trimmed at the end of a line
    let mut at = 0;
    while let Some(c) = content.get(at..)?.chars().next() {
        let rest = content.get(at..)?;
        let taken = match c {
            '\n' | '\r' => {
                trim_blanks(&mut steps, kept);
                let (taken, breaks) = line_breaks(rest);
                steps.extend(folded(breaks).map(|c| Step { c, source: base + at, source_end: base + at }));
                kept = steps.len();
                taken
            }
            '\\' if quotes == Quotes::Double && rest.get(1..)?.starts_with(['\n', '\r']) => {
                let (taken, breaks) = line_breaks(rest.get(1..)?);
                let line_feeds = std::iter::repeat_n('\n', breaks - 1);
                steps.extend(line_feeds.map(|c| Step { c, source: base + at, source_end: base + at }));
                kept = steps.len();
                1 + taken
            }
            '\\' if quotes == Quotes::Double => {
                let (c, taken) = escape(rest)?;
                steps.push(Step { c, source: base + at, source_end: base + at + taken });
                kept = steps.len();
                taken
            }
            c => {
                let taken = if quotes == Quotes::Single && rest.starts_with("''") { 2 } else { c.len_utf8() };
                steps.push(Step { c, source: base + at, source_end: base + at + taken });
                taken
            }
        };
        at += taken;
    }
    Some(steps)
}

fn trim_blanks(steps: &mut Vec<Step>, kept: usize) {
    while steps.len() > kept && steps.last().is_some_and(|step| matches!(step.c, ' ' | '\t')) {
        steps.pop();
    }
}

/// The bytes up to the next text, and how many line breaks are among them.
fn line_breaks(rest: &str) -> (usize, usize) {
    let text = rest.trim_start_matches([' ', '\t', '\r', '\n']);
    let blank = rest.get(..rest.len() - text.len()).unwrap_or_default();
    (blank.len(), blank.replace("\r\n", "\n").matches(['\n', '\r']).count())
}

/// What is left of so many line breaks: one folds to a space, more to one less.
fn folded(breaks: usize) -> impl Iterator<Item = char> {
    let c = if breaks == 1 { ' ' } else { '\n' };
    std::iter::repeat_n(c, if breaks == 1 { 1 } else { breaks - 1 })
}

/// A backslash escape of a double-quoted scalar and its length.
fn escape(rest: &str) -> Option<(char, usize)> {
    let indicator = rest.get(1..)?.chars().next()?;
    let hexadecimal = |digits: usize| -> Option<(char, usize)> {
        let code = u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok()?;
        Some((char::from_u32(code)?, 2 + digits))
    };
    let c = match indicator {
        'x' => return hexadecimal(2),
        'u' => return hexadecimal(4),
        'U' => return hexadecimal(8),
        '0' => '\0',
        'a' => '\u{7}',
        'b' => '\u{8}',
        't' | '\t' => '\t',
        'n' => '\n',
        'v' => '\u{b}',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        ' ' | '"' | '/' | '\\' => indicator,
        _ => return None,
    };
    Some((c, 1 + indicator.len_utf8()))
}

/// How far a block scalar may be indented: as its first line, or less if the header says a number.
fn block_indentations(source: &str) -> impl Iterator<Item = usize> {
    let (header, body) = source.split_once('\n').unwrap_or_default();
    let first = body.lines().find(|line| !line.trim_matches(' ').is_empty()).unwrap_or_default();
    let deepest = first.len() - first.trim_start_matches(' ').len();
    let explicit = header.split('#').next().is_some_and(|header| header.contains(|c: char| c.is_ascii_digit()));
    (if explicit { 0 } else { deepest }..=deepest).rev()
}

/// A block scalar from its header on.
fn block_scalar(source: &str, indentation: usize) -> Vec<Step> {
    let folds = source.starts_with('>');
    let mut steps: Vec<Step> = Vec::new();
    let mut at = source.find('\n').map_or(source.len(), |newline| newline + 1);
    let mut breaks: Vec<Step> = Vec::new();
    let mut more_indented_before = true; // breaks before the first line are kept
    for line in source.get(at..).unwrap_or_default().split_inclusive('\n') {
        let text = line.trim_end_matches(['\n', '\r']);
        let indent = text.bytes().take(indentation).take_while(|byte| *byte == b' ').count();
        let text = text.get(indent..).unwrap_or_default();
        let more_indented = text.starts_with([' ', '\t']);
        if !text.is_empty() {
            let fold = folds && !more_indented && !more_indented_before;
            match (fold, breaks.len()) {
                (true, 1) => steps.extend(breaks.drain(..).map(|line_break| Step { c: ' ', ..line_break })),
                (true, _) => steps.extend(breaks.drain(..).skip(1)),
                (false, _) => steps.append(&mut breaks),
            }
            let start = at + indent;
            steps.extend(text.char_indices().map(|(offset, c)| Step {
                c,
                source: start + offset,
                source_end: start + offset + c.len_utf8(),
            }));
            more_indented_before = more_indented;
        }
        at += line.len();
        breaks.push(Step { c: '\n', source: at - usize::from(line.ends_with('\n')), source_end: at });
    }
    steps
}
