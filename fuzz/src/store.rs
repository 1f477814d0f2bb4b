//! Files of the store with whatever in them: what is damaged is set aside, what is open keeps what it is given.

use std::path::Path;

use ::store::{Backend, Batch, Sled, StoreError};

/// The files that are ours, not sled's.
const FILES: [&str; 3] = ["journal", "witness", "export"];

/// First which file, then how much of the good one is kept, then what follows it.
pub fn check(data: &[u8]) {
    let [which, kept_high, kept_low, written @ ..] = data else { return };
    let folder = tempfile::Builder::new().prefix("fuzz-store").tempdir_in(memory()).expect("a folder");
    let dir = folder.path();
    let mut before = open(dir).expect("a new store opens");
    for n in 0..3 {
        put(&mut before, &format!("k/{n}"), &[n; 40]).expect("it is kept");
    }
    if which & 0x80 == 0 {
        before.close(1).expect("it closes");
    }
    drop(before);
    let path = dir.join(FILES[usize::from(which % 3)]);
    let mut bytes = std::fs::read(&path).unwrap_or_default();
    bytes.truncate(usize::from(u16::from_be_bytes([*kept_high, *kept_low])));
    bytes.extend_from_slice(written);
    std::fs::write(&path, &bytes).expect("it can be written");
    let mut store = match open(dir) {
        Ok(store) => store,
        Err(StoreError::NewerFormat { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    put(&mut store, "after", b"value").expect("it is kept");
    drop(store);
    let mut again = open(dir).expect("it opens again");
    let found = again.get(&["after".to_owned()]).expect("it can be read");
    assert_eq!(found, [Some(b"value".to_vec())]);
    again.scan("").expect("all can be read");
}

fn open(dir: &Path) -> Result<Sled, StoreError> {
    Sled::open(dir, 1).map(|(store, _)| store)
}

fn put(store: &mut Sled, key: &str, value: &[u8]) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    batch.put(key, value);
    store.commit(&[batch])
}

/// Where nothing waits for a disk.
fn memory() -> std::path::PathBuf {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() }
}
