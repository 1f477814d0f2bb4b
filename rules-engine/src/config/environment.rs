//! `$VAR` and `${VAR}` in a text, as Go's `os.Expand` reads them; `$$` is a dollar.

/// The text with every variable replaced, and the names of those that are not set and became "".
pub(super) fn expand(text: &str, value_of: &dyn Fn(&str) -> Option<String>) -> (String, Vec<String>) {
    let mut expanded = String::with_capacity(text.len());
    let mut unset = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let (name, tail) = variable(after);
        rest = tail;
        match name {
            Some("$") => expanded.push('$'),
            Some(name) => match value_of(name).filter(|value| !value.is_empty()) {
                Some(value) => expanded.push_str(&value),
                None => unset.push(name.to_owned()),
            },
            // nothing that could be a name: the dollar stands for itself
            None if tail.len() == after.len() => expanded.push('$'),
            // an empty or unclosed pair of braces is dropped
            None => {}
        }
    }
    expanded.push_str(rest);
    (expanded, unset)
}

/// The name behind a dollar, and what follows it.
fn variable(text: &str) -> (Option<&str>, &str) {
    if let Some(inside) = text.strip_prefix('{') {
        return match inside.split_once('}') {
            Some(("", tail)) => (None, tail),
            Some((name, tail)) => (Some(name), tail),
            None => (None, inside),
        };
    }
    let special = text.starts_with(|c: char| "*#$@!?-".contains(c) || c.is_ascii_digit());
    let word = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    match text.split_at_checked(if special { 1 } else { word }) {
        Some((name, tail)) if !name.is_empty() => (Some(name), tail),
        _ => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_as_go_does() {
        let known = |name: &str| match name {
            "A" => Some("x".to_owned()),
            "A_1" => Some("y".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expanded, unset) in [
            ("plain", "plain", vec![]),
            ("$A-${A}-$A_1", "x-x-y", vec![]),
            ("$$A $$", "$A $", vec![]),
            ("a$", "a$", vec![]),
            ("$ é$é", "$ é$é", vec![]),
            ("${A", "A", vec![]),
            ("a${}b", "ab", vec![]),
            ("[$B|$EMPTY]", "[|]", vec!["B", "EMPTY"]),
            ("$1x", "x", vec!["1"]),
        ] {
            let unset: Vec<String> = unset.into_iter().map(str::to_owned).collect();
            assert_eq!(expand(text, &known), (expanded.to_owned(), unset), "{text}");
        }
    }
}
