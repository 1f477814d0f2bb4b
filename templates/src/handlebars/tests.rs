use serde_json::{Value, json};

use super::*;

fn data() -> Data {
    Data::new(json!({
        "status": "firing",
        "receiver": "team",
        "reason": "first notification",
        "now": "2026-03-29T01:30:00Z",
        "groupLabels": {"alertname": "Hot"},
        "commonLabels": {"alertname": "Hot", "zone": "a", "instance": "i<1>"},
        "commonAnnotations": {},
        "firing": [{
            "status": "firing",
            "labels": {"alertname": "Hot", "zone": "a", "instance": "i<1>"},
            "annotations": {"summary": "CPU & <mem>", "title": "a title", "runbook": "https://r/?a=b&c"},
            "startsAt": "2026-03-28T00:00:00Z",
            "generatorURL": "javascript:alert(1)",
            "silenceURL": "http://am/#/silences/new?filter=x",
        }],
        "resolved": [],
        "ratio": 100_000.0,
        "half": 0.5,
    }))
}

fn text(source: &str) -> String {
    Registry::shipped().render_text("t", source, Escaping::Text, &data()).unwrap_or_else(|error| error.to_string())
}

#[test]
fn shipped_templates_compile_and_end() {
    assert_eq!(Registry::shipped().check(), Ok(()));
    for (name, source) in shipped::TEMPLATES {
        assert_eq!(Registry::shipped().check_text(name, source), Ok(()), "{name}");
    }
}

#[test]
fn helpers_do_what_they_say() {
    for (source, wanted) in [
        ("{{upper status}}{{lower \"AÉ\"}}", "FIRINGaé"),
        ("{{title \"disk full, 2nd don't\"}}", "Disk Full, 2nd Don't"),
        ("[{{trim \" a \"}}]", "[a]"),
        ("{{truncate \"grün ist es\" 5}} {{truncate \"kurz\" 5}}", "grün… kurz"),
        ("{{join commonLabels}}", "alertname=Hot, instance=i<1>, zone=a"),
        ("{{join (values commonLabels) \" \"}}", "Hot i<1> a"),
        ("{{join (names (without commonLabels groupLabels \"zone\")) \"/\"}}", "instance"),
        ("{{#each (pairs groupLabels)}}{{name}}:{{value}}{{/each}}", "alertname:Hot"),
        ("{{len (first (values commonLabels) 2)}} {{beyond firing 1}} {{beyond (names commonLabels) 1}}", "2 0 2"),
        ("{{default commonAnnotations.summary nothing \"x\"}}", "x"),
        ("{{nothing}}|{{commonLabels.nothing.deeper}}|", "||"),
        ("{{ratio}} {{half}} {{len firing}}", "100000 0.5 1"),
        ("{{json groupLabels}}", "{\"alertname\":\"Hot\"}"),
        ("{{urlencode \"a b/ü\"}}", "a%20b%2F%C3%BC"),
        ("{{#if (and (eq status \"firing\") (gt (len firing) 0))}}yes{{else}}no{{/if}}", "yes"),
        ("{{#isURL \"https://x\"}}u{{else}}-{{/isURL}}{{#isURL \"javascript:1\"}}u{{else}}-{{/isURL}}", "u-"),
        ("{{#with firing.[0].annotations}}{{title}}{{/with}}", "a title"),
        ("{{date now}}", "2026-03-29 01:30:00 UTC"),
        ("{{date now tz=\"Europe/Berlin\" format=\"%d.%m. %H:%M %Z\"}}", "29.03. 03:30 CEST"),
        (
            "{{#each firing}}{{since startsAt}}|{{duration startsAt @root.now}}|{{since endsAt}}{{/each}}",
            "1d 1h|1d 1h|",
        ),
        ("{{since now}} {{date nothing}}", "0s "),
    ] {
        assert_eq!(text(source), wanted, "{source}");
    }
}

#[test]
fn mistakes_have_a_place() {
    for (source, wanted) in [
        ("a\n  {{#if firing}}x", "template \"t\", line 2, column "),
        ("{{#if a}}{{/each}}", "{{#if}} is open, but {{/each}} closes"),
        ("{{ .Labels.x }}", "template \"t\", line 1, column "),
        (
            "x\n{{ printf \"%s\" status }}",
            "template \"t\", line 2, column 1: there is no helper \"printf\" (is this text a Go",
        ),
        ("{{upper (nope 1)}}", "there is no helper \"nope\""),
        ("{{> nowhere}}", "there is no template \"nowhere\" to include"),
        ("{{> (lookup this \"x\")}}", "a partial is named outright"),
        ("{{#*inline \"a\"}}{{> a}}{{/inline}}{{> a}}", "{{* …}} is not offered"),
        ("{{#> subject}}x{{/subject}}", "{{#> …}} is not offered"),
        ("{{upper 1 2}}", "upper: takes 1 to 1 arguments, has 2"),
        ("\n{{date \"noon\"}}", "template \"t\", line 2, column 1: date: \"noon\" is no time"),
        ("{{date now tz=\"Mars/Base\"}}", "there is no time zone \"Mars/Base\""),
    ] {
        let error = text(source);
        assert!(error.contains(wanted), "{source}: {error}");
    }
}

#[test]
fn hostile_sources_are_refused_quickly() {
    for source in [
        "{{#if a}}".repeat(5_000),
        "{{#if a}}".to_owned() + &"{{else if b}}".repeat(5_000) + "{{/if}}",
        format!("{{{{upper {}status{}}}}}", "(upper ".repeat(5_000), ")".repeat(5_000)),
        format!("{{{{json {}1{}}}}}", "[".repeat(5_000), "]".repeat(5_000)),
        "x".repeat(check::SOURCE_BYTES_MAX + 1),
        "{{#if a}}x{{/if}} {{b.c}}\n".repeat(5_000),
    ] {
        assert!(Registry::shipped().check_text("t", &source).is_err());
    }
}

#[test]
fn loops_within_loops_are_stopped() {
    let alerts: Vec<Value> = (0..2_000).map(|n| json!({"labels": {"n": n}})).collect();
    let data = Data::new(json!({"firing": alerts}));
    let registry = Registry { steps_max: 20_000, ..Registry::shipped() };
    let render = |source: &str| registry.render_text("t", source, Escaping::Text, &data);
    for inner in ["", "x{{nothing}}", "{{#if (eq (json this) \"\")}}{{/if}}"] {
        let source = "{{#each @root.firing}}".repeat(20) + inner + &"{{/each}}".repeat(20);
        let error = render(&source).unwrap_err().to_string();
        assert!(error.contains("stopped: too many steps") || error.contains("is longer than"), "{error}");
    }
    assert_eq!(render("{{#each firing}}{{#each labels}}{{/each}}{{/each}}").unwrap(), "");
}

#[test]
fn texts_that_double_are_stopped() {
    let firing: Vec<Value> = vec!["x".into(); 100];
    let data = Data::new(json!({"firing": firing, "quote": "\""}));
    for (open, close) in [("{{#with (json this)}}", "{{/with}}"), ("{{#with (join @root.firing this)}}", "{{/with}}")] {
        let source = format!("{{{{#with quote}}}}{}{}{{{{/with}}}}", open.repeat(40), close.repeat(40));
        let error = Registry::shipped().render_text("t", &source, Escaping::Text, &data).unwrap_err().to_string();
        assert!(error.contains("makes a text of more than"), "{error}");
    }
    let nested = format!("{{{{{}json quote{}}}}}", "json (".repeat(15), ")".repeat(15));
    assert!(Registry::shipped().render_text("t", &nested, Escaping::Text, &data).is_ok());
}

#[test]
fn partials_that_include_each_other_are_refused() {
    let mut registry = Registry::shipped();
    registry.add("a", "{{> b}}").unwrap();
    registry.add("b", "x{{#if firing}}\n{{> a}}{{/if}}").unwrap();
    let errors = registry.check().unwrap_err();
    let shown: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert!(shown[0].contains("a includes b includes a"), "{shown:?}");
    assert!(registry.check_text("t", "{{> a}}").is_err());
}

#[test]
fn partials_that_grow_without_bound_are_refused() {
    let mut registry = Registry::shipped();
    registry.add("p0", "x").unwrap();
    for level in 1..40 {
        registry.add(&format!("p{level}"), &format!("{{{{> p{0}}}}}{{{{> p{0}}}}}", level - 1)).unwrap();
    }
    let errors = registry.check().unwrap_err();
    assert!(errors[0].message.contains("more than 100000 parts"), "{errors:?}");
}

#[test]
fn html_is_escaped_and_text_is_not() {
    let registry = Registry::shipped();
    let source = "{{commonLabels.instance}} {{upper commonLabels.instance}} {{{commonLabels.instance}}}";
    let render = |escaping| registry.render_text("t", source, escaping, &data()).unwrap();
    assert_eq!(render(Escaping::Text), "i<1> I<1> i<1>");
    assert_eq!(render(Escaping::Html), "i&lt;1&gt; I&lt;1&gt; i<1>");
}

#[test]
fn users_replace_what_is_shipped() {
    let mut registry = Registry::shipped();
    registry.add("subject", "{{status}}: {{join groupLabels}}\n").unwrap();
    assert_eq!(registry.render("email.subject", Escaping::Text, &data()).unwrap(), "firing: alertname=Hot");
}

#[test]
fn the_subject_is_alertmanagers() {
    let subject = |value: Value| Registry::shipped().render("subject", Escaping::Text, &Data::new(value)).unwrap();
    let a = json!({"alertname": "A"});
    let two = json!({"alertname": "A", "instance": "i1", "severity": "critical"});
    for (status, firing, group, common, wanted) in [
        ("firing", 1, &a, &two, "[FIRING:1] A (i1 critical)"),
        ("resolved", 0, &a, &two, "[RESOLVED] A (i1 critical)"),
        ("firing", 2, &a, &a, "[FIRING:2] A "),
        ("firing", 2, &json!({}), &json!({}), "[FIRING:2]  "),
    ] {
        let firing = vec![json!({}); firing];
        let data = json!({"status": status, "firing": firing, "groupLabels": group, "commonLabels": common});
        assert_eq!(subject(data), wanted);
    }
}

#[test]
fn long_mails_say_what_they_leave_out() {
    let alert = json!({"status": "firing", "labels": {"alertname": "A"}, "annotations": {}, "startsAt": "2026-03-28T00:00:00Z"});
    let data =
        Data::new(json!({"status": "firing", "firing": vec![alert; 130], "resolved": [], "groupURL": "http://g/"}));
    let registry = Registry::shipped();
    let text = registry.render("email.text", Escaping::Text, &data).unwrap();
    assert_eq!(text.matches("FIRING  A").count(), 100);
    assert!(text.contains("\n… and 30 more firing: http://g/\n\n--\n130 firing, 0 resolved"), "{text}");
    let html = registry.render("email.html", Escaping::Html, &data).unwrap();
    assert!(html.contains("… and 30 more firing: <a href=\"http://g/\""), "{html}");
}

#[test]
fn mails_show_what_matters_and_no_unsafe_link() {
    let registry = Registry::shipped();
    let html = registry.render("email.html", Escaping::Html, &data()).unwrap();
    for shown in [
        "CPU &amp; &lt;mem&gt;",
        "since 2026-03-28 00:00:00 UTC, 1d 1h",
        "instance=<b>i&lt;1&gt;</b>",
        "<a href=\"https://r/?a=b&amp;c\"",
        "FIRING &middot; 1 firing",
        "silences/new?filter=x",
    ] {
        assert!(html.contains(shown), "{shown} is missing in {html}");
    }
    assert!(!html.contains("href=\"javascript"), "{html}");
    let text = registry.render("email.text", Escaping::Text, &data()).unwrap();
    assert_eq!(
        text,
        "FIRING  CPU & <mem>\n  runbook: https://r/?a=b&c\n  title: a title\n  Labels:\n    alertname = Hot\n    \
         instance = i<1>\n    zone = a\n  Since:   2026-03-28 00:00:00 UTC (1d 1h ago)\n  \
         Source:  javascript:alert(1)\n  Silence: http://am/#/silences/new?filter=x\n\n--\n\
         1 firing, 0 resolved in alertname=Hot\nReceiver team, first notification\n"
    );
}
