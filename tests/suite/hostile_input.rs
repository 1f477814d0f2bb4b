//! Input made to hurt, at every door: it is refused in bounded time and memory, with an error of bounded length. `fuzz/` looks for
//! more of it; what it found is in `fuzz/regressions/` and goes through the same checks here.

#[path = "../../fuzz/src/lib.rs"]
mod inputs;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use inputs::site::Site;
use model::matcher::parse::{ParseMode, parse_matcher};
use model::source::SourceFile;

use crate::conditions::stopwatch;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn what_the_fuzzers_found_stays_mended() {
    let mut replayed = 0;
    for (name, check) in inputs::ALL {
        let Ok(found) = std::fs::read_dir(folder("regressions").join(name)) else { continue };
        for path in found.map(|entry| entry.unwrap().path()) {
            eprintln!("{}", path.display());
            check(&std::fs::read(&path).unwrap());
            replayed += 1;
        }
    }
    eprintln!("{replayed} inputs");
}

#[test]
fn every_kind_of_input_has_its_target() {
    let kinds: BTreeSet<String> = inputs::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("fuzz_targets")), kinds);
    let strange: Vec<String> = names(&folder("regressions")).difference(&kinds).cloned().collect();
    assert!(strange.is_empty(), "{strange:?}");
    let manifest = std::fs::read_to_string(folder("Cargo.toml")).unwrap();
    assert!(kinds.iter().all(|name| manifest.contains(&format!("name = \"{name}\""))));
}

/// What an error about hostile input may say at most.
const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// Longer than any of this takes on a busy machine, and shorter than it would without bounds.
const PATIENCE_SECONDS: u64 = 60;

/// Virtual memory of a process that reads a hostile file.
const MEMORY_KIB_MAX: u64 = 2 << 20;

/// Small files that would be large: laughs a billionfold, as lists and merged, lists without end, and one that holds itself.
fn bombs() -> Vec<(&'static str, String)> {
    let mut laughs = "a0: &a0 [lol, lol]\n".to_owned();
    let mut merges = "a0: &a0 {x: 1}\n".to_owned();
    for level in 1..40 {
        let below = level - 1;
        laughs += &format!("a{level}: &a{level} [*a{below}, *a{below}, *a{below}, *a{below}]\n");
        merges += &format!("a{level}: &a{level} {{<<: [*a{below}, *a{below}], k{level}: [*a{below}, *a{below}]}}\n");
    }
    let depth = 200_000;
    vec![
        ("laughs", laughs),
        ("merges", merges),
        ("lists", "[".repeat(depth)),
        ("mappings", "{a: ".repeat(depth)),
        ("blocks", "- ".repeat(depth)),
        ("itself", "a: &a [*a]\n".to_owned()),
    ]
}

/// The program, with as much memory and time as a hostile file may cost. The exit code and what it says.
fn bounded(arguments: &[&str], file: &Path) -> (i32, String) {
    let script = format!("ulimit -v {MEMORY_KIB_MAX}; exec timeout {PATIENCE_SECONDS} \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", script.as_str(), env!("CARGO_BIN_EXE_watchfire")]).args(arguments).arg(file);
    command.current_dir(file.parent().unwrap());
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn yaml_bombs_are_refused_by_every_command_that_reads_files() {
    let folder = tempfile::tempdir().unwrap();
    let commands: [&[&str]; 7] = [
        &["check", "config"],
        &["check", "rules"],
        &["test", "rules"],
        &["migrate"],
        &["simulate"],
        &["rules", "--query.url=http://127.0.0.1:9", "--config.file"],
        &["notifier", "--config.file"],
    ];
    for (name, text) in bombs() {
        let file = folder.path().join(format!("{name}.yml"));
        std::fs::write(&file, text).unwrap();
        for arguments in commands {
            let (code, said) = bounded(arguments, &file);
            assert!(matches!(code, 1..=3), "{arguments:?} {name}: {code} {said:.2000}");
            assert!(!said.is_empty() && said.len() <= MESSAGE_BYTES_MAX, "{arguments:?} {name}: {} bytes", said.len());
        }
    }
}

#[test]
fn yaml_bombs_are_refused_by_every_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.yml");
    type Reader<'a> = (&'a str, &'a dyn Fn(&SourceFile) -> String);
    let readers: [Reader<'_>; 6] = [
        ("web configuration", &|_| match watchfire::web::settings::WebSettings::load(Some(&path)) {
            Ok(_) => String::new(),
            Err(error) => format!("{error:#}"),
        }),
        ("amtool's configuration", &|_| match watchfire::client::settings::Settings::read([path.clone()]) {
            Ok(_) => String::new(),
            Err(error) => format!("{error:#}"),
        }),
        ("HTTP client's configuration", &|_| match watchfire::client::api::read_http_config(&path) {
            Ok(_) => String::new(),
            Err(error) => format!("{error:#}"),
        }),
        ("manifests", &|file| {
            let options = kubernetes::alertmanager_config::Options::default();
            let files = std::slice::from_ref(file);
            kubernetes::alertmanager_config::Manifests::read(files, "default", &options).mistakes.to_string()
        }),
        ("series of unit tests", &|file| match watchfire::unit_test::input_series(file, None) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }),
        ("rule groups through the API", &|file| {
            let answer =
                Site::new().ask("POST", "/config/v1/rules/ns", "application/yaml", file.text().into()).unwrap();
            assert!(answer.status.is_client_error(), "{}", answer.status);
            String::from_utf8_lossy(&answer.body).into_owned()
        }),
    ];
    for (name, text) in bombs() {
        std::fs::write(&path, &text).unwrap();
        let file = SourceFile::new("bomb.yml", text);
        for (reader, read) in &readers {
            let said = read(&file);
            assert!(!said.is_empty() && said.len() <= MESSAGE_BYTES_MAX, "{reader}, {name}: {} bytes", said.len());
        }
    }
}

#[test]
fn objects_of_a_cluster_that_nest_without_end_are_refused() {
    let depth = 100_000;
    for value in ["[".repeat(depth) + &"]".repeat(depth), "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth)] {
        let object = format!(r#"{{"kind":"PrometheusRule","metadata":{{"name":"n","namespace":"d"}},"spec":{value}}}"#);
        let review = format!(r#"{{"request":{{"uid":"u","operation":"CREATE","object":{object}}}}}"#);
        let refusal = kubernetes::admission::read(review.as_bytes()).unwrap_err();
        assert!(refusal.len() <= 1_000, "{} bytes", refusal.len());
    }
    // As deep as JSON may be, it is read like any other.
    let deep = "[".repeat(100) + &"]".repeat(100);
    let object = format!(r#"{{"metadata":{{"name":"n","namespace":"d"}},"spec":{{"groups":{deep}}}}}"#);
    inputs::cluster::check(object.as_bytes());
}

#[test]
fn json_that_hurts_is_refused_by_the_api() {
    let site = Site::new();
    let deep = |open: &str| open.repeat(200_000);
    let wide = format!("[{}]", "{},".repeat(50_000));
    let long =
        format!(r#"[{{"labels":{{"alertname":"{}"}},"startsAt":"{}"}}]"#, "é".repeat(1_000), "x".repeat(1 << 20));
    let bodies: [Vec<u8>; 9] = [
        deep("[").into(),
        deep("{\"labels\":").into(),
        deep("[{\"matchers\":").into(),
        wide.into(),
        long.into(),
        b"[{\"labels\":\"\xff\xfe\"}]".to_vec(),
        b"\0\0\0\0".to_vec(),
        b"\xff\xfe[\0]\0".to_vec(),
        gzipped(&vec![b' '; 64 << 20]),
    ];
    let paths = ["/alerts", "/silences", "/maintenance/preview", "/ack", "/receivers/test"]
        .map(|path| format!("/api/v2{path}"));
    for body in bodies {
        for path in &paths {
            let answer = site.ask("POST", path, "application/json", body.clone()).unwrap();
            let beginning = String::from_utf8_lossy(body.get(..20).unwrap_or(&body)).into_owned();
            assert!(answer.status.is_client_error(), "{path} {beginning}: {}", answer.status);
            assert!(answer.body.len() <= MESSAGE_BYTES_MAX, "{path} {beginning}: {} bytes", answer.body.len());
        }
    }
}

#[test]
fn times_and_numbers_beyond_bounds_are_refused_or_held_within() {
    let site = Site::new();
    let times = [
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "1677-09-21T00:12:43Z",
        "2262-04-11T23:47:17Z",
        "9999-12-31T23:59:59.999999999Z",
        "9999-12-31T23:59:59-23:59",
        "+99999-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-06-30T23:59:60Z",
        "1e400",
        "-1",
        "",
    ];
    for starts in times {
        for ends in times {
            let alert = format!(r#"[{{"labels":{{"alertname":"T"}},"startsAt":"{starts}","endsAt":"{ends}"}}]"#);
            inputs::notifier_api::check(format!("\0{alert}").as_bytes());
            let silence = format!(
                r#"{{"matchers":[{{"name":"a","value":"b","isRegex":false}}],"createdBy":"m","comment":"c","startsAt":"{starts}","endsAt":"{ends}"}}"#
            );
            inputs::notifier_api::check(format!("\x02{silence}").as_bytes());
        }
        let query = format!("/api/v2/history?from={starts}&to={starts}&limit=18446744073709551616");
        site.ask("GET", &query, "application/json", Vec::new());
    }
    for duration in ["99999999999999999999y", "584y", "300y", "-5m", "1e9h", "0s", "9223372036854775807ms"] {
        inputs::words::check(duration.as_bytes());
        inputs::schedule::check(format!("* * * * *\n{duration}\nUTC").as_bytes());
        let route = format!(
            "route: {{receiver: a, group_wait: {duration}, group_interval: {duration}, repeat_interval: {duration}}}\nreceivers: [{{name: a}}]\n"
        );
        inputs::notifier_config::check(route.as_bytes());
        let rules = format!(
            "\0groups: [{{name: g, interval: {duration}, query_offset: {duration}, limit: 99999999999999999999, rules: [{{alert: A, expr: 'up[{duration}] offset {duration}', for: {duration}, keep_firing_for: {duration}}}]}}]"
        );
        inputs::rule_file::check(rules.as_bytes());
        inputs::promql::check(format!("sum_over_time(up[{duration}:{duration}] offset {duration})").as_bytes());
    }
    for number in
        ["1e999", "-1e999", "0x1p99999", "99999999999999999999999", "NaN", "1e308 * 10", "-(2 ^ 1e308)", "@ 1e300"]
    {
        inputs::promql::check(format!("up * {number}").as_bytes());
        inputs::promql::check(format!("topk({number}, up) or round(up, {number}) or up @ {number}").as_bytes());
    }
}

/// Patterns that take much memory, or much time in engines that go back.
fn patterns() -> Vec<String> {
    vec![
        "(a{1000}){1000}".to_owned(),
        "((((a{30}){30}){30}){30}){30}".to_owned(),
        "(".repeat(100_000),
        "(a|".repeat(20_000),
        "a|".repeat(100_000),
        "(x+x+)+y".to_owned(),
        "(a*)*b".to_owned(),
        "(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)x".to_owned(),
        "a{99999999999}".to_owned(),
        "[[:alpha:]".repeat(10_000),
    ]
}

#[test]
fn patterns_that_blow_up_are_refused_or_matched_quickly() {
    let watch = stopwatch();
    let subject = "a".repeat(20_000);
    let labels = model::LabelSet::from_pairs([("a", subject.as_str())]);
    let site = Site::new();
    for pattern in patterns() {
        let shown: String = pattern.chars().take(40).collect();
        let judged = |door: &str, read: Result<(), String>| {
            let said = read.err().unwrap_or_default();
            assert!(said.len() <= MESSAGE_BYTES_MAX, "{door} {shown}: {} bytes", said.len());
        };
        let matcher = parse_matcher(&format!("a=~\"{pattern}\""), ParseMode::Fallback);
        let matched = matcher.map(|parsed| parsed.value.matches(&labels));
        judged("matcher", matched.map(|_| ()).map_err(|error| error.to_string()));
        let quoted = serde_json::to_string(&pattern).unwrap();
        let silence = format!(
            r#"{{"matchers":[{{"name":"a","value":{quoted},"isRegex":true}}],"createdBy":"m","comment":"c","startsAt":"2026-01-01T00:00:00Z","endsAt":"2027-01-01T00:00:00Z"}}"#
        );
        let answer = site.ask("POST", "/api/v2/silences", "application/json", silence.into()).unwrap();
        let is_short = answer.body.len() <= MESSAGE_BYTES_MAX;
        assert!(answer.status.is_success() || is_short, "silence {shown}: {} bytes", answer.body.len());
        let config = format!("route: {{receiver: a, matchers: ['a=~{quoted}']}}\nreceivers: [{{name: a}}]\n");
        inputs::notifier_config::check(config.as_bytes());
        let relabeling = format!(
            "alerting: {{alert_relabel_configs: [{{source_labels: [a], regex: {quoted}, target_label: b}}]}}\n"
        );
        inputs::rules_config::check(relabeling.as_bytes());
        let template = format!("\0{{{{ match {quoted} \"aaaa\" }}}}{{{{ reReplaceAll {quoted} \"$1\" \"aaaa\" }}}}");
        inputs::go_template::check(template.as_bytes());
        let escaped = quoted.replace('$', "$$");
        inputs::promql::check(
            format!("up{{job=~{escaped}}} or label_replace(up, \"b\", \"$1\", \"job\", {escaped})").as_bytes(),
        );
    }
    assert!(watch.elapsed().as_secs() < 4 * PATIENCE_SECONDS, "{:?}", watch.elapsed());
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_bombs_are_refused() {
    // A configuration as Secrets hold it: a hundredth of it on disk, and one within the other.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alertmanager.yaml.gz");
    let mut encoder = GzEncoder::new(std::fs::File::create(&path).unwrap(), Compression::fast());
    let blanks = vec![b' '; 1 << 20];
    (0..200).for_each(|_| encoder.write_all(&blanks).unwrap());
    encoder.finish().unwrap();
    let (code, said) = bounded(&["notifier", "--config.file"], &path);
    assert!(code == 1 && said.contains("longer than 64 MiB") && said.len() <= MESSAGE_BYTES_MAX, "{code} {said:.2000}");
    std::fs::write(&path, gzipped(&gzipped(&blanks))).unwrap();
    let (code, said) = bounded(&["notifier", "--config.file"], &path);
    assert!(code == 1 && said.len() <= MESSAGE_BYTES_MAX, "{code} {said:.2000}");

    // An answer of a receiver: what is kept of it is little, whatever it was packed from.
    let bomb = gzipped(&vec![b'x'; 64 << 20]);
    for kind in 0..13_u8 {
        let head =
            format!("HTTP/1.1 400 Bad Request\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len());
        inputs::receiver_answers::check(&[&[kind][..], head.as_bytes(), bomb.as_slice()].concat());
    }
}
