//! `watchfire query`: over a file of series it answers as Prometheus does over the same samples; asked of a server, it prints what
//! that says.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::conditions::unix_now;
use crate::peers::{PROMETHEUS, client, installed, prometheus};
use crate::rule_commands::run_in;

/// A quarter of an hour of samples each 15 s of a counter with resets, a gauge, and buckets, as OpenMetrics.
fn page(first: i64) -> String {
    let mut text = String::from("# TYPE requests counter\n");
    for code in ["200", "500"] {
        for step in 0..60 {
            let count = (step % 25) * if code == "200" { 30 } else { 2 };
            let _ = writeln!(text, "requests_total{{code=\"{code}\"}} {count} {}", first + step * 15);
        }
    }
    text.push_str("# TYPE temperature gauge\n");
    for room in ["a", "b", "c"] {
        for step in 0..60_i64 {
            let degrees = 20.0 + (step as f64 / 7.0).sin() * room.len() as f64 + f64::from(room.as_bytes()[0] - b'a');
            let _ = writeln!(text, "temperature{{room=\"{room}\"}} {degrees} {}", first + step * 15);
        }
    }
    text.push_str("# TYPE wait histogram\n");
    for (le, slope) in [("0.1", 1), ("1.0", 3), ("+Inf", 4)] {
        for step in 0..60 {
            let _ = writeln!(text, "wait_bucket{{le=\"{le}\"}} {} {}", step * slope, first + step * 15);
        }
    }
    text + "# EOF\n"
}

fn watchfire(folder: &Path, args: &[&str]) -> (String, String, Option<i32>) {
    let mut all = vec!["query"];
    all.extend_from_slice(args);
    run_in(folder, &all, "")
}

/// Values as numbers, rows by their labels.
fn comparable(answer: &Value) -> Vec<(String, Vec<(i64, f64)>)> {
    let rows = answer["data"]["result"].as_array().unwrap();
    let point = |point: &Value| {
        let at = (point[0].as_f64().unwrap() * 1000.0).round() as i64;
        (at, point[1].as_str().unwrap().parse().unwrap())
    };
    let mut rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let points = row["values"].as_array().map(|points| points.iter().map(point).collect());
            (row["metric"].to_string(), points.unwrap_or_else(|| vec![point(&row["value"])]))
        })
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

fn assert_close(expr: &str, ours: &Value, theirs: &Value) {
    let (ours, theirs) = (comparable(ours), comparable(theirs));
    assert_eq!(ours.len(), theirs.len(), "{expr}");
    for ((name, ours), (their_name, theirs)) in ours.iter().zip(&theirs) {
        assert_eq!((name, ours.len()), (their_name, theirs.len()), "{expr}");
        for ((at, ours), (their_at, theirs)) in ours.iter().zip(theirs) {
            let differ = (ours - theirs).abs() > 1e-9 * theirs.abs().max(1.0);
            assert!(at == their_at && !differ, "{expr}, {name} at {at}: {ours}, Prometheus {theirs}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_asked_as_prometheus_is_asked() {
    if !installed("a_file_is_asked_as_prometheus_is_asked", &[PROMETHEUS, "promtool"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let first = (unix_now() as i64 - 3600) / 60 * 60;
    std::fs::write(folder.path().join("page.txt"), page(first)).unwrap();
    let made = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics", "page.txt", "tsdb"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let (_prometheus, url) = prometheus(folder.path(), None, "", &[]).await;

    // Between the samples: what lies on the border of a range differs between Prometheus 2 and 3.
    let (time, start, end) = ((first + 607).to_string(), (first + 67).to_string(), (first + 847).to_string());
    for expr in [
        "sum by (code) (rate(requests_total[2m]))",
        "increase(requests_total{code=\"500\"}[5m])",
        "topk(2, temperature) - 20",
        "temperature > 21",
        "deriv(temperature[3m])",
        "histogram_quantile(0.9, sum by (le) (rate(wait_bucket[3m])))",
        "label_replace(temperature, \"place\", \"$1\", \"room\", \"(.*)\")",
        "requests_total offset 1m / on() group_left count(temperature)",
        "vector(1) / 3",
    ] {
        let asked = |path: &str, form: &[(&str, &str)]| client().post(format!("{url}/api/v1/{path}")).form(form).send();
        let theirs: Value = asked("query", &[("query", expr), ("time", &time)]).await.unwrap().json().await.unwrap();
        let over_time = [("query", expr), ("start", &start), ("end", &end), ("step", "15")];
        let theirs_over_time: Value = asked("query_range", &over_time).await.unwrap().json().await.unwrap();
        for source in [["--series", "page.txt"], ["--query.url", &url]] {
            let mut args = vec![expr, "-o", "json", "--time", &time];
            args.extend(source);
            let (ours, error, code) = watchfire(folder.path(), &args);
            assert_eq!(code, Some(0), "{expr}: {error}");
            assert_close(expr, &serde_json::from_str(&ours).unwrap(), &theirs);
            let mut args = vec![expr, "-o", "json", "--start", &start, "--end", &end, "--step", "15s"];
            args.extend(source);
            let (ours, error, code) = watchfire(folder.path(), &args);
            assert_eq!(code, Some(0), "{expr}: {error}");
            assert_close(expr, &serde_json::from_str(&ours).unwrap(), &theirs_over_time);
        }
    }
    let (_, error, code) =
        watchfire(folder.path(), &["temperature * on(room) wait_bucket", "--query.url", &url, "--time", &time]);
    assert_eq!(code, Some(1));
    assert!(error.contains("the server says: ") && error.contains("duplicate series"), "{error}");
}

#[test]
fn answers_are_tables_json_and_drawings() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.txt"), "load 1m\n  up{job=\"a\"} 1 0 1 1\n  up{job=\"b\"} 0 1 2 3\n").unwrap();
    let query = |args: &[&str]| watchfire(folder.path(), args);
    let (told, error, code) = query(&["up", "--series=s.txt"]);
    assert_eq!((told.as_str(), error.as_str(), code), ("1  up{job=\"a\"}\n3  up{job=\"b\"}\n", "", Some(0)));
    assert_eq!(query(&["sum(up)", "--series=s.txt", "--time=1m"]).0, "1  {}\n", "a minute after the first sample");
    assert_eq!(query(&["sum(up)", "--series=s.txt", "--time=-1m"]).0, "3  {}\n", "a minute before the last one");
    let (told, _, _) = query(&["up{job=\"b\"}", "--series=s.txt", "--step=90s"]);
    assert_eq!(
        told,
        "up{job=\"b\"}\n  1970-01-01T00:00:00.000Z  0\n  1970-01-01T00:01:30.000Z  1\n  1970-01-01T00:03:00.000Z  3\n"
    );
    let (drawing, _, _) = query(&["up", "--series=s.txt", "--step=1s", "-o", "plot"]);
    assert!(drawing.contains("b  up{job=\"b\"}") && drawing.contains("aaa") && !drawing.contains('\x1b'), "{drawing}");
    assert!(drawing.lines().all(|line| line.chars().count() <= 80), "{drawing}");

    let (told, error, _) = query(&["rate(up[2m])", "--series=s.txt"]);
    assert!(
        told.lines().count() == 2 && error.starts_with("watchfire: info: PromQL info: metric might not be a counter"),
        "{error}"
    );
    assert_eq!(query(&["down", "--series=s.txt"]).1, "watchfire: info: no series\n");
    let (_, error, code) = query(&["sum(up", "--series=s.txt"]);
    assert!(code == Some(1) && error.contains("expression:1:7: "), "{error}");
    std::fs::write(folder.path().join("bad.txt"), "up 1\nup{ 2\nup x\n").unwrap();
    let (_, error, code) = query(&["up", "--series=bad.txt"]);
    assert!(
        code == Some(1) && error.contains("bad.txt:2:") && error.contains("bad.txt:3:4: expected a value"),
        "{error}"
    );
    let (_, error, _) = query(&["up", "--query.url=http://127.0.0.1:1", "--start=5m"]);
    assert!(error.contains("--series"), "{error}");

    let tests = "tests:\n- name: one\n  interval: 1m\n  input_series:\n  - {series: 'up{job=\"a\"}', values: 1 2}\n- name: two\n  input_series:\n  - {series: up, values: 7}\n";
    std::fs::write(folder.path().join("t.yaml"), tests).unwrap();
    assert_eq!(query(&["up", "--series=t.yaml"]).0, "2  up{job=\"a\"}\n");
    assert_eq!(query(&["up", "--series=t.yaml", "--test=two"]).0, "7  up\n");
    let (told, _, _) =
        run_in(folder.path(), &["query", "-o", "json", "x", "--series=-", "--time=5"], "x 4\nx 5 4000\n");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["data"]["result"], json!([{"metric": {"__name__": "x"}, "value": [5, "5"]}]));
}
