use super::*;
use crate::{Options, parse_with};

fn labels(text: &str) -> ResultLabels {
    let expr = parse_with(text, Options::all()).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    ResultLabels::of(&expr)
}

/// Expression, labels its result can have, labels it cannot have.
const TABLE: &[(&str, &str, &str)] = &[
    ("up", "instance __name__", ""),
    ("up == 0", "instance __name__", ""),
    ("up == bool 0", "instance", "__name__"),
    ("up * 2 > 1", "instance", "__name__"),
    ("2 < up", "instance __name__", ""),
    ("-up", "instance", "__name__"),
    ("up{instance=\"\"}", "job", "instance"),
    ("up{instance!=\"\"}", "instance", ""),
    ("1", "", "instance"),
    ("vector(1)", "", "instance"),
    ("time() - up", "instance", "__name__"),
    ("hour()", "", "instance"),
    ("hour(up)", "instance", "__name__"),
    ("scalar(up)", "", "instance"),
    ("sum(up)", "", "instance job __name__"),
    ("sum by (job) (up)", "job", "instance __name__"),
    ("sum(up) by (job) > 3", "job", "instance"),
    ("sum without (instance) (up)", "job", "instance __name__"),
    ("max by (__name__) (up)", "__name__", "job"),
    ("sum by (job) (sum without (job) (up))", "", "job"),
    ("sum by (a, b) (sum by (b, c) (up))", "b", "a c"),
    ("topk by (job) (3, up)", "instance __name__", ""),
    ("count_values(\"version\", build)", "version", "instance"),
    ("count_values by (job) (\"version\", build)", "version job", "instance"),
    ("count_values without (job) (\"job\", build)", "job instance", "__name__"),
    ("absent(up{job=\"a\", instance=~\"b.*\", zone!=\"c\"})", "job", "instance zone __name__"),
    ("absent((up{job=\"a\"}))", "job", "instance"),
    ("absent(sum(up{job=\"a\"}))", "", "job"),
    ("absent_over_time(up{job=\"a\"}[5m])", "job", "instance"),
    ("label_replace(sum(up), \"host\", \"$1\", \"instance\", \"(.*)\")", "host", "instance"),
    ("label_replace(up, \"host\", \"$1\", \"instance\", \"(.*)\")", "host instance __name__", ""),
    ("label_join(sum by (a) (up), \"c\", \"-\", \"a\", \"b\")", "a c", "b"),
    ("histogram_quantile(0.9, sum by (le, job) (rate(x_bucket[5m])))", "job", "le instance"),
    ("histogram_quantile(0.9, rate(x_bucket[5m]))", "job", "le __name__"),
    ("histogram_quantiles(sum by (le) (x), \"q\", 0.5, 0.9)", "q", "le"),
    ("rate(x[5m])", "job", "__name__"),
    ("last_over_time(x[5m])", "job __name__", ""),
    ("quantile_over_time(0.9, x[5m])", "job", "__name__"),
    ("max_over_time(sum by (job) (x)[1h:5m])", "job", "instance"),
    ("info(sum by (job, instance) (x))", "version", ""),
    ("round(sum by (job) (x), 5)", "job", "instance"),
    ("clamp_max(x, scalar(sum(y)))", "job", "__name__"),
    ("sum by (a) (x) and y", "a", "b"),
    ("x and on (a) sum by (a) (y)", "a b", ""),
    ("sum by (a) (x) unless sum by (b) (y)", "a", "b"),
    ("sum by (a) (x) or sum by (b) (y)", "a b", "c"),
    ("x or sum by (b) (y)", "a b __name__", ""),
    ("sum without (a) (x) or sum by (b) (y)", "b c", "a __name__"),
    ("x{a=\"\"} or y{a=\"\"}", "b", "a"),
    ("x{a=\"\"} or y", "a", ""),
    ("x / y", "a", "__name__"),
    ("x > y", "a __name__", ""),
    ("x / sum by (a) (y)", "a", "b __name__"),
    ("x > sum by (a) (y)", "a __name__", "b"),
    ("sum by (a, b) (x) / sum by (a) (y)", "a", "b"),
    ("x / ignoring (b) y", "a", "b"),
    ("x / ignoring (b) sum by (a) (y)", "a", "b c"),
    ("x / on (a) y", "a", "b __name__"),
    ("x > on (a) y", "a", "b __name__"),
    ("x / on (a, b) sum by (a) (y)", "a", "b"),
    ("x / on (a) group_left sum by (a) (y)", "a b", "__name__"),
    ("x * on (a) group_left (team) y", "a b team", "__name__"),
    ("sum by (a) (x) * on (a) group_left (team) y", "a team", "b"),
    ("x * on (a) group_left (team) sum by (a) (y)", "a b", "team"),
    ("sum by (a) (x) * on (a) group_right (team) y", "a b", "team"),
    ("x * ignoring (b) group_left sum by (a) (y)", "a b c", "__name__"),
    ("x{c=\"\"} > 0 or vector(0)", "a", "c"),
    ("sum by (a) (x) + fill(0) y", "b", ""),
    ("sum(x) * 100", "", "a"),
    ("100 * sum by (a) (x) / 2", "a", "b"),
];

#[test]
fn labels_that_can_and_cannot_be_there() {
    for (text, can, cannot) in TABLE {
        let labels = labels(text);
        for label in can.split_whitespace() {
            assert_eq!(labels.kept_out_by(label), None, "{text}: {label}");
        }
        for label in cannot.split_whitespace() {
            assert!(labels.kept_out_by(label).is_some(), "{text}: {label}");
        }
    }
}

#[test]
fn the_part_that_takes_a_label_away_is_named() {
    for (text, label, by) in [
        ("sum by (job) (up) > 3", "instance", "sum by (job) (up)"),
        ("max(sum without (a) (x)) or sum(y)", "a", "max(sum without (a) (x))"),
        ("rate(x{a=\"\"}[5m]) > 0", "a", "x{a=\"\"}"),
        ("x / sum by (a) (y)", "b", "sum by (a) (y)"),
        ("x / on (a) y", "b", "x / on (a) y"),
    ] {
        let span = labels(text).kept_out_by(label).unwrap();
        assert_eq!(&text[span.start..span.end], by, "{text}: {label}");
    }
}

#[test]
fn an_or_can_have_what_either_side_can() {
    let is_vector =
        |text: &&str| crate::parse_with(text, Options::all()).unwrap().value_type() == crate::ValueType::Vector;
    let sides: Vec<&str> = TABLE.iter().map(|(text, _, _)| *text).filter(is_vector).collect();
    for (left, right) in sides.iter().zip(sides.iter().skip(7)) {
        let (a, b, both) = (labels(left), labels(right), labels(&format!("({left}) or ({right})")));
        for label in ["a", "b", "job", "instance", "__name__", "le", "unheard_of"] {
            assert_eq!(both.can_have(label), a.can_have(label) || b.can_have(label), "{left} or {right}: {label}");
        }
    }
}
