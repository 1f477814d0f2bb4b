//! Templates as rules have them; every expectation is also put to promtool.

use std::fmt::Write as _;
use std::process::Command;

use super::super::rule_functions::{self, RuleContext, RuleData, Sample};
use super::super::{Escape, Functions, Limits, Map, Render, Template, TemplateError};

const URL: &str = "http://prom.example:9090/base%20path";
const LABELS: [(&str, &str); 3] = [("instance", "h1.example:9100"), ("job", "api"), ("severity", "critical")];

fn render(text: &str) -> Result<String, TemplateError> {
    render_as("t", text, &rule_functions::functions())
}

/// As Prometheus does it: the variables are defined by text in front of the template.
fn render_with_prelude(text: &str) -> Result<String, TemplateError> {
    let prelude = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
                   {{$externalURL := .ExternalURL}}{{$value := .Value}}";
    render_as("__alert_A", &format!("{prelude}{text}"), &rule_functions::functions())
}

fn render_as(name: &str, text: &str, functions: &Functions) -> Result<String, TemplateError> {
    let template = Template::parse(name, text, functions)?;
    let data = RuleData {
        labels: Map::strings([("__name__", "m")].into_iter().chain(LABELS)).into(),
        external_labels: Map::strings([("cluster", "c1")]).into(),
        external_url: URL.into(),
        value: 1234.5.into(),
    };
    let answers = |expression: &str| match expression {
        "m" => {
            let labels = [("__name__", "m")].into_iter().chain(LABELS);
            Some(Ok(vec![Sample::new(labels, 1234.5)]))
        }
        "n" => Some(Ok(["b", "a", "c"].map(|i| Sample::new([("__name__", "n"), ("i", i)], 1.0)).to_vec())),
        "absent" => Some(Ok(Vec::new())),
        _ => None,
    };
    let context = RuleContext { now_seconds: 0.0, external_url: URL, answers: &answers };
    let (dot, variables, limits) = (data.dot(), data.variables(), Limits::default());
    template.execute(&Render {
        data: &dot,
        variables: &variables,
        context: &context,
        limits: &limits,
        escape: Escape::None,
    })
}

#[test]
fn prints_what_go_prints() {
    let wrong: Vec<String> = CASES
        .iter()
        .filter_map(|(text, want)| match render(text) {
            Ok(got) if got == *want => None,
            Ok(got) => Some(format!("{text}\n  want {want:?}\n  got  {got:?}")),
            Err(error) => Some(format!("{text}\n  want {want:?}\n  got  {error}")),
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}

#[test]
fn fails_as_go_fails() {
    for (text, want) in FAILURES {
        assert_eq!(render(text).expect_err(text).to_string(), *want, "{text}");
    }
}

#[test]
fn a_query_without_answer_is_asked_for() {
    let error = render(r#"{{ query "up == 0" }}"#).expect_err("no answer");
    assert_eq!(error.needed_query(), Some("up == 0"));
}

/// promtool's unit tests expand annotations with the same engine users have in production.
#[test]
fn promtool_agrees() {
    if Command::new("promtool").arg("--version").output().is_err() {
        skipped("promtool_agrees");
        return;
    }
    let printed = CASES.iter().map(|(text, want)| (*text, (*want).to_owned()));
    let failed = FAILURES.iter().filter_map(|(text, _)| {
        let error = render_with_prelude(text).expect_err(text);
        error.excerpt()?;
        // since histograms can be values, the type of the dot is another than in 2.42
        let error = error.to_string().replace("Value interface {} }", "Value float64 }");
        Some((*text, format!("<error expanding template: error executing template __alert_A: {error}>")))
    });
    let cases: Vec<_> = printed.chain(failed).filter(|(text, _)| !is_newer_than_promtool(text)).collect();
    // annotations are a map: neither order nor a difference would be found by eye, so each alert has one
    let mut rules = String::from("groups:\n- name: g\n  rules:\n");
    let mut tests = String::new();
    for (index, (text, want)) in cases.iter().enumerate() {
        write!(
            rules,
            "  - alert: A\n    expr: m\n    labels: {{case: '{index}'}}\n    annotations: {{a: {}}}\n",
            json(text)
        )
        .expect("text");
        write!(
            tests,
            "    - exp_labels: {{case: '{index}', job: api, instance: 'h1.example:9100', severity: critical}}\n      \
             exp_annotations: {{a: {}}}\n",
            json(want)
        )
        .expect("text");
    }
    let test = format!(
        "rule_files: [rules.yml]\ntests:\n- interval: 1m\n  external_url: {URL}\n  external_labels: {{cluster: c1}}\n  \
         input_series:\n  - series: 'm{{job=\"api\",instance=\"h1.example:9100\",severity=\"critical\"}}'\n    values: '1234.5'\n  \
         - series: 'n{{i=\"b\"}}'\n    values: '1'\n  - series: 'n{{i=\"a\"}}'\n    values: '1'\n  \
         - series: 'n{{i=\"c\"}}'\n    values: '1'\n  \
         alert_rule_test:\n  - eval_time: 0m\n    alertname: A\n    exp_alerts:\n{tests}"
    );
    let report = promtool("agrees", &rules, &test);
    let differing = differences(&report);
    assert!(differing.is_empty(), "promtool differs from what we expect:\n{}", differing.join("\n"));
    assert!(report.contains("SUCCESS"), "{report}");
}

#[test]
fn promtool_refuses_what_we_refuse() {
    if Command::new("promtool").arg("--version").output().is_err() {
        skipped("promtool_refuses_what_we_refuse");
        return;
    }
    let mut rules = String::from("groups:\n- name: g\n  rules:\n");
    let mut wanted = Vec::new();
    for (text, _) in FAILURES {
        let error = render_with_prelude(text).expect_err(text);
        if error.excerpt().is_none() {
            write!(rules, "  - alert: A\n    expr: m\n    annotations: {{a: {}}}\n", json(text)).expect("text");
            wanted.push(format!("rule {}, \"A\": annotation \"a\": {error}", wanted.len() + 1));
        }
    }
    let report = promtool("refused", &rules, "rule_files: [rules.yml]\ntests:\n- interval: 1m\n");
    let missing: Vec<_> = wanted.iter().filter(|line| !report.contains(line.as_str())).collect();
    assert!(missing.is_empty(), "{missing:#?} not in\n{report}");
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(test: &str) {
    eprintln!("skipped {test}: promtool is not installed");
}

fn promtool(name: &str, rules: &str, test: &str) -> String {
    let folder = std::env::temp_dir().join(format!("watchfire-templates-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("rules.yml"), rules).expect("a file");
    std::fs::write(folder.join("test.yml"), test).expect("a file");
    let output = Command::new("promtool").args(["test", "rules", "test.yml"]).current_dir(&folder).output();
    let output = output.expect("promtool runs");
    std::fs::remove_dir_all(&folder).expect("a folder");
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// The alerts of a failed comparison that only one side has.
fn differences(report: &str) -> Vec<String> {
    let Some((wanted, got)) = report.split_once("got:[") else { return Vec::new() };
    let alerts = |side: &str| -> std::collections::BTreeSet<String> {
        let lines: Vec<&str> = side.lines().map(str::trim).filter(|line| line.contains(":{")).collect();
        lines.chunks(2).map(|alert| alert.join("\n  ").chars().take(1000).collect()).collect()
    };
    let (wanted, got) = (alerts(wanted), alerts(got));
    wanted.symmetric_difference(&got).cloned().collect()
}

/// Whether a template needs a newer Prometheus than the installed 2.42, whose unit tests have no external URL either.
fn is_newer_than_promtool(text: &str) -> bool {
    [
        "externalURL }}",
        "{{ .Foo }}",
        "{{ now",
        "toDuration",
        "urlQueryEscape",
        "range 3",
        "else with",
        "range $i := 2",
        "\"-",
    ]
    .iter()
    .any(|new| text.contains(new))
}

/// A JSON text, which YAML reads as the same text.
fn json(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ..' ' | '\x7f'..='\u{9f}' => write!(out, "\\u{:04x}", u32::from(character)).expect("text"),
            _ => out.push(character),
        }
    }
    out + "\""
}

const CASES: &[(&str, &str)] = &[
    ("plain text", "plain text"),
    ("{{ $labels.job }} {{ .Labels.instance }}", "api h1.example:9100"),
    ("{{ $labels.missing }}|{{ .Labels.missing }}|{{ index $labels \"missing\" }}", "||"),
    ("{{ $value }} {{ .Value }}", "1234.5 1234.5"),
    ("{{ $value | humanize }} {{ humanize1024 $value }}", "1.234k 1.206ki"),
    ("{{ $externalLabels.cluster }} {{ $externalURL }}", "c1 http://prom.example:9090/base%20path"),
    ("{{ externalURL }} {{ pathPrefix }}", "http://prom.example:9090/base%20path /base path"),
    ("{{ $labels }}", "map[__name__:m instance:h1.example:9100 job:api severity:critical]"),
    ("{{ .Labels | len }} {{ len \"añ\" }}", "4 3"),
    // numbers
    (
        "{{ 1e6 }} {{ 1000000.0 }} {{ 123456789.0 }} {{ 1e20 }} {{ 1e21 }} {{ 100000.0 }}",
        "1e+06 1e+06 1.23456789e+08 1e+20 1e+21 100000",
    ),
    ("{{ 0.0001 }} {{ 0.00001 }} {{ -0.5 }} {{ 1.0 }} {{ .5 }}", "0.0001 1e-05 -0.5 1 0.5"),
    ("{{ 0x1F }} {{ 017 }} {{ 0b11 }} {{ 0o17 }} {{ 1_000 }} {{ 'a' }} {{ '\\n' }}", "31 15 3 15 1000 97 10"),
    ("{{ 0x1.8p1 }} {{ +3 }} {{ -3 }}", "3 3 -3"),
    ("{{ 1.5e3 }} {{ 15e-1 }}", "1500 1.5"),
    // printf
    ("{{ printf \"%v %d %s %q %t\" 1.5 2 \"x\" \"y\\n\" true }}", "1.5 2 x \"y\\n\" true"),
    (
        "{{ printf \"%5.2f|%-8s|%08.3f|%+d|% d|%x|%X|%o|%b|%c|%U\" 3.14159 \"ab\" 3.14159 5 5 255 255 8 5 65 65 }}",
        " 3.14|ab      |0003.142|+5| 5|ff|FF|10|101|A|U+0041",
    ),
    ("{{ printf \"%e %E %g %G\" 123456.789 0.00012 1e100 1e-7 }}", "1.234568e+05 1.200000E-04 1e+100 1E-07"),
    ("{{ printf \"%.4g %.4g %.4g %.1f %.0f\" 123456.0 0.000012345 12.0 0.05 2.5 }}", "1.235e+05 1.234e-05 12 0.1 2"),
    (
        "{{ printf \"%d\" \"x\" }} {{ printf \"%s\" 5 }} {{ printf \"%d\" 1.5 }}",
        "%!d(string=x) %!s(int=5) %!d(float64=1.5)",
    ),
    (
        "{{ printf \"%d\" }} {{ printf \"a\" 1 \"b\" }} {{ printf \"%\" }} {{ printf \"%z\" 1 }}",
        "%!d(MISSING) a%!(EXTRA int=1, string=b) %!(NOVERB) %!z(int=1)",
    ),
    (
        "{{ printf \"%[2]s %[1]s\" \"a\" \"b\" }} {{ printf \"%[3]d\" 1 }} {{ printf \"%*d|%-*d|\" 5 42 5 42 }}",
        "b a %!d(BADINDEX)    42|42   |",
    ),
    ("{{ printf \"%.*f\" 2 3.14159 }} {{ printf \"%6.2f%%\" 12.3456 }}", "3.14  12.35%"),
    ("{{ printf \"%T %T %T %T %T\" 1 1.5 \"a\" true $labels }}", "int float64 string bool map[string]string"),
    (
        "{{ printf \"%v %+v %#v %s %q\" $externalLabels $externalLabels $externalLabels $externalLabels $externalLabels }}",
        "map[cluster:c1] map[cluster:c1] map[string]string{\"cluster\":\"c1\"} map[cluster:c1] map[\"cluster\":\"c1\"]",
    ),
    ("{{ printf \"%x %X % x %#x\" \"hello\" \"hello\" \"abc\" \"abc\" }}", "68656c6c6f 68656C6C6F 61 62 63 0x616263"),
    ("{{ printf \"%#q %+q %q\" \"abc\" \"é\" \"é\\u00a0\\x01\" }}", "`abc` \"\\u00e9\" \"é\\u00a0\\x01\""),
    ("{{ printf \"%5t|%-6t|%q|%#U\" true false 'x' '⌘' }}", " true|false |'x'|U+2318 '⌘'"),
    ("{{ printf \"%5s|%.2s|%05d|%-05d|%x\" \"añb\" \"añb\" 42 42 -255 }}", "  añb|añ|00042|42   |-ff"),
    ("{{ printf \"%+.2e|%10.3g|%-10g|%+g\" 12345.678 1234.5678 1.5 1.5 }}", "+1.23e+04|  1.23e+03|1.5       |+1.5"),
    (
        "{{ printf \"%#x %#o %#b %O\" 255 8 5 8 }} {{ printf \"%x %b\" 1.5 1.5 }}",
        "0xff 010 0b101 0o10 0x1.8p+00 6755399441055744p-52",
    ),
    ("{{ printf \"%v %s\" nil nil }}", "<nil> %!s(<nil>)"),
    ("{{ printf \"%g %v %05.1f %+v\" (printf \"%s\" \"a\") -0.0 -1.5 3 }}", "%!g(string=a) -0 -01.5 3"),
    ("{{ printf \"%6.3d|%+05d|%.0d|\" 7 7 0 }}", "   007|+0007||"),
    (
        "{{ printf \"%!\" }} {{ printf \"%-\" }} {{ printf \"%.3\" 1 }}",
        "%!!(MISSING) %!(NOVERB) %!(NOVERB)%!(EXTRA int=1)",
    ),
    ("{{ printf \"%s\" (index (query \"m\") 0).Labels.job }}", "api"),
    ("{{ printf \"%.3v|%8.3v|%-8v|%08v\" 3.14159 3.14159 3.14159 3.14159 }}", "3.14|    3.14|3.14159 |03.14159"),
    ("{{ printf \"%w\" \"x\" }}", "%!w(string=x)"),
    ("{{ printf \"%[1]d %[1]v %[1]T %d\" 3 4 }}", "3 3 int 4"),
    ("{{ printf \"%[x]d %[2]*[1]d|\" 12 5 }}", "%!d(BADINDEX)    12|"),
    ("{{ printf \"%#g %#.3g %#e %#.0f\" 1.0 100.0 1.0 1.0 }}", "1.00000 100. 1.000000e+00 1."),
    (
        "{{ printf \"a%99999999d|\" 1 }} {{ printf \"%*d\" 99999999 1 }} {{ printf \"%.*d\" -1 5 }}",
        "a%!(NOVERB)%!(EXTRA int=1) %!(BADWIDTH)1 %!(BADPREC)5",
    ),
    // found by comparing random templates with promtool
    (
        "{{ printf \"%5s|%.1s|%06d\" 5 $value \"x\" }} {{ printf \"%*d\" (toTime 0).Month 7 }}",
        "%!s(int=    5)|%!s(float64=1e+03)|%!d(string=00000x) 7",
    ),
    (
        "{{ printf \"%s %v\" (args nil) (args nil) }} {{ printf \"%#q\" 1e6 }} {{ printf \"%#x\" 1.5 }}",
        "map[arg0:<nil>] map[arg0:<nil>] %!q(float64=1.00000e+06) 0x1.8000p+00",
    ),
    (
        "{{ query \"m\" | first }} {{ html (query \"m\" | first) }} {{ printf \"%v\" (query \"m\" | first) }}",
        "{map[__name__:m instance:h1.example:9100 job:api severity:critical] 1234.5} {map[__name__:m instance:h1.example:9100 job:api severity:critical] 1234.5} &{map[__name__:m instance:h1.example:9100 job:api severity:critical] 1234.5}",
    ),
    // print
    ("{{ print 1 2 \"a\" 3 4 }} {{ print \"a\" \"b\" }} {{ print nil }}", "1 2a3 4 ab <nil>"),
    ("{{ println 1 \"a\" }}x", "1 a\nx"),
    (
        "{{ html \"<a href='x'>&\\\"\" }} {{ js \"it's <b>=\\n\" }} {{ urlquery \"a b&c/d~é\" }}",
        "&lt;a href=&#39;x&#39;&gt;&amp;&#34; it\\'s \\u003Cb\\u003E\\u003D\\u000A a+b%26c%2Fd~%C3%A9",
    ),
    ("{{ html nil }} {{ html 1 2 }} {{ \"x\" | html | printf \"%s-%s\" \"y\" }}", "&lt;no value&gt; 1 2 y-x"),
    // control
    ("{{ if eq $labels.job \"api\" }}A{{ else }}B{{ end }}", "A"),
    ("{{ if eq $labels.job \"x\" \"api\" }}A{{ end }}{{ if ne 1 2 }}B{{ end }}", "AB"),
    ("{{ if false }}A{{ else if eq 1 1 }}B{{ else }}C{{ end }}", "B"),
    (
        "{{ with $labels.job }}{{ . }}{{ else }}none{{ end }} {{ with $labels.nope }}{{ . }}{{ else }}none{{ end }}",
        "api none",
    ),
    ("{{ with $x := 5 }}{{ $x }}{{ . }}{{ end }}", "55"),
    ("{{ with \"\" }}A{{ else with \"b\" }}{{ . }}{{ end }}", "b"),
    (
        "{{ range $k, $v := $labels }}{{ $k }}={{ $v }},{{ end }}",
        "__name__=m,instance=h1.example:9100,job=api,severity=critical,",
    ),
    ("{{ range query \"n\" | sortByLabel \"i\" }}{{ .Labels.i }}{{ .Value }} {{ end }}", "a1 b1 c1 "),
    ("{{ range $i, $e := query \"n\" | sortByLabel \"i\" }}{{ $i }}{{ $e.Labels.i }}{{ else }}none{{ end }}", "0a1b2c"),
    ("{{ range query \"absent\" }}x{{ else }}none{{ end }}", "none"),
    (
        "{{ range $i, $e := query \"n\" | sortByLabel \"i\" }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ .Labels.i }}{{ end }}",
        "ac",
    ),
    (
        "{{ range query \"n\" | sortByLabel \"i\" }}{{ if eq .Labels.i \"b\" }}{{ break }}{{ end }}{{ .Labels.i }}{{ end }}",
        "a",
    ),
    ("{{ range 3 }}{{ . }}{{ end }}", "012"),
    ("{{ range $i := 2 }}{{ $i }}{{ end }}", "01"),
    ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ $x }}{{ end }}{{ $x }}", "32"),
    (
        "{{ $n := 0 }}{{ range query \"n\" }}{{ $n = len (printf \"%*s\" $n \"\" | printf \"%sx\") }}{{ end }}{{ $n }}",
        "3",
    ),
    ("a {{- 1 -}} b {{- /* c */ -}} d {{ 2 }}\n{{- 3 }}", "a1bd 23"),
    ("{{/* comment */}}x{{- /* y */ -}}  z", "xz"),
    (
        "{{ define \"d\" }}[{{ . }}]{{ end }}{{ template \"d\" 1 }}{{ template \"d\" }}{{ template \"d\" $labels.job }}",
        "[1][<no value>][api]",
    ),
    ("{{ block \"b\" $value }}<{{ . }}>{{ end }}", "<1234.5>"),
    (
        "{{ define \"d\" }}{{ .arg0 }}-{{ .arg1 }}-{{ .arg2 }}{{ end }}{{ template \"d\" args 1 \"x\" }}",
        "1-x-<no value>",
    ),
    ("{{ define \"d\" }}{{ with $x := . }}{{ $ }}{{ end }}{{ end }}{{ template \"d\" 7 }}", "7"),
    // logic
    ("{{ and 1 0 2 }} {{ or 0 \"\" \"x\" \"y\" }} {{ not 0 }} {{ and true (not false) }}", "0 x true true"),
    ("{{ or 1 (index $labels 5) }} {{ and 0 (index $labels 5) }} {{ 5 | and 1 }} {{ 5 | or 0 }}", "1 0 5 5"),
    (
        "{{ lt 1 2 }} {{ le 2 2 }} {{ gt 2.5 1.5 }} {{ ge \"b\" \"a\" }} {{ eq 1 1 }} {{ eq \"a\" \"b\" \"a\" }} {{ ne \"a\" \"b\" }}",
        "true true true true true true true",
    ),
    ("{{ eq nil nil }} {{ eq $labels nil }} {{ ne 1 2 }}", "true false true"),
    ("{{ if gt $value 1000.0 }}big{{ end }}", "big"),
    ("{{ index (query \"n\" | sortByLabel \"i\") 1 | label \"i\" }} {{ index \"abc\" 1 }}", "b 98"),
    (
        "{{ slice \"hello\" 1 3 }} {{ slice \"hello\" 2 }} {{ slice \"hello\" }} {{ len (slice (query \"n\") 1) }}",
        "el llo hello 2",
    ),
    (
        "{{ ($labels).job }} {{ (query \"m\" | first).Value }} {{ (index (query \"m\") 0).Labels.job }}",
        "api 1234.5 api",
    ),
    ("{{ `raw \\n` }} {{ \"q\\t\\\"\\u00e9\\x41\\101\" }}", "raw \\n q\t\"éAA"),
    ("{{ true }} {{ false }} {{ .Labels.nope }} {{ print .Labels.nope }}", "true false  "),
    ("{{ $v := .Value }}{{ printf \"%.2f\" $v }} {{ $v | printf \"%.1f\" }}", "1234.50 1234.5"),
    // functions of rules
    (
        "{{ query \"m\" | first | value }} {{ query \"m\" | first | label \"job\" }} {{ query \"m\" | first | strvalue }}",
        "1234.5 api ",
    ),
    (
        "{{ humanize 0.0 }} {{ humanize 1 }} {{ humanize 1234567 }} {{ humanize 0.001234 }} {{ humanize \"1e30\" }} {{ humanize -5e-7 }}",
        "0 1 1.235M 1.234m 1e+06Y -500n",
    ),
    (
        "{{ humanize 999.99 }} {{ humanize 999.9999 }} {{ humanize \"NaN\" }} {{ humanize \"+Inf\" }} {{ humanize \"-inf\" }}",
        "1000 1000 NaN +Inf -Inf",
    ),
    (
        "{{ humanize1024 0 }} {{ humanize1024 1 }} {{ humanize1024 1048576 }} {{ humanize1024 1500 }} {{ humanize1024 -2048.5 }}",
        "0 1 1Mi 1.465ki -2ki",
    ),
    (
        "{{ humanizeDuration 0 }} {{ humanizeDuration 1 }} {{ humanizeDuration 60 }} {{ humanizeDuration 3600 }} {{ humanizeDuration 86400 }}",
        "0s 1s 1m 0s 1h 0m 0s 1d 0h 0m 0s",
    ),
    (
        "{{ humanizeDuration 899.99 }} {{ humanizeDuration 1.23456 }} {{ humanizeDuration .00012345 }} {{ humanizeDuration -93784.5 }} {{ humanizeDuration \"NaN\" }}",
        "14m 59s 1.235s 123.4us -1d 2h 3m 4s NaN",
    ),
    (
        "{{ humanizePercentage 0.1234567 }} {{ humanizePercentage 1 }} {{ humanizePercentage \"-0.00001\" }}",
        "12.35% 100% -0.001%",
    ),
    (
        "{{ humanizeTimestamp 0 }} {{ humanizeTimestamp 1435065584.128 }} {{ humanizeTimestamp -1.5 }} {{ humanizeTimestamp \"Inf\" }}",
        "1970-01-01 00:00:00 +0000 UTC 2015-06-23 13:19:44.128 +0000 UTC 1969-12-31 23:59:58.5 +0000 UTC +Inf",
    ),
    (
        "{{ (toTime 1435065584.128).Year }} {{ (toTime 0).Month }} {{ (toTime 0).Format \"2006-01-02T15:04:05Z07:00\" }} {{ (toTime 0).Weekday }}",
        "2015 January 1970-01-01T00:00:00Z Thursday",
    ),
    (
        "{{ toTime 3.5 }} {{ (toTime 3.5).Unix }} {{ (toTime 3.5).UnixNano }} {{ ((toTime 90).Sub (toTime 0)).Seconds }}",
        "1970-01-01 00:00:03.5 +0000 UTC 3 3500000000 90",
    ),
    (
        "{{ (toTime 90).Add 60000000000 }} {{ (toTime 0).IsZero }} {{ (toTime 90).Hour }}",
        "1970-01-01 00:02:30 +0000 UTC false 0",
    ),
    (
        "{{ parseDuration \"1h30m\" }} {{ parseDuration \"5ms\" }} {{ parseDuration \"0\" }} {{ parseDuration \"1y2w3d\" }}",
        "5400 0.005 0 3.30048e+07",
    ),
    ("{{ toDuration 90 }} {{ toDuration 0.0015 }} {{ (toDuration 90).Seconds }}", "1m30s 1.5ms 90"),
    ("{{ parseDuration \"-5m\" }}", "-300"),
    ("{{ now }}", "0"),
    ("{{ urlQueryEscape \"a b\" }}", "a+b"),
    (
        "{{ title \"hello wORLD foo_bar it's ünï-x\" }} {{ toUpper \"abcé\" }} {{ toLower \"ABCÉ\" }}",
        "Hello WORLD Foo_bar It'S Ünï-X ABCÉ abcé",
    ),
    (
        "{{ match \"a.c\" \"xabcx\" }} {{ match \"^a\" \"ba\" }} {{ reReplaceAll \"(.*):.*\" \"$1\" $labels.instance }}",
        "true false h1.example",
    ),
    (
        "{{ reReplaceAll \"a\" \"b\" \"banana\" }} {{ \"x:9\" | reReplaceAll \":([0-9])\" \"-${1}-$1x\" }}",
        "bbnbnb x-9-",
    ),
    (
        "{{ stripPort $labels.instance }} {{ stripPort \"[::1]:80\" }} {{ stripPort \"a:b:c\" }} {{ stripPort \"x\" }}",
        "h1.example ::1 a:b:c x",
    ),
    (
        "{{ stripDomain $labels.instance }} {{ stripDomain \"1.2.3.4:80\" }} {{ stripDomain \"a.b\" }} {{ stripDomain \"[::1]:80\" }}",
        "h1:9100 1.2.3.4:80 a [::1]:80",
    ),
    (
        "{{ graphLink \"up == 0\" }} {{ tableLink \"rate(x[5m])\" }}",
        "/graph?g0.expr=up+%3D%3D+0&g0.tab=0 /graph?g0.expr=rate%28x%5B5m%5D%29&g0.tab=1",
    ),
    ("{{ safeHtml \"<b>\" }} {{ printf \"%T\" (safeHtml \"x\") }}", "<b> template.HTML"),
    ("{{ $labels.job | toUpper | printf \"%s-%d\" | println }}", "API-%!d(MISSING)\n"),
    (
        "{{ printf \"%v\" (query \"absent\") }} {{ len (query \"n\") }} {{ if query \"absent\" }}a{{ else }}b{{ end }}",
        "[] 3 b",
    ),
    ("{{ printf \"%d %v\" (toTime 0).Month (toTime 0).Weekday }}", "1 Thursday"),
];

const FAILURES: &[(&str, &str)] = &[
    // syntax
    ("{{", "template: t:1: unclosed action"),
    ("a\n{{ foo }}", "template: t:2: function \"foo\" not defined"),
    ("{{ $x }}", "template: t:1: undefined variable \"$x\""),
    ("{{ if true }}", "template: t:1: unexpected EOF"),
    ("{{ end }}", "template: t:1: unexpected {{end}}"),
    ("{{ else }}", "template: t:1: unexpected {{else}}"),
    ("{{ if }}x{{ end }}", "template: t:1: missing value for if"),
    ("{{ }}", "template: t:1: missing value for command"),
    ("{{ \"a\" | 1 }}", "template: t:1: non executable command in pipeline stage 2"),
    ("{{ break }}", "template: t:1: {{break}} outside {{range}}"),
    ("{{ \"abc }}", "template: t:1: unterminated quoted string"),
    ("{{ 'abc }}", "template: t:1: unterminated character constant"),
    ("{{ `abc }}", "template: t:1: unterminated raw quoted string"),
    ("{{/* a }}", "template: t:1: unclosed comment"),
    ("{{/* a */ b }}", "template: t:1: comment ends before closing delimiter"),
    ("{{ 1a }}", "template: t:1: bad number syntax: \"1a\""),
    ("{{ (1 }}", "template: t:1: unclosed left paren"),
    ("{{ 1) }}", "template: t:1: unexpected \")\" in command"),
    ("{{ .a@b }}", "template: t:1: bad character U+0040 '@'"),
    ("{{ 1.a }}", "template: t:1: bad number syntax: \"1.a\""),
    ("{{ \"a\".b }}", "template: t:1: unexpected . after term \"\\\"a\\\"\""),
    ("{{ $a, $b := 1 }}", "template: t:1: too many declarations in command"),
    (
        "{{ define \"a\" }}x{{ end }}{{ define \"a\" }}y{{ end }}",
        "template: t:1: template: multiple definition of template \"a\"",
    ),
    ("{{ template 5 }}", "template: t:1: unexpected \"5\" in template clause"),
    ("{{ if true }}{{ else }}{{ else }}{{ end }}", "template: t:1: expected end; found {{else}}"),
    ("{{\n.Labels\n", "template: t:3: unclosed action started at t:1"),
    // execution
    (
        "{{ .Foo }}",
        "template: t:1:3: executing \"t\" at <.Foo>: can't evaluate field Foo in type struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }",
    ),
    (
        "x\ny {{ $labels.job.foo }}",
        "template: t:2:12: executing \"t\" at <$labels.job.foo>: can't evaluate field foo in type string",
    ),
    (
        "{{ template \"no\" }}",
        "template: t:1:12: executing \"t\" at <{{template \"no\"}}>: template \"no\" not defined",
    ),
    ("{{ toUpper 1 }}", "template: t:1:11: executing \"t\" at <1>: expected string; found 1"),
    (
        "{{ toUpper $value }}",
        "template: t:1:11: executing \"t\" at <$value>: wrong type for value; expected string; got float64",
    ),
    ("{{ toUpper }}", "template: t:1:3: executing \"t\" at <toUpper>: wrong number of args for toUpper: want 1 got 0"),
    (
        "{{ printf }}",
        "template: t:1:3: executing \"t\" at <printf>: wrong number of args for printf: want at least 1 got 0",
    ),
    (
        "{{ query \"absent\" | first }}",
        "template: t:1:20: executing \"t\" at <first>: error calling first: first() called on vector with no elements",
    ),
    (
        "{{ humanize \"x\" }}",
        "template: t:1:3: executing \"t\" at <humanize \"x\">: error calling humanize: strconv.ParseFloat: parsing \"x\": invalid syntax",
    ),
    (
        "{{ humanize $labels }}",
        "template: t:1:3: executing \"t\" at <humanize $labels>: error calling humanize: can't convert map[string]string to float",
    ),
    (
        "{{ lt 1 \"a\" }}",
        "template: t:1:3: executing \"t\" at <lt 1 \"a\">: error calling lt: incompatible types for comparison",
    ),
    (
        "{{ lt 1 1.5 }}",
        "template: t:1:3: executing \"t\" at <lt 1 1.5>: error calling lt: incompatible types for comparison",
    ),
    (
        "{{ lt $labels 1 }}",
        "template: t:1:3: executing \"t\" at <lt $labels 1>: error calling lt: invalid type for comparison",
    ),
    (
        "{{ eq $labels $labels }}",
        "template: t:1:3: executing \"t\" at <eq $labels $labels>: error calling eq: non-comparable type map[__name__:m instance:h1.example:9100 job:api severity:critical]: map[string]string",
    ),
    (
        "{{ index (query \"n\") 9 }}",
        "template: t:1:3: executing \"t\" at <index (query \"n\") 9>: error calling index: index out of range: 9",
    ),
    (
        "{{ index $labels 1 }}",
        "template: t:1:3: executing \"t\" at <index $labels 1>: error calling index: value has type int; should be string",
    ),
    ("{{ range $value }}{{ end }}", "template: t:1:9: executing \"t\" at <$value>: range can't iterate over 1234.5"),
    ("{{ $value.Foo }}", "template: t:1:9: executing \"t\" at <$value.Foo>: can't evaluate field Foo in type float64"),
    (
        "{{ $labels.job 5 }}",
        "template: t:1:10: executing \"t\" at <$labels.job>: job is not a method but has arguments",
    ),
    ("{{ 1 2 }}", "template: t:1:3: executing \"t\" at <1>: can't give argument to non-function 1"),
    ("{{ nil }}", "template: t:1:3: executing \"t\" at <nil>: nil is not a command"),
    ("{{ toUpper nil }}", "template: t:1:11: executing \"t\" at <nil>: cannot assign nil to string"),
    (
        "{{ define \"d\" }}{{ .x.y }}{{ end }}{{ template \"d\" 1 }}",
        "template: t:1:21: executing \"d\" at <.x.y>: can't evaluate field x in type int",
    ),
    (
        "{{ parseDuration \"5\" }}",
        "template: t:1:3: executing \"t\" at <parseDuration \"5\">: error calling parseDuration: not a valid duration string: \"5\"",
    ),
    (
        "{{ toTime \"1e300\" }}",
        "template: t:1:3: executing \"t\" at <toTime \"1e300\">: error calling toTime: 1e+300 cannot be represented as a nanoseconds timestamp since it overflows int64",
    ),
    (
        "{{ eq . . }}",
        "template: t:1:3: executing \"t\" at <eq . .>: error calling eq: non-comparable type {map[__name__:m instance:h1.example:9100 job:api severity:critical] map[cluster:c1] http://prom.example:9090/base%20path %!s(float64=1234.5)}: struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }",
    ),
    (
        "{{ index (args 1) \"a\" \"b\" }}",
        "template: t:1:3: executing \"t\" at <index (args 1) \"a\" \"b\">: error calling index: index of nil pointer",
    ),
    (
        "{{ first nil }}",
        "template: t:1:3: executing \"t\" at <first nil>: error calling first: first() called on vector with no elements",
    ),
    ("{{ call nil }}", "template: t:1:3: executing \"t\" at <call nil>: error calling call: call of nil"),
];
