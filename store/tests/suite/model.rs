//! Random batches against a plain map, with reopening in between.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use store::{Backend, Batch, Memory, Sled};

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<(u8, Option<(u8, usize)>)>),
    Reopen,
    Export,
    Close,
}

/// Sizes around every border of how values are cut up, and everyday ones.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..500_usize, 1 => 4_070..4_100_usize, 1 => 8_160..8_180_usize, 1 => 0..30_000_usize]
}

fn step() -> impl Strategy<Value = Step> {
    let change = (0..40_u8, prop::option::weighted(0.8, (any::<u8>(), size())));
    prop_oneof![
        12 => vec(change, 0..12).prop_map(Step::Commit),
        1 => Just(Step::Reopen),
        1 => Just(Step::Export),
        1 => Just(Step::Close),
    ]
}

/// Keys that are prefixes of each other, hold NUL and other characters a layout might trip over.
fn key(n: u8) -> String {
    match n % 8 {
        0 => "rules/".to_owned() + &"a".repeat(n as usize + 1),
        1 => format!("rules/\0{n}"),
        2 => format!("notifier/ä{n}"),
        3 => "k".repeat(1 + n as usize * 25),
        4 => format!("rules/a\0\0\0\0{}", n % 3),
        _ => format!("notifier/{n}"),
    }
}

fn batch(changes: &[(u8, Option<(u8, usize)>)], model: &mut BTreeMap<String, Vec<u8>>) -> Batch {
    let mut batch = Batch::new();
    for (n, value) in changes {
        let key = key(*n);
        match value {
            Some((byte, size)) => {
                model.insert(key.clone(), vec![*byte; *size]);
                batch.put(key, vec![*byte; *size]);
            }
            None => {
                model.remove(&key);
                batch.delete(key);
            }
        }
    }
    batch
}

fn agrees(backend: &mut dyn Backend, model: &BTreeMap<String, Vec<u8>>) {
    for prefix in ["", "rules/", "rules/a", "notifier/", "k", "none"] {
        let expected = model.iter().filter(|(key, _)| key.starts_with(prefix));
        let expected: Vec<(String, Vec<u8>)> = expected.map(|(key, value)| (key.clone(), value.clone())).collect();
        assert!(backend.scan(prefix).unwrap() == expected, "records under {prefix:?} differ");
    }
    assert_eq!(backend.usage().records, model.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn both_backends_hold_what_a_map_would(steps in vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let mut sled = Sled::open(dir.path(), 0).unwrap().0;
        let mut memory = Memory::new();
        let mut model = BTreeMap::new();
        for step in steps {
            match step {
                Step::Commit(changes) => {
                    let batch = batch(&changes, &mut model);
                    sled.commit(std::slice::from_ref(&batch)).unwrap();
                    memory.commit(&[batch]).unwrap();
                }
                Step::Export => sled.export(1).unwrap(),
                Step::Close | Step::Reopen => {
                    if matches!(step, Step::Close) {
                        sled.close(2).unwrap();
                    }
                    drop(sled);
                    let (reopened, recovery) = Sled::open(dir.path(), 3).unwrap();
                    prop_assert_eq!(recovery, None);
                    sled = reopened;
                }
            }
            agrees(&mut sled, &model);
            agrees(&mut memory, &model);
        }
    }
}
