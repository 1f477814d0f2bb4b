//! "Did you mean": the known word nearest to a mistyped one.

/// The hint for an unknown word: the nearest known one, or else all of them.
pub(crate) fn hint(unknown: &str, known: &[&str], plural: &str) -> Option<String> {
    match nearest(unknown, known) {
        Some(known) => Some(format!("did you mean {known:?}?")),
        None if known.is_empty() => None,
        None => Some(format!("known {plural}: {}", known.join(", "))),
    }
}

/// The known word at the smallest edit distance, if that is at most a third of the word's length.
fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let folded = fold(unknown);
    let candidates = known.iter().map(|word| {
        let distance = if fold(word) == folded { 0 } else { distance(unknown, word) };
        (distance, *word)
    });
    let (distance, word) = candidates.min_by_key(|(distance, _)| *distance)?;
    let length = unknown.chars().count().max(word.chars().count());
    (distance <= (length / 3).max(1) && distance < length).then_some(word)
}

/// `keepFiringFor`, `keep-firing-for` and `keep_firing_for` are one word.
fn fold(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours between two words. Words beyond 64
/// characters are compared by their first 64.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &left) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(last.len());
        row.push(i + 1);
        for (j, &right) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(left != right)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && left == b[j - 1] && a[i - 1] == right {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 7] = ["alert", "expr", "for", "keep_firing_for", "labels", "annotations", "record"];

    #[test]
    fn finds_what_was_meant() {
        let cases = [
            ("annotation", Some("annotations")),
            ("lables", Some("labels")),
            ("exp", Some("expr")),
            ("keepFiringFor", Some("keep_firing_for")),
            ("keep-firing-for", Some("keep_firing_for")),
            ("Alert", Some("alert")),
            ("fro", Some("for")),
            ("x", None),
            ("description", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, &KNOWN), expected, "{word}");
        }
    }

    #[test]
    fn lists_the_known_words_otherwise() {
        assert_eq!(hint("zzz", &["a", "bcd"], "fields").as_deref(), Some("known fields: a, bcd"));
        assert_eq!(hint("zzz", &[], "fields"), None);
    }
}
