//! PromQL: what is parsed is printed so that it parses as the same; what is evaluated at an instant and as one step of a range
//! agrees, within the samples that are allowed.

use std::sync::LazyLock;

use ::promql::eval::{Data, Query, Settings, Storage};
use ::promql::{Options, parse_with, test_language};

use super::text;

static SERIES: LazyLock<Storage> = LazyLock::new(|| {
    let script = "load 30s\n  up{job=\"a\",instance=\"1\"} 1 0 1x8 _ 1\n  up{job=\"b\"} 1+1x12\n  m_bucket{le=\"0.1\"} 0+1x12\n  \
                  m_bucket{le=\"+Inf\"} 0+3x12\n  h {{schema:1 count:6 sum:3 buckets:[1 2 3]}}x12\n  down NaN Inf -Inf 1e300 -0\n";
    test_language::load(script).expect("the series are right")
});

pub fn check(data: &[u8]) {
    let Some(written) = text::text(data) else { return };
    let settings = Settings { language: Options::all(), samples_max: 20_000, ..Settings::default() };
    ::promql::parse(written).ok();
    let expr = match parse_with(written, settings.language) {
        Ok(expr) => expr,
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            mistakes.iter().for_each(|mistake| text::says(&mistake.to_string()));
            return;
        }
    };
    let printed = expr.to_string();
    let again = parse_with(&printed, settings.language);
    let again = again.unwrap_or_else(|mistakes| panic!("cannot be read again: {mistakes:?}: {printed:?}"));
    assert_eq!(again.to_string(), printed);
    ::promql::selector::selectors(&expr);
    let Ok(mut query) = Query::of(expr, &settings) else { return };
    let instant = query.instant(&SERIES, 300_000);
    let range = query.range(&SERIES, 240_000, 360_000, 30_000);
    if let (Ok(instant), Ok(range)) = (instant, range)
        && let (Data::Vector(vector), Data::Matrix(rows)) = (&instant.data, &range.data)
        && !written.contains(['@', '['])
    {
        let at_once = rows.iter().filter(|row| row.points.iter().any(|(at_ms, _)| *at_ms == 300_000)).count();
        assert!(vector.len() >= at_once || written.contains("limit"), "{written}");
    }
}
