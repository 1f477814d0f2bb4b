#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use model::matcher::parse::ParseMode;
use model::source::SourceFile;
use model::{LabelSet, Timestamp};
use serde_json::{Value, json};

use super::sample::{alert, notification, t, two};
use super::*;
use crate::notification::Reason;
use crate::receiver::Settings;

const URL: &str = "http://host:9093";

fn config(text: &str, files: &[(&str, &str)]) -> Config {
    let read = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let found = files.iter().find(|(file, _)| *file == name);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    };
    let file = SourceFile::new("alertmanager.yml", text);
    let parsed = Config::parse(&file, Path::new("/nowhere"), ParseMode::default(), &read);
    parsed.map(|(config, _)| config).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn with_files(files: &[(&str, &str)]) -> Result<Renderer, UnusableTemplates> {
    let mut config = config("route: {receiver: a}\nreceivers: [{name: a}]", &[]);
    config.template_files = files.iter().map(|(name, text)| (format!("/t/{name}"), (*text).to_owned())).collect();
    Renderer::new(&config, URL)
}

#[test]
fn both_languages_see_the_same() {
    let renderer = Renderer::shipped(URL);
    let two = two();
    let page = renderer.page(&two);
    for (go, handlebars) in [
        ("{{ .Status }} {{ .GroupLabels.alertname }}", "{{status}} {{groupLabels.alertname}}"),
        ("{{ len .Alerts.Firing }}/{{ len .Alerts }}", "{{len firing}}/{{len alerts}}"),
        ("{{ .CommonLabels }}", "{{join commonLabels}}"),
        ("{{ .CommonAnnotations.summary }}", "{{commonAnnotations.summary}}"),
        ("{{ .NotificationReason }}", "{{reason}}"),
        ("{{ .ExternalURL }}", "{{externalURL}}"),
        (
            "{{ range .Alerts }}{{ .Fingerprint }} {{ .GeneratorURL }};{{ end }}",
            "{{#each alerts}}{{fingerprint}} {{generatorURL}};{{/each}}",
        ),
        (
            r#"{{ range .Alerts }}{{ .StartsAt.Format "15:04:05.000" }}{{ end }}"#,
            "{{#each alerts}}{{date startsAt format=\"%H:%M:%S%.3f\"}}{{/each}}",
        ),
        (
            "{{ range .Alerts }}{{ humanizeDuration (since .StartsAt) }};{{ end }}",
            "{{#each alerts}}{{since startsAt}};{{/each}}",
        ),
    ] {
        let go = page.text(&TemplateText::Go(go.to_owned())).unwrap();
        let handlebars = page.text(&TemplateText::Handlebars(handlebars.to_owned())).unwrap();
        assert_eq!(go, handlebars);
    }
}

#[test]
fn shipped_texts_are_the_same_in_both_languages() {
    let renderer = Renderer::shipped(URL);
    let mut redefined = Renderer::shipped(URL);
    let texts = [Shipped::EmailSubject, Shipped::PagerDutyDescription, Shipped::PagerDutyClient];
    redefined.redefined = texts.to_vec();
    for notification in [
        two(),
        notification(vec![alert("alertname=A", "", None)]),
        notification(vec![alert("alertname=A,instance=2", "", Some(1.0))]),
        notification(vec![alert("alertname=A,b=1,zone=z", "", None), alert("alertname=A,b=2,zone=z", "", None)]),
    ] {
        for text in texts {
            let handlebars = renderer.page(&notification).shipped(text).unwrap();
            assert_eq!(redefined.page(&notification).shipped(text).unwrap(), handlebars, "{text:?}");
        }
    }
}

#[test]
fn html_is_escaped_in_both_languages() {
    let renderer = Renderer::shipped(URL);
    let two = two();
    let page = renderer.page(&two);
    let go = page.html(&TemplateText::Go("<p>{{ .CommonAnnotations.summary }}</p>".to_owned())).unwrap();
    let handlebars = page.html(&TemplateText::Handlebars("<p>{{commonAnnotations.summary}}</p>".to_owned())).unwrap();
    assert_eq!(go, "<p>CPU &amp; &lt;mem&gt; high é</p>");
    assert_eq!(handlebars, go);
}

#[test]
fn what_users_redefine_counts() {
    let two = two();
    let subject = |renderer: Renderer| renderer.page(&two).shipped(Shipped::EmailSubject).unwrap();
    let summary = |renderer: Renderer| renderer.page(&two).shipped(Shipped::PagerDutyDescription).unwrap();
    assert_eq!(subject(with_files(&[]).unwrap()), "[FIRING:1] Hot (ü)");
    let go = [("a.tmpl", r#"{{ define "__subject" }}go {{ .Status }}{{ end }}"#)];
    assert_eq!(subject(with_files(&go).unwrap()), "go firing");
    assert_eq!(summary(with_files(&go).unwrap()), "go firing");
    let handlebars = [("subject.hbs", "hb {{status}}\n")];
    assert_eq!(subject(with_files(&handlebars).unwrap()), "hb firing");
    let html = [("mail.tmpl", r#"{{ define "email.default.html" }}<i>{{ .CommonAnnotations.summary }}</i>{{ end }}"#)];
    let html = with_files(&html).unwrap();
    assert_eq!(html.page(&two).shipped(Shipped::EmailHtml).unwrap(), "<i>CPU &amp; &lt;mem&gt; high é</i>");
}

#[test]
fn mistakes_in_files_are_told_at_load() {
    let mistakes =
        with_files(&[("a.hbs", "{{> b}}"), ("b.hbs", "{{> a}}"), ("c.hbs", "\n{{#if x}}"), ("d.tmpl", "{{ nope }}")]);
    let mistakes = mistakes.unwrap_err().to_string();
    for wanted in ["a includes b includes a", "template \"c\", line 2", "d.tmpl:1: function \"nope\" not defined"] {
        assert!(mistakes.contains(wanted), "{wanted:?} is not in {mistakes}");
    }
}

#[test]
fn handlebars_in_the_settings() {
    let receiver = |to: &str, subject: &str| {
        format!(
            "route: {{receiver: a}}\nreceivers:\n- name: a\n  email_configs:\n  - {{to: '{to}', from: f@x, smarthost: 'h:25',\n     \
             headers: {{Subject: {{handlebars: '{subject}'}}}}}}"
        )
    };
    let mail = |subject: &str| {
        let config = config(&receiver("a@x", subject), &[]);
        let Settings::Email(settings) = &config.receivers["a"].integrations[0].settings else { panic!() };
        settings.render(&two(), &Renderer::new(&config, URL).unwrap()).unwrap()
    };
    assert_eq!(mail("{{status}} & {{> subject}}").request.headers[0].1, "firing & [FIRING:1] Hot (ü)");
    let degraded = mail("{{status}}\\n{{date receiver}}").degraded.unwrap();
    assert!(
        degraded.starts_with("subject: template \"inline\", line 1, column 13: date: \"team-a.b\" is no time"),
        "{degraded}"
    );
    let mistakes = Renderer::new(&config(&receiver("a@x", "{{> nowhere}}"), &[]), URL).unwrap_err().to_string();
    assert!(mistakes.starts_with("receiver \"a\", email 0: template \"inline\", line 1"), "{mistakes}");
}

#[test]
fn an_engine_that_panics_costs_one_field() {
    let failed: Result<String, RenderError> = guarded(|| -> Result<String, String> { panic!("boom") });
    assert!(failed.unwrap_err().to_string().contains("bug of ours"));
}

#[test]
fn links_hold_every_label() {
    let quoted = links::silence(URL, &LabelSet::from_pairs([("a", "x y\"+é"), ("k8s/app", "z")])).unwrap();
    let encoded = "%7Ba%3D%22x%20y%5C%22%2B%C3%A9%22%2C%22k8s%2Fapp%22%3D%22z%22%7D";
    assert_eq!(quoted, format!("{URL}/#/silences/new?filter={encoded}"));
    assert_eq!(links::silence("", &LabelSet::empty()), None);
}

#[test]
fn trees_decode_what_templates_make() {
    use crate::receiver::TemplateTree as Tree;
    let renderer = Renderer::shipped(URL);
    let two = two();
    let page = renderer.page(&two);
    let text = |text: &str| Tree::Text(text.to_owned());
    let tree = Tree::Map(vec![
        ("z{{ .Status }}".to_owned(), text("{{ len .Alerts }}")),
        ("a".to_owned(), text("007")),
        ("b".to_owned(), text("{{ .GroupLabels | toJson }}")),
        ("c".to_owned(), Tree::List(vec![Tree::Integer(1), Tree::Null, Tree::Bool(true), text("{{ .Status }}")])),
    ]);
    let shown = |decoding| serde_json::to_string(&tree::render(&page, &tree, decoding).unwrap()).unwrap();
    let start = r#"{"a":"007","b":{"alertname":"Hot"},"c":[1,null,true,"firing"],"zfiring":"#;
    assert_eq!(shown(tree::Decoding::Everything), format!("{start}2}}"));
    assert_eq!(shown(tree::Decoding::Structures), format!("{start}\"2\"}}"));
}

/// The recorded scenarios, where they are.
fn recordings(test: &str) -> Vec<(String, Value)> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/conformance"));
    let Ok(entries) = std::fs::read_dir(folder) else {
        eprintln!("skipped {test}: no recordings in {}", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let scenarios = paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let scenarios = scenarios.map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap())
    });
    scenarios.filter(|(_, scenario)| scenario["expected"]["deliveries"].is_array()).collect()
}

fn instant(value: &Value) -> Option<Timestamp> {
    match &value["$t"] {
        Value::Number(seconds) => Some(t(seconds.as_f64().unwrap())),
        _ => None,
    }
}

fn label_set(value: &Value) -> LabelSet {
    let pairs = value.as_object().into_iter().flatten();
    LabelSet::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap())))
}

fn recorded_alert(value: &Value) -> NotifiedAlert {
    let labels = label_set(&value["labels"]);
    NotifiedAlert {
        fingerprint: labels.fingerprint(),
        labels,
        annotations: label_set(&value["annotations"]),
        starts_at: instant(&value["startsAt"]).unwrap(),
        resolved_at: instant(&value["endsAt"]),
        generator_url: value["generatorURL"].as_str().unwrap_or_default().into(),
    }
}

/// Instants as they would be written, and what a newer version adds taken away.
fn as_written(value: &mut Value) {
    if value.get("$t").is_some() {
        *value = instant(value).map_or_else(|| json!("0001-01-01T00:00:00Z"), |at| json!(at.to_rfc3339()));
    }
    match value {
        Value::Object(entries) => entries.values_mut().for_each(as_written),
        Value::Array(items) => items.iter_mut().for_each(as_written),
        _ => {}
    }
}

#[test]
fn recorded_webhooks_come_out_the_same() {
    let recordings = recordings("recorded_webhooks_come_out_the_same");
    let wanted = if recordings.is_empty() { 0 } else { 150 };
    let mut compared = 0;
    for (name, scenario) in recordings {
        for delivery in scenario["expected"]["deliveries"].as_array().unwrap() {
            let mut payload = delivery["body"]["payload"].clone();
            let times_known = |alert: &Value| instant(&alert["startsAt"]).is_some() && !alert["startsAt"].is_string();
            let is_whole = payload["version"] == "4" && payload["truncatedAlerts"] == 0;
            if !is_whole || !payload["alerts"].as_array().unwrap().iter().all(times_known) {
                continue;
            }
            let notification = Notification {
                receiver: payload["receiver"].as_str().unwrap().replace('\\', ""),
                group_key: payload["groupKey"].as_str().unwrap().to_owned(),
                group_labels: label_set(&payload["groupLabels"]),
                route_labels: LabelSet::empty(),
                alerts: payload["alerts"].as_array().unwrap().iter().map(recorded_alert).collect(),
                still_firing: false,
                reason: Reason::FirstNotification,
                at: t(600.0),
                digest: None,
            };
            let renderer = Renderer::shipped(payload["externalURL"].as_str().unwrap());
            let settings = crate::receiver::webhook::WebhookSettings::to("http://sink/hook");
            let rendered = settings.render(&notification, &renderer, "http://sink/hook").unwrap();
            let mut ours: Value = serde_json::from_slice(&rendered.request.body).unwrap();
            let added = ours.as_object_mut().unwrap();
            assert!(added.remove("notification_reason").is_some() && added.remove("routeLabels").is_some());
            as_written(&mut payload);
            assert_eq!(ours, payload, "{name}");
            compared += 1;
        }
    }
    assert!(compared >= wanted, "only {compared} recorded webhooks were compared");
}

/// What the group of a scenario with one group looked like at a delivery.
fn replayed(scenario: &Value, at: f64, told_resolved: &mut BTreeSet<LabelSet>) -> Notification {
    let mut alerts: Vec<NotifiedAlert> = Vec::new();
    for posted in scenario["timeline"].as_array().unwrap().iter().filter(|posted| posted["t"].as_f64().unwrap() < at) {
        for written in posted["alerts"].as_array().into_iter().flatten() {
            let time = |key: &str| written[key].as_f64();
            let labels = label_set(&written["labels"]);
            alerts.retain(|alert| alert.labels != labels);
            alerts.push(NotifiedAlert {
                fingerprint: labels.fingerprint(),
                labels,
                annotations: label_set(&written["annotations"]),
                starts_at: t(time("startsAt").unwrap_or_default()),
                resolved_at: time("endsAt").filter(|ends| *ends <= at).map(t),
                generator_url: written["generatorURL"].as_str().unwrap_or_default().into(),
            });
        }
    }
    alerts.retain(|alert| !told_resolved.contains(&alert.labels));
    told_resolved.extend(alerts.iter().filter(|alert| alert.resolved_at.is_some()).map(|alert| alert.labels.clone()));
    alerts.sort_by_key(|alert| alert.labels.clone());
    Notification { receiver: "main".to_owned(), at: t(at), ..notification(alerts) }
}

fn scenario_config(scenario: &Value) -> Config {
    let text = scenario["config"].as_str().unwrap();
    config(
        &text.replace("{smtp}", "127.0.0.1:25").replace("{pagerduty}", "http://sink/pd").replace("{dir}", "/nowhere"),
        &[],
    )
}

#[test]
fn recorded_pagerduty_events_come_out_the_same() {
    for (name, scenario) in recordings("recorded_pagerduty_events_come_out_the_same") {
        if !["pd_default", "pd_custom", "pd_unicode", "pd_partial", "pd_429_then_ok"].contains(&name.as_str()) {
            continue;
        }
        let config = scenario_config(&scenario);
        let mut told_resolved = BTreeSet::new();
        for delivery in scenario["expected"]["deliveries"].as_array().unwrap() {
            let notification = replayed(&scenario, delivery["at"].as_f64().unwrap(), &mut told_resolved);
            let Settings::PagerDuty(settings) = &config.receivers["main"].integrations[0].settings else { panic!() };
            let renderer = Renderer::new(&config, "http://<host>:<am>").unwrap();
            let key = "0123456789abcdef0123456789abcdef";
            let rendered = settings.render(&notification, &renderer, "http://sink/", key).unwrap();
            assert_eq!(rendered.degraded, None, "{name}");
            let mut ours: Value = serde_json::from_slice(&rendered.request.body).unwrap();
            let mut theirs = delivery["body"]["payload"].clone();
            if name == "pd_default" {
                for event in [&mut ours, &mut theirs] {
                    let details = event["payload"]["custom_details"].as_object_mut().unwrap();
                    assert!(details.remove("firing").is_some() && details.remove("resolved").is_some());
                }
            }
            assert_eq!(ours, theirs, "{name}");
        }
    }
}

#[test]
fn recorded_mails_come_out_the_same() {
    for (name, scenario) in recordings("recorded_mails_come_out_the_same") {
        if !["mail_basic", "mail_headers", "mail_utf8_subject", "mail_text_only", "mail_multi_to", "mail_resolved"]
            .contains(&name.as_str())
        {
            continue;
        }
        let config = scenario_config(&scenario);
        let mut told_resolved = BTreeSet::new();
        for delivery in scenario["expected"]["deliveries"].as_array().unwrap() {
            let notification = replayed(&scenario, delivery["at"].as_f64().unwrap(), &mut told_resolved);
            let Settings::Email(settings) = &config.receivers["main"].integrations[0].settings else { panic!() };
            let rendered = settings.render(&notification, &Renderer::new(&config, URL).unwrap()).unwrap();
            assert_eq!(rendered.degraded, None, "{name}");
            let (mail, body) = (rendered.request, &delivery["body"]);
            assert_eq!(
                (json!(mail.sender), json!(mail.recipients)),
                (body["from"].clone(), body["rcpts"].clone()),
                "{name}"
            );
            for (header, values) in body["headers"].as_object().unwrap().iter().filter(|(_, values)| values.is_array())
            {
                let ours =
                    mail.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(header)).map(|(_, text)| text);
                assert_eq!(json!([ours]), *values, "{name} {header}");
            }
            let parts = [("text/plain", mail.text), ("text/html", mail.html)];
            let parts = parts.into_iter().filter_map(|(kind, text)| Some((kind, text?)));
            let ours: Vec<Value> =
                parts.map(|(kind, text)| json!({"type": kind, "charset": "utf-8", "text": text})).collect();
            assert_eq!(json!(ours), body["parts"], "{name}");
        }
    }
}

#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "measures")]
fn how_long_rendering_takes() {
    let renderer = Renderer::shipped(URL);
    let webhook = crate::receiver::webhook::WebhookSettings::to("http://sink/hook");
    for count in [1, 100] {
        let alerts =
            (0..count).map(|i| alert(&format!("alertname=A,instance={i},job=node"), "summary=it is hot", None));
        let notification = notification(alerts.collect());
        let measure = |name: &str, render: &dyn Fn()| {
            let started = std::time::Instant::now();
            (0..200).for_each(|_| render());
            eprintln!("{name}, {count} alerts: {:?}", started.elapsed() / 200);
        };
        measure("webhook", &|| drop(webhook.render(&notification, &renderer, "http://sink/hook").unwrap()));
        measure("mail html", &|| drop(renderer.page(&notification).shipped(Shipped::EmailHtml).unwrap()));
        measure("subject", &|| drop(renderer.page(&notification).shipped(Shipped::EmailSubject).unwrap()));
    }
}
