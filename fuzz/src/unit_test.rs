//! Unit test files of rules, with the rules they test in the same text behind a NUL.

use model::source::SourceFile;
use watchfire::unit_test::{Options, input_series, test_file};

use super::text;

pub fn check(data: &[u8]) {
    let Some(written) = text::text(data) else { return };
    let (tests, rules) = text::pair(written);
    if let Err(error) = input_series(&SourceFile::new("tests.yml", tests), None) {
        text::says(&error.to_string());
    }
    if is_long(tests) {
        return;
    }
    let folder = tempfile::tempdir_in(if std::path::Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" })
        .expect("a folder");
    let path = folder.path().join("tests.yml");
    std::fs::write(&path, tests).and_then(|()| std::fs::write(folder.path().join("rules.yml"), rules)).expect("files");
    let outcome = test_file(&path, &Options::default());
    outcome.mistakes.iter().for_each(|mistake| text::says(mistake));
    watchfire::unit_test::outcome::junit(&[outcome]);
}

/// A test of years in steps of milliseconds takes as long as it says, as promtool's does.
fn is_long(tests: &str) -> bool {
    let digits = |c: char| c.is_ascii_digit();
    let has_long_number = tests.split(|c| !digits(c)).any(|number| number.len() > 2);
    has_long_number
        || ["ms", "d", "w", "y"]
            .iter()
            .any(|unit| tests.match_indices(unit).any(|(at, _)| tests[..at].ends_with(digits)))
}
