use proptest::prelude::*;

use super::*;

const GROUP: &str = "name: g\ninterval: 30s\nrules:\n- alert: Down\n  expr: up == 0 # why\n  for: 5m\n";

fn from_file() -> Vec<RuleGroup> {
    let text = "groups: [{name: f, limit: 3, rules: [{record: 'a:b', expr: 'sum(up)', labels: {n: '1'}}, \
                {alert: A, expr: up, for: 90s, annotations: {s: '{{ $value }}'}}]}]";
    let (groups, _) = rule_file::read(&SourceFile::new("rules.yml", text), &Defaults::default()).unwrap();
    groups
}

fn set(namespaces: &mut Namespaces, namespace: &str, text: &str) -> Edit {
    let edit = namespaces.set(namespace, text, &Defaults::default(), &from_file()).unwrap();
    let again = namespaces.set(namespace, text, &Defaults::default(), &from_file()).unwrap();
    namespaces.apply(edit);
    again
}

/// The store after an edit.
fn stored(mut before: BTreeMap<String, Vec<u8>>, records: Vec<Record>) -> BTreeMap<String, Vec<u8>> {
    for (key, value) in records {
        match value {
            Some(value) => before.insert(key, value),
            None => before.remove(&key),
        };
    }
    before
}

#[test]
fn what_is_set_is_shown_evaluated_and_removed() {
    let mut namespaces = Namespaces::default();
    assert_eq!(namespaces.list(None, &[]), None);
    set(&mut namespaces, "team/a", GROUP);
    let shown = "name: g\ninterval: 30s\nrules:\n    - alert: Down\n      expr: up == 0\n      for: 5m\n";
    assert_eq!(namespaces.show("team/a", "g", &[]).as_deref(), Some(shown));
    let listed = namespaces.list(None, &from_file()).unwrap();
    assert_eq!(
        listed,
        "rules.yml:\n    - name: f\n      interval: 1m\n      limit: 3\n      rules:\n        - record: a:b\n          \
         expr: sum(up)\n          labels:\n            \"n\": \"1\"\n        - alert: A\n          expr: up\n          \
         for: 1m30s\n          annotations:\n            s: '{{ $value }}'\n\
         team/a:\n    - name: g\n      interval: 30s\n      rules:\n        - alert: Down\n          expr: up == 0\n          for: 5m\n"
    );
    assert_eq!(namespaces.list(Some("none"), &from_file()), None);
    let once: Vec<_> = namespaces.groups().cloned().collect();
    assert_eq!((once[0].file.as_str(), once[0].name.as_str(), once[0].rules.len()), ("team/a", "g", 1));
    assert!(namespaces.resolve(&Defaults::default()).is_empty());
    assert!(namespaces.groups().eq(&once));
    let edit = namespaces.remove("team/a", "g", &[]).unwrap();
    namespaces.apply(edit);
    assert!(namespaces.is_empty());
}

#[test]
fn mistakes_are_told_with_their_place() {
    let namespaces = Namespaces::default();
    let refused = |namespace: &str, text: &str| {
        namespaces.set(namespace, text, &Defaults::default(), &from_file()).map(drop).unwrap_err().to_string()
    };
    for (text, expected) in [
        ("name: g\nrules:\n- alert: A\n  expr: up ==\n", "rule group:4:"),
        ("name: g\nrules: [{alert: A, expr: up, fro: 5m}]\n", "rule group:2:30"),
        ("rules: []\n", "name"),
        ("", "expected a rule group"),
        ("- a\n", "rule group:1:1"),
        ("groups: []\n", "unknown field \"groups\""),
        ("name: g\nheaders: ['a: b']\nrules: []\n", "headers"),
    ] {
        let told = refused("n", text);
        assert!(told.contains(expected), "{text}: {told}");
    }
    assert!(refused("rules.yml", GROUP).contains("come from a rule file"));
    assert!(refused(&"n".repeat(251), GROUP).contains("251 bytes"));
    assert_eq!(refused("", GROUP), "the namespace needs a name");
    assert_eq!(namespaces.remove("n", "g", &[]).unwrap_err(), Refusal::NoGroup);
    assert_eq!(namespaces.remove_namespace("n", &[]).unwrap_err(), Refusal::NoNamespace);
    assert!(matches!(namespaces.remove_namespace("rules.yml", &from_file()), Err(Refusal::RuleFile(_))));
}

#[test]
fn there_is_no_room_beyond_the_bounds() {
    let mut namespaces = Namespaces { bounds: Bounds { groups: 2, bytes: 4 * GROUP.len() }, ..Namespaces::default() };
    let long = GROUP.replace("# why", "# why and why and why and why and why and why and why and why and why not");
    set(&mut namespaces, "a", &long);
    let refused = |namespaces: &Namespaces, namespace| {
        namespaces.set(namespace, long.as_str(), &Defaults::default(), &[]).err() == Some(Refusal::Full)
    };
    assert!(!refused(&namespaces, "b") && !refused(&namespaces, "a"));
    set(&mut namespaces, "b", GROUP);
    assert_eq!((namespaces.len(), namespaces.bytes()), (2, long.len() + GROUP.len()));
    assert!(refused(&namespaces, "c"), "too many groups");
    namespaces.bounds = Bounds { groups: 3, bytes: 2 * long.len() };
    assert!(refused(&namespaces, "c") && !refused(&namespaces, "a"), "too many bytes");
}

#[test]
fn a_group_with_a_piece_missing_harms_no_other() {
    let mut namespaces = Namespaces::default();
    let long = format!("{GROUP}# {}\n", "x".repeat(5_000));
    let mut records = stored(BTreeMap::new(), set(&mut Namespaces::default(), "n", &long).records);
    assert_eq!(records.len(), 4);
    records.extend(stored(BTreeMap::new(), set(&mut namespaces, "m", GROUP).records));
    let middle = records.keys().find(|key| key.ends_with("/0002")).cloned().unwrap();
    records.remove(&middle);
    let (restored, complaints) = Namespaces::restore(records);
    assert_eq!((restored.len(), complaints.len()), (1, 1), "{complaints:?}");
    let mut restored = restored;
    assert_eq!(restored.groups().count(), 0, "not read yet");
    assert!(restored.resolve(&Defaults::default()).is_empty() && restored.groups().count() == 1);
    assert!(complaints[0].contains("is missing"), "{complaints:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is set in place of what: after a restart the last text is there, and nothing of the earlier ones.
    #[test]
    fn texts_survive_in_small_records(comments in prop::collection::vec("[ -~é\"\\\\]{0,4000}", 1..5)) {
        let (mut namespaces, mut store) = (Namespaces::default(), BTreeMap::new());
        let mut last = String::new();
        for comment in comments {
            last = format!("{GROUP}# {comment}\n");
            let edit = namespaces.set("n\"é", &last, &Defaults::default(), &[]).unwrap();
            for (key, value) in &edit.records {
                prop_assert!(key.len() < 64 && value.as_ref().is_none_or(|value| value.len() <= 4096));
            }
            let after = stored(store.clone(), edit.records.clone());
            prop_assert_eq!(stored(after.clone(), edit.undo.clone()), store);
            store = after;
            namespaces.apply(edit);
        }
        let (restored, complaints) = Namespaces::restore(store.clone());
        prop_assert!(complaints.is_empty(), "{:?}", complaints);
        let group = restored.groups.get(&GroupKey::new("n\"é", "g")).unwrap();
        prop_assert_eq!(&*group.text, last.as_str());
        let removed = namespaces.remove_namespace("n\"é", &[]).unwrap();
        prop_assert!(stored(store, removed.records).is_empty());
    }
}
