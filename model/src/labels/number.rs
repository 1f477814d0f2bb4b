//! Numbers inside texts: six bits to a byte, least first; all bytes but the last have bit 6 set. So numbers are ASCII.

const BITS: u32 = 6;
const MORE: u8 = 1 << BITS;
/// Numbers below this take one byte.
pub(crate) const SHORT: usize = MORE as usize;

/// Adds a number to a text.
pub(crate) fn put(text: &mut String, mut number: usize) {
    const LOW: usize = SHORT - 1;
    while number > LOW {
        text.push(char::from((number & LOW) as u8 | MORE));
        number >>= BITS;
    }
    text.push(char::from(number as u8));
}

/// A number below [`SHORT`], written into `room`.
pub(crate) fn short(number: usize, room: &mut [u8; 4]) -> &str {
    char::from(number as u8).encode_utf8(room)
}

/// Cuts the number off that the text begins with; 0 at its end.
#[inline]
pub(crate) fn take(text: &mut &str) -> usize {
    let (number, rest) = split(text.as_bytes());
    *text = text.get(text.len() - rest.len()..).unwrap_or_default();
    number
}

/// The number that the bytes begin with, and what follows; 0 at their end.
#[inline]
pub(crate) fn split(bytes: &[u8]) -> (usize, &[u8]) {
    match bytes {
        [] => (0, bytes),
        [first, rest @ ..] if *first < MORE => (usize::from(*first), rest),
        _ => split_long(bytes),
    }
}

fn split_long(bytes: &[u8]) -> (usize, &[u8]) {
    let after = bytes.iter().position(|byte| *byte < MORE).map_or(bytes.len(), |last| last + 1);
    let (digits, rest) = bytes.split_at(after);
    let digit = |byte: &u8| usize::from(byte & (MORE - 1));
    (digits.iter().rev().fold(0, |number, byte| number << BITS | digit(byte)), rest)
}
