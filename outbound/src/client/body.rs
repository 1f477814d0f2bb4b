//! An answer's body as it comes in, up to a bound.

use bytes::Bytes;

/// What has come so far. A body that comes in one piece is not copied.
pub(super) struct Gathered {
    first: Bytes,
    all: Vec<u8>,
    room: usize,
    truncated: bool,
}

impl Gathered {
    /// Nothing yet; of what comes so many bytes are kept.
    pub(super) fn new(bytes_max: usize) -> Gathered {
        Gathered { first: Bytes::new(), all: Vec::new(), room: bytes_max, truncated: false }
    }

    /// Takes a piece; whether it was too much.
    pub(super) fn is_full_with(&mut self, mut piece: Bytes) -> bool {
        self.truncated = piece.len() > self.room;
        piece.truncate(self.room);
        self.room -= piece.len();
        if self.first.is_empty() && self.all.is_empty() {
            self.first = piece;
        } else {
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
            self.all.extend_from_slice(&piece);
        }
        self.truncated
    }

    /// The body, and whether it was longer.
    pub(super) fn finish(self) -> (Bytes, bool) {
        let body = if self.all.is_empty() { self.first } else { self.all.into() };
        (body, self.truncated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(pieces: &[&'static str], bytes_max: usize) -> (Bytes, bool) {
        let mut gathered = Gathered::new(bytes_max);
        let _full = pieces.iter().any(|piece| gathered.is_full_with(Bytes::from_static(piece.as_bytes())));
        gathered.finish()
    }

    #[test]
    fn pieces_are_put_together_up_to_the_bound() {
        for (pieces, bytes_max, body, truncated) in [
            (&[][..], 3, "", false),
            (&["abc"], 3, "abc", false),
            (&["abc", ""], 3, "abc", false),
            (&["", "a", "b", "cd"], 9, "abcd", false),
            (&["abcd"], 3, "abc", true),
            (&["ab", "cd", "e"], 3, "abc", true),
            (&["a"], 0, "", true),
        ] {
            assert_eq!(gathered(pieces, bytes_max), (Bytes::from(body), truncated), "{pieces:?}");
        }
    }
}
