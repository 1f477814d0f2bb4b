//! Broken files beside the output they must give: every mistake, with its place and how to mend it.

use std::process::Command;

use crate::peers::root;

/// `tests/config-errors/NAME.yml` is checked by `watchfire check KIND`; `NAME.expected` holds standard output and error.
/// `UPDATE_EXPECTED=1` writes them anew.
#[test]
fn broken_files_are_explained() {
    let folder = root().join("tests/config-errors");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yml"))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    for name in names {
        let kind = if name.starts_with("rules") { "rules" } else { "config" };
        let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
            .args(["check", kind, &name])
            .current_dir(&folder)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let expected = folder.join(&name).with_extension("expected");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&expected, &shown).unwrap();
        }
        let expected =
            std::fs::read_to_string(&expected).unwrap_or_else(|error| panic!("{}: {error}", expected.display()));
        assert_eq!(shown, expected, "{name}");
    }
}
