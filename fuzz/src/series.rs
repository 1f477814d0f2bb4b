//! Files of series, metrics pages, and scripts of Prometheus' test language.

use ::promql::eval::Storage;
use ::promql::{series_file, test_language};

use super::text;

pub fn check(data: &[u8]) {
    let Some((choice, written)) = text::choice(data) else { return };
    match choice % 3 {
        0 => match series_file::read(written, 0) {
            Ok(storage) => drop(storage.series().len()),
            Err(mistakes) => {
                assert!(!mistakes.is_empty() && mistakes.len() <= 20);
                mistakes.iter().for_each(|mistake| text::says(&mistake.to_string()));
            }
        },
        1 => {
            let mut storage = Storage::new();
            series_file::scrape(&mut storage, written, &[("job", "j")], 1_000).ok();
            let before = storage.series().len();
            series_file::scrape(&mut storage, written, &[("job", "j")], 2_000).ok();
            assert_eq!(storage.series().len(), before, "a page has the same series each time");
        }
        _ => match test_language::run(written) {
            Ok(report) => drop(report.total()),
            Err(error) => text::says(&error.to_string()),
        },
    }
}
