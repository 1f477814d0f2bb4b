//! Templates as notifications have them; every expectation is also put to amtool.

use std::process::Command;

use super::super::notifier_data::{Alert, Notification};
use super::super::notifier_functions;
use super::super::{At, Escape, Limits, Render, TemplateError};

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The same notification as [`DATA`].
fn notification() -> Notification {
    let firing = Alert {
        status: "firing".into(),
        labels: pairs(&[("severity", "critical"), ("alertname", "A"), ("instance", "h1:9100")]),
        annotations: pairs(&[("summary", "s1"), ("desc", "<b>x</b> & y")]),
        starts_at: "2023-03-04T05:06:07.123Z".parse().ok(),
        ends_at: None,
        generator_url: "http://p/graph?g0.expr=up%3D%3D0".into(),
        fingerprint: "abc".into(),
        ack_url: String::new(),
    };
    let resolved = Alert {
        status: "resolved".into(),
        labels: pairs(&[("alertname", "A"), ("instance", "h2:9100")]),
        annotations: Vec::new(),
        starts_at: "2023-03-04T05:06:07Z".parse().ok(),
        ends_at: "2023-03-04T06:06:07Z".parse().ok(),
        generator_url: "javascript:alert(1)".into(),
        fingerprint: "abd".into(),
        ack_url: String::new(),
    };
    Notification {
        receiver: "team-X".into(),
        status: "firing".into(),
        alerts: vec![firing, resolved],
        group_labels: pairs(&[("alertname", "A")]),
        common_labels: pairs(&[("job", "j"), ("alertname", "A")]),
        external_url: "http://am:9093".into(),
        ..Notification::default()
    }
}

pub(super) const DATA: &str = r#"{"receiver":"team-X","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"A",
"severity":"critical","instance":"h1:9100"},"annotations":{"summary":"s1","desc":"<b>x</b> & y"},
"startsAt":"2023-03-04T05:06:07.123Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/graph?g0.expr=up%3D%3D0",
"fingerprint":"abc"},{"status":"resolved","labels":{"alertname":"A","instance":"h2:9100"},"annotations":{},
"startsAt":"2023-03-04T05:06:07Z","endsAt":"2023-03-04T06:06:07Z","generatorURL":"javascript:alert(1)",
"fingerprint":"abd"}],"groupLabels":{"alertname":"A"},"commonLabels":{"alertname":"A","job":"j"},
"commonAnnotations":{},"externalURL":"http://am:9093"}"#;

pub(super) fn render(text: &str, escape: Escape) -> Result<String, TemplateError> {
    let dot = notification().dot();
    let context = At(1_677_909_967.5);
    let limits = Limits::notifications();
    let render = Render { data: &dot, variables: &[], context: &context, limits: &limits, escape };
    notifier_functions::template_set().parse("", text)?.execute(&render)
}

fn check(cases: &[(&str, &str)], escape: Escape) {
    let got =
        cases.iter().map(|(text, want)| (text, want, render(text, escape).unwrap_or_else(|error| error.to_string())));
    let wrong: Vec<String> = got
        .filter(|(_, want, got)| got != *want)
        .map(|(text, want, got)| format!("{text}\n  want {want:?}\n  got  {got:?}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn text_mode() {
    check(TEXTS, Escape::None);
    check(NEWER, Escape::None);
    check(&DEFAULTS.map(|(text, want)| (text, want)), Escape::None);
}

#[test]
fn html_mode() {
    check(HTML, Escape::Html);
    check(NEWER_HTML, Escape::Html);
}

#[test]
fn amtool_agrees() {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/go/default.tmpl");
    let theirs = "/usr/share/prometheus/alertmanager/*.tmpl";
    let folder = std::env::temp_dir().join(format!("watchfire-amtool-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let data = folder.join("data.json");
    std::fs::write(&data, DATA).expect("a file");
    let amtool = |templates: &str, mode: &str, text: &str| {
        let mut command = Command::new("amtool");
        command.args(["template", "render", "--template.glob", templates, "--template.text", text]);
        command.args(["--template.type", mode, "--template.data"]).arg(&data);
        let output = command.output().ok()?;
        let failure = String::from_utf8_lossy(&output.stderr).trim_start_matches("amtool: error: ").trim().to_owned();
        Some(if output.status.success() { String::from_utf8_lossy(&output.stdout).into_owned() } else { failure })
    };
    if amtool(ours, "text", "x").is_none() {
        skipped();
        return;
    }
    let mut wrong = Vec::new();
    let mut compare = |templates: &str, mode: &str, cases: &[(&str, &str)]| {
        for (text, want) in cases {
            let got = amtool(templates, mode, text).unwrap_or_default();
            if got != *want {
                wrong.push(format!("{text}\n  want {want:?}\n  got  {got:?}"));
            }
        }
    };
    compare(ours, "text", TEXTS);
    compare(ours, "text", &DEFAULTS);
    compare(ours, "html", HTML);
    if glob_exists(theirs) {
        compare(theirs, "text", &DEFAULTS);
    }
    // our own mail, through their engine
    for (mode, escape) in [("text", Escape::None), ("html", Escape::Html)] {
        let mail = render(MAIL, escape).expect("a mail");
        compare(ours, mode, &[(MAIL, mail.as_str())]);
    }
    std::fs::remove_dir_all(&folder).expect("a folder");
    assert!(wrong.is_empty(), "amtool differs:\n{}", wrong.join("\n"));
}

const MAIL: &str = "{{ template \"email.default.html\" . }}";

fn glob_exists(pattern: &str) -> bool {
    std::path::Path::new(&pattern.replace('*', "default")).exists()
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped() {
    eprintln!("skipped amtool_agrees: amtool is not installed");
}

/// Alertmanager's own default templates and ours.
const DEFAULTS: [(&str, &str); 9] = [
    ("{{ template \"__alertmanager\" . }}", "Alertmanager"),
    ("{{ template \"__alertmanagerURL\" . }}", "http://am:9093/#/alerts?receiver=team-X"),
    ("{{ template \"__subject\" . }}|{{ template \"__description\" . }}|", "[FIRING:1] A (j)||"),
    (
        "{{ template \"__text_alert_list\" .Alerts }}",
        "Labels:\n - alertname = A\n - instance = h1:9100\n - severity = critical\nAnnotations:\n - desc = <b>x</b> & y\n \
         - summary = s1\nSource: http://p/graph?g0.expr=up%3D%3D0\nLabels:\n - alertname = A\n - instance = h2:9100\n\
         Annotations:\nSource: javascript:alert(1)\n",
    ),
    ("{{ template \"email.default.subject\" . }}", "[FIRING:1] A (j)"),
    ("{{ template \"pagerduty.default.description\" . }}", "[FIRING:1] A (j)"),
    ("{{ template \"pagerduty.default.client\" . }}", "Alertmanager"),
    ("{{ template \"pagerduty.default.clientURL\" . }}", "http://am:9093/#/alerts?receiver=team-X"),
    (
        "{{ template \"pagerduty.default.instances\" .Alerts.Resolved }}",
        "Labels:\n - alertname = A\n - instance = h2:9100\nAnnotations:\nSource: javascript:alert(1)\n",
    ),
];

const TEXTS: &[(&str, &str)] = &[
    ("{{ .Status }} {{ .Receiver }} {{ .ExternalURL }}", "firing team-X http://am:9093"),
    ("{{ len .Alerts }} {{ len .Alerts.Firing }} {{ len .Alerts.Resolved }}", "2 1 1"),
    ("{{ range .Alerts }}{{ .Labels.instance }}{{ .Labels.nope }};{{ end }}", "h1:9100;h2:9100;"),
    ("{{ range .Alerts.Firing }}{{ .Annotations.summary }}{{ end }}", "s1"),
    ("{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}", "alertname=A job=j "),
    ("{{ (.CommonLabels.Remove (stringSlice \"job\")).Names | join \",\" }}", "alertname"),
    ("{{ .CommonLabels.SortedPairs.Names | join \",\" }} {{ .CommonLabels.Values | join \",\" }}", "alertname,job A,j"),
    ("{{ (.CommonLabels.Remove .GroupLabels.Names).Values | join \" \" }}", "j"),
    ("{{ range $k, $v := .CommonLabels }}{{ $k }}{{ $v }}{{ end }}", "alertnameAjobj"),
    (
        "{{ (index .Alerts 0).StartsAt }}|{{ (index .Alerts 0).EndsAt }}",
        "2023-03-04 05:06:07.123 +0000 UTC|0001-01-01 00:00:00 +0000 UTC",
    ),
    (
        "{{ (index .Alerts 0).EndsAt.IsZero }} {{ (index .Alerts 0).StartsAt.Unix }} {{ (index .Alerts 1).EndsAt.Format \"15:04\" }}",
        "true 1677906367 06:06",
    ),
    ("{{ ((index .Alerts 1).EndsAt.Sub (index .Alerts 1).StartsAt) }}", "1h0m0s"),
    (
        "{{ printf \"%T %T %T %T\" .Alerts (index .Alerts 0) .CommonLabels .CommonLabels.SortedPairs }}",
        "template.Alerts template.Alert template.KV template.Pairs",
    ),
    (
        "{{ printf \"%d %#v\" .CommonLabels .CommonLabels }}",
        "map[%!d(string=alertname):%!d(string=A) %!d(string=job):%!d(string=j)] template.KV{\"alertname\":\"A\", \"job\":\"j\"}",
    ),
    ("{{ title \"it's a wORLD foo_bar x-y a.b 3rd ünï foo:bar\" }}", "It's A World Foo_bar X-Y A.b 3Rd Ünï Foo:bar"),
    ("{{ toUpper \"aé\" }} {{ toLower \"AÉ\" }} {{ join \"-\" (stringSlice \"a\" \"b\") }}", "AÉ aé a-b"),
    ("{{ match \"^a\" \"abc\" }} {{ reReplaceAll \"a(.)\" \"$1\" \"abac\" }} {{ safeHtml \"<b>\" }}", "true bc <b>"),
    ("{{ if gt (len .Alerts.Firing) 0 }}F{{ else }}R{{ end }}", "F"),
    ("{{ .Nope }}", "template: :1:3: executing \"\" at <.Nope>: can't evaluate field Nope in type template.Data"),
    (
        "{{ .Alerts.Nope }}",
        "template: :1:10: executing \"\" at <.Alerts.Nope>: can't evaluate field Nope in type template.Alerts",
    ),
    (
        "{{ join \",\" .CommonLabels }}",
        "template: :1:12: executing \"\" at <.CommonLabels>: wrong type for value; expected []string; got template.KV",
    ),
    (
        "{{ index .CommonLabels 1 }}",
        "template: :1:3: executing \"\" at <index .CommonLabels 1>: error calling index: value has type int; should be string",
    ),
];

/// What amtool 0.25 does not have yet.
const NEWER: &[(&str, &str)] = &[
    (
        "{{ eq .CommonLabels .CommonLabels }}",
        "template: :1:3: executing \"\" at <eq .CommonLabels .CommonLabels>: error calling eq: non-comparable type alertname=A, job=j: template.KV",
    ),
    ("{{ .CommonLabels }}|{{ .CommonLabels.SortedPairs }}", "alertname=A, job=j|alertname=A, job=j"),
    ("{{ .CommonLabels.Names.Join \"+\" }}|{{ .NotificationReason }}|{{ .RouteLabels.x }}", "alertname+job||"),
    ("{{ trimSpace \" a \" }}|{{ urlUnescape \"a+b%20c\" }}|{{ safeUrl \"x:y\" }}", "a|a b c|x:y"),
    (
        "{{ urlUnescape \"%zz\" }}",
        "template: :1:3: executing \"\" at <urlUnescape \"%zz\">: error calling urlUnescape: invalid URL escape \"%zz\"",
    ),
    ("{{ date \"2006-01-02 15:04 MST\" (tz \"Europe/Berlin\" (index .Alerts 0).StartsAt) }}", "2023-03-04 06:06 CET"),
    (
        "{{ tz \"No/Where\" (index .Alerts 0).StartsAt }}",
        "template: :1:3: executing \"\" at <tz \"No/Where\" (index .Alerts 0).StartsAt>: error calling tz: unknown time zone No/Where",
    ),
    (
        "{{ since (index .Alerts 1).EndsAt }} {{ (since (index .Alerts 1).EndsAt).Minutes }} {{ humanizeDuration (since (index .Alerts 1).EndsAt) }}",
        "500ms 0.008333333333333333 500ms",
    ),
    ("{{ now.Year }} {{ now }}", "2023 2023-03-04 06:06:07.5 +0000 UTC"),
    (
        "{{ humanizeDuration 93784 }} {{ humanizeDuration 0.25 }} {{ humanizeDuration \"61\" }}",
        "1d 2h 3m 4s 250ms 1m 1s",
    ),
    (
        "{{ toDate \"2006-01-02\" \"2023-03-04\" }} {{ (toDate \"2006\" \"x\").IsZero }}",
        "2023-03-04 00:00:00 +0000 UTC true",
    ),
    (
        "{{ toJson .GroupLabels }} {{ toJson (index .Alerts 1) }}",
        "{\"alertname\":\"A\"} {\"status\":\"resolved\",\"labels\":{\"alertname\":\"A\",\"instance\":\"h2:9100\"},\"annotations\":{},\"startsAt\":\"2023-03-04T05:06:07Z\",\"endsAt\":\"2023-03-04T06:06:07Z\",\"generatorURL\":\"javascript:alert(1)\",\"fingerprint\":\"abd\"}",
    ),
    (
        "{{ toJson \"a<b>&\\\"\\n\\u2028\" }} {{ toJson 1.5 }} {{ toJson 1e21 }} {{ toJson 1e-7 }} {{ toJson nil }} {{ toJson (list 1 \"a\" true) }}",
        "\"a\\u003cb\\u003e\\u0026\\\"\\n\\u2028\" 1.5 1e+21 1e-7 null [1,\"a\",true]",
    ),
    ("{{ base64encode \"a?>b\" }} {{ base64decode \"YT8-Yg==\" }}", "YT8-Yg== a?>b"),
    (
        "{{ append (list 1 2) 3 \"x\" }} {{ dict \"a\" 1 \"b\" \"c\" }} {{ (dict \"a\" 1).a }} {{ (dict \"a\" 1).b }}",
        "[1 2 3 x] map[a:1 b:c] 1 <no value>",
    ),
    ("{{ routeLabels \"x\" }}|{{ len (list) }}", "|0"),
];

const HTML: &[(&str, &str)] = &[
    (
        "<p title=\"{{ (index .Alerts 0).Annotations.desc }}\">{{ (index .Alerts 0).Annotations.desc }}</p>",
        "<p title=\"&lt;b&gt;x&lt;/b&gt; &amp; y\">&lt;b&gt;x&lt;/b&gt; &amp; y</p>",
    ),
    ("<p title={{ (index .Alerts 0).Annotations.desc }}>", "<p title=&lt;b&gt;x&lt;/b&gt;&#32;&amp;&#32;y>"),
    ("<p title='{{ (index .Alerts 0).Annotations.desc }}'>", "<p title='&lt;b&gt;x&lt;/b&gt; &amp; y'>"),
    ("<a href=\"{{ (index .Alerts 1).GeneratorURL }}\">x</a>", "<a href=\"#ZgotmplZ\">x</a>"),
    ("<a href=\"{{ (index .Alerts 0).GeneratorURL }}\">x</a>", "<a href=\"http://p/graph?g0.expr=up%3D%3D0\">x</a>"),
    (
        "<a href=\"{{ .ExternalURL }}/x?y={{ (index .Alerts 0).Annotations.desc }}&z={{ (index .Alerts 0).GeneratorURL }}\">x</a>",
        "<a href=\"http://am:9093/x?y=%3cb%3ex%3c%2fb%3e%20%26%20y&z=http%3a%2f%2fp%2fgraph%3fg0.expr%3dup%253D%253D0\">x</a>",
    ),
    (
        "<a href=\"/x/{{ (index .Alerts 0).Annotations.desc }}\">x</a>",
        "<a href=\"/x/%3cb%3ex%3c/b%3e%20&amp;%20y\">x</a>",
    ),
    ("<a href={{ (index .Alerts 0).GeneratorURL }}>x</a>", "<a href=http://p/graph?g0.expr&#61;up%3D%3D0>x</a>"),
    ("<a href=\"{{ safeHtml \"javascript:x\" }}\">{{ safeHtml \"<b>\" }}</a>", "<a href=\"#ZgotmplZ\"><b></a>"),
    ("<p title=\"{{ safeHtml \"<b>&amp;\\\"q\\\"\" }}\">", "<p title=\"&amp;&#34;q&#34;\">"),
    (
        "<script>var x = {{ .CommonLabels }}; var y = \"{{ .Status }}</script>\"; </script>",
        "<script>var x = {\"alertname\":\"A\",\"job\":\"j\"}; var y = \"firing</script>\"; </script>",
    ),
    (
        "<script>var x = {{ .Status }}; var y = \"{{ (index .Alerts 0).Annotations.desc }}\"; </script>{{ \"<\" }}",
        "<script>var x = \"firing\"; var y = \"\\u003cb\\u003ex\\u003c\\/b\\u003e \\u0026 y\"; </script>&lt;",
    ),
    (
        "<style>p { color: {{ .Status }}; background: {{ (index .Alerts 0).Annotations.desc }} }</style>",
        "<style>p { color: firing; background: ZgotmplZ }</style>",
    ),
    (
        "<p style=\"color: {{ .Status }}; x: {{ (index .Alerts 0).Annotations.desc }}\">",
        "<p style=\"color: firing; x: ZgotmplZ\">",
    ),
    ("<p onclick=\"f({{ .Status }})\">", "<p onclick=\"f(&#34;firing&#34;)\">"),
    ("<!-- comment {{ .Status }} -->a<!-- x -->b", "ab"),
    ("<{{ .Status }}>", "&lt;firing>"),
    ("<p {{ .Status }}=\"x\">", "<p firing=\"x\">"),
    (
        "<textarea>{{ (index .Alerts 0).Annotations.desc }}</textarea><title>{{ (index .Alerts 0).Annotations.desc }}</title>",
        "<textarea>&lt;b&gt;x&lt;/b&gt; &amp; y</textarea><title>&lt;b&gt;x&lt;/b&gt; &amp; y</title>",
    ),
    ("{{ .Status }} {{ 1 }} {{ 1.5 }} {{ .CommonLabels.nope }}", "firing 1 1.5 "),
    (
        "{{ (index .Alerts 0).Annotations.desc | html }} {{ \"a b\" | urlquery }}",
        "&lt;b&gt;x&lt;/b&gt; &amp; y a&#43;b",
    ),
    ("<a href=\"{{ \"a b\" | urlquery }}\">", "<a href=\"a&#43;b\">"),
    ("<a href=\"mailto:x?{{ \"a b&c\" }}\">", "<a href=\"mailto:x?a%20b%26c\">"),
    ("<img src=\"{{ \"data:xx\" }}\" srcset=\"{{ \"a b, c d\" }}\">", "<img src=\"#ZgotmplZ\" srcset=\"a b, c d\">"),
    (
        "<a href=\"{{ \"tel:123\" }}\" data-href=\"{{ \"javascript:1\" }}\" data-url=\"{{\"javascript:2\"}}\" xlink:href=\"{{\"javascript:3\"}}\" background=\"{{\"javascript:4\"}}\" >",
        "<a href=\"#ZgotmplZ\" data-href=\"#ZgotmplZ\" data-url=\"#ZgotmplZ\" xlink:href=\"#ZgotmplZ\" background=\"#ZgotmplZ\" >",
    ),
    (
        "<a href=\"{{ \"http://x/é<>()[]{}|\\\\^`\\\"' %20%zz+*!$,;:@&=\" }}\">",
        "<a href=\"http://x/%c3%a9%3c%3e%28%29[]%7b%7d%7c%5c%5e%60%22%27%20%20%25zz&#43;*!$,;:@&amp;=\">",
    ),
    ("<p title={{ \"a b`=x\" }}>{{ \"`=+\" }}", "<p title=a&#32;b&#96;&#61;x>`=&#43;"),
    ("<a href=\"#{{ \"a b\" }}?{{ \"c d\" }}\">", "<a href=\"#a%20b?c%20d\">"),
    ("<a href=\"{{ \"http://x/?a=b c&d=é\" }}\">", "<a href=\"http://x/?a=b%20c&amp;d=%c3%a9\">"),
    (
        "<a href=\"{{ \"x\" }}{{ \":y\" }}\">{{ \"JaVaScript:x\" }}</a><a href=\" {{ \"javascript:x\" }}\">",
        "<a href=\"x#ZgotmplZ\">JaVaScript:x</a><a href=\" #ZgotmplZ\">",
    ),
    ("<a href=\"http://x/?q={{ safeHtml \"a&amp;b c\" }}\">", "<a href=\"http://x/?q=a%26amp%3bb%20c\">"),
    ("<!DOCTYPE html><br/><b class=x>{{ \"<\" }}</b> 1 < 2 <", "<!DOCTYPE html><br/><b class=x>&lt;</b> 1 &lt; 2 &lt;"),
    ("<p a b={{ \"x y\" }} c = \"{{ \"z\" }}\" disabled>{{ .Status }}", "<p a b=x&#32;y c = \"z\" disabled>firing"),
    (
        "<script>var a = {{ 1 }}, b = {{ true }}, c = [{{ \"</script>\" }}]</script>",
        "<script>var a =  1 , b =  true , c = [\"\\u003c/script\\u003e\"]</script>",
    ),
    (
        "<td style=\"width: {{ 5 }}px; color: {{ \"#fff\" }}; x: {{ \"expression(1)\" }}\">",
        "<td style=\"width: 5px; color: #fff; x: ZgotmplZ\">",
    ),
];

const NEWER_HTML: &[(&str, &str)] = &[
    ("<a title={{ \"\" }}>", "<a title=ZgotmplZ>"),
    ("<a href=\"{{ safeUrl \"javascript:x y\" }}\">{{ safeUrl \"a&b\" }}", "<a href=\"javascript:x%20y\">a&amp;b"),
    ("{{ (dict \"a\" 1).b }}|{{ .CommonLabels }}", "|alertname=A, job=j"),
];
