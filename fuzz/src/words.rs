//! Small words of the field: durations, times, Go's quotes, differences between texts. What is printed is read as the same.

use model::Timestamp;
use model::difference::{self, Differ};
use model::duration::{format_duration, parse_duration};
use model::quote::{first_unit, quote, quote_with, unquote};

use super::text;

pub fn check(data: &[u8]) {
    let Some(written) = text::text(data) else { return };
    if let Ok(duration) = parse_duration(written) {
        let printed = format_duration(duration);
        assert_eq!(parse_duration(&printed).ok(), Some(duration), "{printed}");
    }
    watchfire::client::duration::parse_duration(written).ok();
    if let Ok(at) = Timestamp::parse_rfc3339(written) {
        let again = Timestamp::parse_rfc3339(&at.to_rfc3339()).expect("what is printed is a time");
        assert_eq!(again, at);
        at.to_rfc3339_millis();
    }
    watchfire::query::question::parse_time(written).ok();
    watchfire::query::question::parse_step(written).ok();
    unquote(written).ok();
    for quoted in [quote(written), quote_with(written, '"', true)] {
        assert_eq!(unquote(&quoted).expect("what is quoted is a literal"), written.as_bytes(), "{quoted}");
    }
    for delimiter in ['"', '\'', '`'] {
        first_unit(written, delimiter).ok();
    }
    let (example, other) = text::pair(written);
    let mut stored = String::new();
    Differ::default().write(example, other, &mut stored);
    let read = difference::read(example, &mut stored.as_str());
    assert_eq!(read.as_deref().unwrap_or(example), other, "{stored:?}");
    // What was stored may be damaged.
    difference::read(example, &mut &*other);
    difference::skip(&mut &*other);
    difference::is_read_as(example, &mut &*other, example);
}
