//! Regular expressions of Go: those without an engine and the engine agree, and a quoted text matches itself alone. A pattern and
//! the text it is compared with stand in a row, with a NUL between them.

use model::pattern::{Pattern, anchored, anchored_dotall, quote_meta, unanchored};

use super::text;

/// What a template's pattern may take.
const TEMPLATE_PATTERN_BYTES: usize = 1 << 20;

pub fn check(data: &[u8]) {
    let Some(written) = text::text(data) else { return };
    let (pattern, subject) = text::pair(written);
    let ways = [
        (Pattern::anchored(pattern), anchored(pattern)),
        (Pattern::anchored_dotall(pattern), anchored_dotall(pattern)),
    ];
    for (quick, engine) in ways {
        match (quick, engine) {
            (Ok(quick), Ok(engine)) => assert_eq!(quick.matches(subject), engine.is_match(subject), "{pattern:?}"),
            (Err(quick), Err(engine)) => {
                assert_eq!(quick, engine);
                text::says(&engine.to_string());
            }
            (quick, engine) => panic!("{pattern:?}: {:?} but {:?}", quick.err(), engine.err()),
        }
    }
    if let Ok(engine) = unanchored(pattern, TEMPLATE_PATTERN_BYTES) {
        drop(engine.replace_all(subject, "$1").into_owned());
    }
    if let Ok(quoted) = anchored(&quote_meta(subject)) {
        assert!(quoted.is_match(subject), "{subject:?}");
    }
}
