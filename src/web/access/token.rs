//! Bearer tokens: only their hashes are kept.

use model::Timestamp;
use sha2::{Digest, Sha256};

use super::Grant;

/// A shorter token can be guessed.
pub const BYTES_MIN: usize = 16;

/// Whoever holds it may do what it grants.
#[derive(Clone, Debug)]
pub struct Token {
    /// What those who use it are called.
    pub name: String,
    /// What they may do.
    pub grant: Grant,
    /// From then on it is worth nothing.
    pub expires: Option<Timestamp>,
}

/// What is kept of a token. Tokens are random and long, so that nothing slower is needed.
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Reads a hash as `sha256sum` prints it.
pub fn read_hash(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut hash = [0; 32];
    let pairs = text.as_bytes().chunks_exact(2);
    if text.len() != 2 * hash.len() {
        return None;
    }
    for (place, pair) in hash.iter_mut().zip(pairs) {
        *place = match pair {
            [high, low] => digit(*high)? << 4 | digit(*low)?,
            _ => return None,
        };
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_written_in_hexadecimal() {
        let text = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(read_hash(text), Some(hash("hello")));
        assert_eq!(read_hash(&text.to_uppercase()), Some(hash("hello")));
        for bad in ["", "2cf2", &text[1..], &text.replace('2', "x"), &format!("{text}00"), &"é".repeat(32)] {
            assert_eq!(read_hash(bad), None, "{bad}");
        }
    }
}
