//! A text under two names, such as a group's, as records of the store: cut into pieces, as the store is made for small records.

use std::collections::BTreeMap;

use model::source::shortened;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::group::GroupKey;

/// What one record holds of a text. As JSON, which doubles it at worst, and with both names it stays below 4 KiB.
const PIECE_BYTES: usize = 1_400;

/// A record: what to keep under a key, or, without a value, that there is to be nothing.
pub type Record = (String, Option<Vec<u8>>);

/// A piece of a group's text.
#[derive(Debug, Serialize, Deserialize)]
enum Stored {
    /// Since 0.1.
    V1(Piece),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Piece {
    /// The beginning, and whose it is.
    First { namespace: String, group: String, pieces: usize, text: String },
    /// What follows.
    Next { text: String },
}

/// The records that put `new` in place of `old`.
pub fn replace(key: &GroupKey, old: Option<&str>, new: Option<&str>) -> Vec<Record> {
    let before = old.map_or(0, |text| pieces(text).len());
    let written = new.map(|text| pieces(text)).unwrap_or_default();
    let stem = stem(key);
    let kept = written.iter().enumerate().map(|(number, text)| {
        let text = (*text).to_owned();
        let piece = match number {
            0 => Piece::First {
                namespace: key.file.to_string(),
                group: key.name.to_string(),
                pieces: written.len(),
                text,
            },
            _ => Piece::Next { text },
        };
        let value = serde_json::to_vec(&Stored::V1(piece)).expect("records hold only strings and integers");
        (record_key(&stem, number), Some(value))
    });
    let forgotten = (written.len()..before).map(|number| (record_key(&stem, number), None));
    kept.chain(forgotten).collect()
}

/// The texts of all groups whose pieces are all there, and complaints about the others.
pub fn join(records: impl IntoIterator<Item = (String, Vec<u8>)>) -> (BTreeMap<GroupKey, String>, Vec<String>) {
    let mut stored: BTreeMap<String, Vec<u8>> = records.into_iter().collect();
    let firsts: Vec<String> = stored.keys().filter(|key| key.ends_with("/0000")).cloned().collect();
    let (mut texts, mut complaints) = (BTreeMap::new(), Vec::new());
    for first in firsts {
        match join_one(&first, &mut stored) {
            Ok((key, text)) => {
                texts.insert(key, text);
            }
            Err(why) => {
                complaints.push(format!("the stored rule group {first:?} cannot be read and is left alone: {why}"))
            }
        }
    }
    (texts, complaints)
}

fn join_one(first: &str, stored: &mut BTreeMap<String, Vec<u8>>) -> Result<(GroupKey, String), String> {
    let mut take = |key: &str| {
        let value = stored.remove(key).ok_or_else(|| format!("{key:?} is missing"))?;
        let Stored::V1(piece) =
            serde_json::from_slice(&value).map_err(|error| shortened(&error.to_string()).into_owned())?;
        Ok::<_, String>(piece)
    };
    let Piece::First { namespace, group, pieces, mut text } = take(first)? else {
        return Err("it does not begin with its first piece".to_owned());
    };
    let stem = first.trim_end_matches("/0000");
    for number in 1..pieces {
        match take(&record_key(stem, number))? {
            Piece::Next { text: more } => text.push_str(&more),
            Piece::First { .. } => return Err("two beginnings".to_owned()),
        }
    }
    Ok((GroupKey::new(&namespace, &group), text))
}

/// The text in pieces that end where characters do; an empty text is one.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.floor_char_boundary(PIECE_BYTES);
        let (piece, more) = rest.split_at(end);
        pieces.push(piece);
        if more.is_empty() {
            return pieces;
        }
        rest = more;
    }
}

/// What the keys of a group's records begin with: names may be longer than keys, and may contain anything.
fn stem(key: &GroupKey) -> String {
    let mut digest = Sha256::new();
    digest.update(key.file.as_bytes());
    digest.update([0xFF]);
    digest.update(key.name.as_bytes());
    let digest = hex::encode(digest.finalize());
    digest.get(..32).unwrap_or(&digest).to_owned()
}

fn record_key(stem: &str, number: usize) -> String {
    format!("{stem}/{number:04}")
}
