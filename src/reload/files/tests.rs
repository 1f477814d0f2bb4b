use std::os::unix::fs::symlink;

use super::*;

fn glob(folder: &Path, pattern: &str) -> FilePattern {
    FilePattern::Glob(folder.join(pattern).display().to_string())
}

fn look(patterns: &[FilePattern]) -> Contents {
    Looker::default().look(Timestamp::EPOCH, patterns)
}

#[test]
fn equal_bytes_are_equal_and_names_count() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a.yml"), "one").unwrap();
    fs::write(at("b.yml"), "two").unwrap();
    let patterns = [glob(folder.path(), "*.yml"), FilePattern::Path(at("main.conf"))];
    let before = look(&patterns);
    assert_eq!(before.count(), 2);
    fs::write(at("a.yml"), "one").unwrap();
    fs::write(at("a.txt"), "not ours").unwrap();
    assert_eq!(look(&patterns), before, "the same bytes, and a file that nobody named");
    fs::write(at("a.yml"), "One").unwrap();
    assert_ne!(look(&patterns), before);
    fs::write(at("a.yml"), "one").unwrap();
    fs::rename(at("b.yml"), at("c.yml")).unwrap();
    assert_ne!(look(&patterns), before, "a file has another name");
    fs::write(at("main.conf"), "").unwrap();
    assert_eq!(look(&patterns).count(), 3);
}

#[test]
fn a_file_is_read_again_only_if_something_about_it_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yml");
    fs::write(&path, "one").unwrap();
    let patterns = [FilePattern::Path(path.clone())];
    let mut looker = Looker::default();
    let long_after = Timestamp::from_millis(4_000_000_000_000);
    let before = looker.look(long_after, &patterns);
    assert_eq!(looker.known.len(), 1);
    fs::write(&path, "two").unwrap();
    assert_ne!(looker.look(long_after, &patterns), before);
    // At the time of writing nothing about a file can be relied on yet.
    let mut looker = Looker::default();
    looker.look(Timestamp::EPOCH, &patterns);
    assert!(looker.known.is_empty());
    fs::remove_file(&path).unwrap();
    assert_eq!(looker.look(long_after, &patterns).gone_since(&before), [&patterns[0]]);
}

#[test]
fn a_volume_of_kubernetes_changes_by_one_link() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (version, text) in [("..v1", "one"), ("..v2", "two")] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("alertmanager.yml"), text).unwrap();
    }
    symlink("..v1", at("..data")).unwrap();
    symlink("..data/alertmanager.yml", at("alertmanager.yml")).unwrap();
    let patterns = [FilePattern::Path(at("alertmanager.yml")), glob(folder.path(), "*.yml")];
    let mut looker = Looker::default();
    let before = looker.look(Timestamp::from_millis(4_000_000_000_000), &patterns);
    assert_eq!(before.count(), 1);
    let watched = folders(&patterns);
    assert!(watched.contains(&folder.path().to_owned()), "{watched:?}");
    symlink("..v2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    assert_ne!(looker.look(Timestamp::from_millis(4_000_000_000_000), &patterns), before);
}

#[test]
fn the_folders_of_globs_are_those_that_match_and_the_nearest_that_exists() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("rules/team-a/deep")).unwrap();
    fs::create_dir_all(root.join("rules/team-b")).unwrap();
    let of = |pattern: &str| {
        let found = folders(&[glob(root, pattern)]);
        let names = found.iter().map(|path| path.strip_prefix(root).unwrap().display().to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(of("rules/*.yml"), ["rules"]);
    assert_eq!(of("rules/*/*.yml"), ["rules", "rules/team-a", "rules/team-b"]);
    assert_eq!(of("rules/**/*.yml"), ["rules", "rules/team-a", "rules/team-a/deep", "rules/team-b"]);
    assert_eq!(of("later/on/*.yml"), [""]);
    assert_eq!(existing_folder(Path::new("alertmanager.yml")), Some(PathBuf::from(".")));
}

#[test]
fn what_changes_while_it_is_read_counts_as_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let patterns = [glob(folder.path(), "*")];
    fs::write(at("a"), "one").unwrap();
    let before = look(&patterns);
    fs::write(at("a"), "two").unwrap();
    fs::write(at("b"), "new").unwrap();
    let after = look(&patterns);
    let tried = after.clone().as_of(&before);
    assert_ne!(tried, after, "the change of a is still to be read");
    fs::write(at("a"), "one").unwrap();
    assert_eq!(look(&patterns), tried);
}
