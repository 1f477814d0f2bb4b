//! Texts in the order people give them: numbers within by their value.

use std::cmp::Ordering;

/// `4m5` before `4m600` before `4m1000`.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while !left.is_empty() && !right.is_empty() {
        let (part, rest) = split(left);
        let (other, other_rest) = split(right);
        let order = match (number(part), number(other)) {
            (Some(part), Some(other)) => part.len().cmp(&other.len()).then_with(|| part.cmp(other)),
            _ => part.cmp(other),
        };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (rest, other_rest);
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits, or what is not digits, that a text begins with, and the rest.
fn split(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

/// A number without leading zeros.
fn number(part: &str) -> Option<&str> {
    part.starts_with(|c: char| c.is_ascii_digit()).then(|| part.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        for pair in [["2", "10"], ["4m5", "4m1000"], ["1.2.3", "1.11.3"], ["a", "b"], ["a", "a1"], ["a07", "a8"]] {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("a1", "a1"), Ordering::Equal);
    }
}
