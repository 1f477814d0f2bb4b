//! Plots as elements: each fact of the table shows in what the template writes.

use promql::operator::BinaryOp;
use templates::handlebars::{Data, Escaping, Registry};

use super::*;

const START_MS: i64 = 1_795_348_800_000;
const STEP_MS: i64 = 60_000;

fn line(name: &str, points: impl IntoIterator<Item = (i64, f64)>) -> Line {
    let at = |(step, value)| (START_MS + step * STEP_MS, value);
    Line { name: name.to_owned(), points: points.into_iter().map(at).collect() }
}

fn plot(lines: Vec<Line>, threshold: Option<Threshold>) -> Plot {
    Plot {
        id: "expression",
        title: "sum(errors)".to_owned(),
        lines,
        start_ms: START_MS,
        end_ms: START_MS + 10 * STEP_MS,
        step_ms: STEP_MS,
        unit: Unit::None,
        threshold,
        moments: Vec::new(),
    }
}

fn written(plot: &Plot) -> String {
    let mut registry = Registry::shipped();
    registry.add("web.plot", include_str!("../../../templates/web/plot.hbs")).unwrap();
    registry.check().unwrap();
    let data = Data::new(serde_json::to_value(plot.drawing()).unwrap());
    registry.render("web.plot", Escaping::Html, &data).unwrap()
}

fn paths(plot: &Plot) -> Vec<String> {
    plot.drawing().lines.into_iter().map(|line| line.path).collect()
}

#[test]
fn a_line_a_threshold_and_moments() {
    let rising = line("errors{job=\"a\"}", (0..=10).map(|step| (step, step as f64)));
    let mut plot = plot(vec![rising], Some(Threshold { op: BinaryOp::Greater, value: 5.0 }));
    plot.moments = vec![
        Moment { at_ms: START_MS + 6 * STEP_MS, kind: "firing", text: "fires".to_owned() },
        Moment { at_ms: START_MS - 1, kind: "pending", text: "before".to_owned() },
    ];
    insta::assert_snapshot!(written(&plot));
}

#[test]
fn strokes_end_where_points_are_missing() {
    let all: Vec<(i64, f64)> = (0..=10).map(|step| (step, 1.0)).collect();
    let without = |missing: &[i64]| {
        let kept = all.iter().filter(|(step, _)| !missing.contains(step)).copied();
        paths(&plot(vec![line("a", kept)], None)).remove(0).matches('M').count()
    };
    for (missing, strokes) in [(vec![], 1), (vec![0], 1), (vec![5], 2), (vec![2, 3, 8], 3), (vec![1, 3, 5, 7, 9], 6)] {
        assert_eq!(without(&missing), strokes, "{missing:?}");
    }
    let with_nan = line("a", all.iter().map(|&(step, value)| (step, if step == 4 { f64::NAN } else { value })));
    assert_eq!(paths(&plot(vec![with_nan], None))[0].matches('M').count(), 2, "no number is no point");
}

#[test]
fn values_lie_between_the_edges() {
    for (values, threshold, expected) in [
        (vec![0.0, 10.0], None, "M0 190h0L60 8"),
        (vec![0.0, 5.0], Some(10.0), "M0 190h0L60 99"),
        (vec![f64::INFINITY, 0.0], Some(10.0), "M0 8h0L60 190"),
        (vec![f64::NEG_INFINITY, 10.0], Some(0.0), "M0 190h0L60 8"),
        (vec![f64::MAX, f64::MIN], None, "M0 8h0L60 190"),
    ] {
        let points = (0..).zip(values.clone());
        let threshold = threshold.map(|value| Threshold { op: BinaryOp::Less, value });
        assert_eq!(paths(&plot(vec![line("a", points)], threshold)), [expected], "{values:?}");
    }
}

#[test]
fn what_is_looked_for_is_a_band() {
    for (op, band) in
        [(BinaryOp::Greater, (8.0, 91.0)), (BinaryOp::LessEqual, (99.0, 91.0)), (BinaryOp::Equal, (99.0, 0.0))]
    {
        let of_ten = line("a", [(0, 0.0), (1, 10.0)]);
        let drawn = plot(vec![of_ten], Some(Threshold { op, value: 5.0 })).drawing().threshold.unwrap();
        assert_eq!((drawn.band_top, drawn.band_height), band, "{op:?}");
    }
}

#[test]
fn nothing_and_too_much() {
    let none = written(&plot(Vec::new(), None));
    assert!(none.contains("There are no samples in this time.") && none.contains("<desc"), "{none}");
    let many = plot((0..40).map(|n| line(&format!("s{n}"), [(0, 1.0)])).collect(), None);
    assert!(written(&many).contains("28 more series are not drawn."));
    let mut long = plot(vec![Line { name: "x".to_owned(), points: Vec::new() }], None);
    long.step_ms = 60;
    long.lines[0].points = (0..10_000).map(|n| (START_MS + n * 60, if n == 5_000 { 99.0 } else { 1.0 })).collect();
    let drawing = long.drawing();
    assert!(drawing.lines[0].path.len() < 20_000, "{}", drawing.lines[0].path.len());
    assert_eq!(drawing.lines[0].path.matches('M').count(), 1, "thinned lines stay whole");
    assert!(
        drawing.lines[0].path.contains(&format!(" {}", tenth(8.0 + (100.0 - 99.0) / 100.0 * 182.0))),
        "the peak stays"
    );
}

#[test]
fn hostile_names_are_texts() {
    let name = "</title><script>alert(1)</script>\u{0}\u{1b}[31m\" onload=\"x".to_owned() + &"y".repeat(100_000);
    let mut plot = plot(vec![line(&name, [(0, 1.0)])], None);
    plot.title = name.clone();
    plot.moments = vec![Moment { at_ms: START_MS, kind: "firing", text: name }];
    let text = written(&plot);
    assert!(!text.contains("<script") && !text.contains("onload=\"x"), "{}", &text[..2000]);
    assert!(plot.drawing().lines[0].name.chars().count() == NAME_CHARS_MAX);
}
