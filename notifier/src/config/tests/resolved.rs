//! The configuration as meant: what is handed down, and what is filled in.

use std::time::Duration;

use outbound::Secret;
use outbound::http_config::{Auth, ProxyServer};

use super::*;
use crate::receiver::email::Threading;
use crate::receiver::pagerduty::PagerDutyKey;
use crate::receiver::{Settings, TemplateText, TemplateTree};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn load(text: &str) -> Config {
    match parse(text) {
        Ok((config, _)) => config,
        Err(found) => panic!("{found}"),
    }
}

#[test]
fn options_are_handed_down_but_for_intervals_and_continue() {
    let config = load(
        r#"
        route:
          receiver: x
          group_by: [b, a]
          repeat_interval: 1h
          labels: {team: all, tier: "1"}
          routes:
            - matchers: ['z="1"', a!=b]
              match: {m: "1"}
              match_re: {r: a|b}
              receiver: y
              group_wait: 1s
              continue: true
              mute_time_intervals: [night]
              labels: {team: db}
              routes:
                - group_by: ['...']
                - group_by: []
            - group_interval: 10m
        receivers: [{name: x}, {name: y}]
        time_intervals: [{name: night}]
        "#,
    );
    let root = &config.route;
    assert_eq!((root.key.as_str(), root.id, root.receiver.as_str()), ("{}", 0, "x"));
    assert_eq!(root.group_by, GroupBy::Labels(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!((root.group_wait, root.group_interval, root.repeat_interval), (secs(30), secs(300), secs(3600)));
    let [child, last] = &root.routes[..] else { panic!() };
    let key = r#"{}/{a!="b",m="1",r=~"^(?:a|b)$",z="1"}"#;
    assert_eq!((child.key.as_str(), child.id, child.receiver.as_str()), (key, 1, "y"));
    assert_eq!((child.group_wait, child.repeat_interval), (secs(1), secs(3600)));
    assert!(child.continues);
    assert_eq!(child.labels.to_string(), r#"{team="db", tier="1"}"#);
    let [every, none] = &child.routes[..] else { panic!() };
    assert_eq!((every.key.clone(), every.id), (format!("{key}/{{}}"), 2));
    assert_eq!((every.receiver.as_str(), every.group_wait), ("y", secs(1)));
    assert!(!every.continues && every.mute_time_intervals.is_empty());
    assert_eq!(every.group_by, GroupBy::All);
    assert_eq!((none.id, &none.group_by), (3, &GroupBy::Labels(Vec::new())));
    assert_eq!((last.id, last.receiver.as_str(), last.group_interval), (4, "x", secs(600)));
    assert_eq!(config.resolve_timeout, secs(300));
}

/// The settings of the integrations of receiver `x`.
fn settings(text: &str) -> Vec<(bool, String)> {
    let config = load(&format!("{text}\nroute: {{receiver: x}}\n"));
    let receiver = &config.receivers["x"];
    receiver.integrations.iter().map(|i| (i.send_resolved, format!("{}/{}", i.kind, i.index))).collect()
}

#[test]
fn integrations_are_numbered_by_kind_with_their_own_send_resolved() {
    let found = settings(
        "
receivers:
  - name: x
    webhook_configs: [{url: 'http://a'}, {url_file: b, send_resolved: false}]
    pagerduty_configs: [{service_key: a}]
    email_configs: [{to: a@b, from: c@d, smarthost: 'e:25'}, {to: a@b, from: c@d, smarthost: 'e:25', send_resolved: true}]
",
    );
    let expected =
        [(false, "email/0"), (true, "email/1"), (true, "pagerduty/0"), (true, "webhook/0"), (false, "webhook/1")];
    assert_eq!(found, expected.map(|(send_resolved, name)| (send_resolved, name.to_owned())));
}

#[test]
fn mails_take_from_global_what_they_leave_out() {
    let config = load(
        r#"
global:
  smtp_from: global@example.org
  smtp_smarthost: mail.example.org:465
  smtp_hello: ''
  smtp_auth_username: ops
  smtp_auth_password_file: mail-password
  smtp_auth_identity: id
  smtp_require_tls: false
  smtp_tls_config: {server_name: mail}
route: {receiver: x}
receivers:
  - name: x
    email_configs:
      - to: a@b
      - to: {handlebars: "{{ to }}"}
        from: own@example.org
        smarthost: own:587
        hello: me
        auth_username: own
        auth_password: own-password
        auth_secret: own-secret
        require_tls: true
        tls_config: {}
        headers: {reply-to: c@d, subject: '{{ .Status }}', x-empty: }
        html: ''
        text: '{{ template "x" . }}'
        threading: {enabled: true, thread_by_date: none}
"#,
    );
    let integrations = &config.receivers["x"].integrations;
    let (Settings::Email(plain), Settings::Email(own)) = (&integrations[0].settings, &integrations[1].settings) else {
        panic!()
    };
    let go = |text: &str| TemplateText::Go(text.to_owned());
    assert_eq!((&plain.to, &plain.from), (&go("a@b"), &go("global@example.org")));
    assert_eq!((plain.smarthost.to_string().as_str(), plain.hello.as_str()), ("mail.example.org:465", "localhost"));
    let auth = plain.auth.as_ref().unwrap();
    assert_eq!((auth.username.as_str(), auth.identity.as_str()), ("ops", "id"));
    assert_eq!(auth.password, Some(Secret::File("/etc/watchfire/mail-password".into())));
    assert!(!plain.require_tls && plain.implicit_tls);
    assert_eq!(plain.tls.server_name.as_deref(), Some("mail"));
    assert_eq!((&plain.html, &plain.text, plain.threading), (&None, &None, Threading::Off));
    assert_eq!(own.to, TemplateText::Handlebars("{{ to }}".to_owned()));
    assert_eq!((own.smarthost.port, own.hello.as_str(), own.require_tls, own.implicit_tls), (587, "me", true, false));
    let auth = own.auth.as_ref().unwrap();
    assert_eq!(
        (&auth.password, &auth.secret),
        (&Some(Secret::inline("own-password")), &Some(Secret::inline("own-secret")))
    );
    assert_eq!(own.tls.server_name, None);
    let names: Vec<&str> = own.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Reply-To", "Subject", "X-Empty"]);
    assert_eq!((&own.html, own.threading), (&Some(go("")), Threading::Forever));
}

#[test]
fn an_own_http_config_replaces_the_global_one_as_a_whole() {
    let config = load(
        r#"
global: {http_config: {proxy_url: 'http://proxy', basic_auth: {username: u}}, pagerduty_url: 'https://pd.example.org/'}
route: {receiver: x}
receivers:
  - name: x
    pagerduty_configs:
      - routing_key_file: key
        severity: ''
        details: {a: {b: [1, two, null, 1.5, yes, '3', "{{ .Status }}"]}}
        images: [{src: s, alt: t}]
        links: [{href: h}]
      - service_key: k
        url: https://own.example.org
        http_config: {enable_http2: false}
    webhook_configs:
      - url: http://a/{{ .Status }}
        timeout: 1.5s
        max_alerts: 7
        payload: [{text: '{{ .Status }}'}]
        http_config: {authorization: {credentials_file: token}}
"#,
    );
    let integrations = &config.receivers["x"].integrations;
    let (Settings::PagerDuty(global), Settings::PagerDuty(own), Settings::Webhook(webhook)) =
        (&integrations[0].settings, &integrations[1].settings, &integrations[2].settings)
    else {
        panic!()
    };
    assert_eq!(global.key, PagerDutyKey::Routing(Secret::File("/etc/watchfire/key".into())));
    assert_eq!(global.url, Secret::inline("https://pd.example.org/"));
    assert_eq!(global.http.proxy.server, ProxyServer::Url(Secret::inline("http://proxy")));
    assert_eq!(global.severity, None);
    let text = |text: &str| TemplateTree::Text(text.to_owned());
    let values = vec![
        TemplateTree::Integer(1),
        text("two"),
        TemplateTree::Null,
        TemplateTree::Float(1.5),
        TemplateTree::Bool(true),
        text("3"),
        text("{{ .Status }}"),
    ];
    let tree = TemplateTree::Map(vec![("b".to_owned(), TemplateTree::List(values))]);
    assert_eq!(global.details, [("a".to_owned(), tree)]);
    assert_eq!(global.images[0].href, TemplateText::Go(String::new()));
    assert_eq!(
        (&own.key, &own.url),
        (&PagerDutyKey::Service(Secret::inline("k")), &Secret::inline("https://own.example.org"))
    );
    assert_eq!(
        (&own.http.proxy.server, &own.http.auth, own.http.enable_http2),
        (&ProxyServer::Direct, &Auth::None, false)
    );
    assert_eq!((webhook.max_alerts, webhook.timeout), (7, Some(Duration::from_millis(1500))));
    let Auth::Authorization { credentials, .. } = &webhook.http.auth else { panic!() };
    assert_eq!(*credentials, Secret::File("/etc/watchfire/token".into()));
}

#[test]
fn a_matcher_that_reads_differently_in_strict_mode_is_warned_about() {
    let text = "route: {receiver: x, routes: [{matchers: ['a=b c']}]}\nreceivers: [{name: x}]\n";
    let (config, warnings) = parse(text).unwrap();
    assert_eq!(config.route.routes[0].key, r#"{}/{a="b c"}"#);
    assert!(
        warnings.to_string().contains(r#"am.yml:1:43: warning: matcher is not valid in UTF-8 strict mode"#),
        "{warnings}"
    );
    let file = SourceFile::new("am.yml", text);
    assert!(Config::parse(&file, Path::new(""), ParseMode::Utf8Strict, &read_file).is_err());
    assert!(Config::parse(&file, Path::new(""), ParseMode::Classic, &read_file).unwrap().1.is_empty());
}

#[test]
fn receivers_are_listed_as_the_file_orders_them() {
    let config = load("route: {receiver: b}\nreceivers: [{name: b}, {name: c}, {name: a}]\n");
    let names: Vec<_> = config.receivers_in_order().map(|receiver| receiver.name.as_str()).collect();
    assert_eq!(names, ["b", "c", "a"]);
}

#[test]
fn classic_mode_has_classic_label_names() {
    for (options, good) in [("group_by: ['...']", true), ("group_by: [a_b]", true), ("group_by: [a-b]", false)] {
        let text = format!("route: {{receiver: x, {options}}}\nreceivers: [{{name: x}}]\n");
        let file = SourceFile::new("am.yml", text);
        let found = Config::parse(&file, Path::new(""), ParseMode::Classic, &read_file);
        assert_eq!(found.is_ok(), good, "{options}");
        assert!(Config::parse(&file, Path::new(""), ParseMode::Fallback, &read_file).is_ok(), "{options}");
    }
}

#[test]
fn receiver_labels_hold_the_name() {
    let config = load("route: {receiver: x}\nreceivers: [{name: x, labels: {owning-team: a}}, {name: y}]\n");
    assert_eq!(config.receivers["x"].labels.to_string(), r#"{name="x", owning-team="a"}"#);
    assert_eq!(config.receivers["y"].labels.to_string(), r#"{name="y"}"#);
    assert!(parse("route: {receiver: x}\nreceivers: [{name: x, labels: {name: y}}]\n").is_err());
}

/// By hand: `cargo test -p notifier -- --ignored --nocapture a_large_file`.
#[test]
#[ignore = "a measurement"]
fn a_large_file() {
    let mut text = "route:\n  receiver: r0\n  routes:\n".to_owned();
    for i in 0..5000 {
        text += &format!("    - matchers: ['team=\"t{i}\"', 'severity=~\"a|b{i}\"']\n      receiver: r{i}\n");
    }
    text += "receivers:\n";
    for i in 0..5000 {
        text += &format!(
            "  - name: r{i}\n    webhook_configs: [{{url: 'http://h/{i}', http_config: {{authorization: {{credentials: c{i}}}}}}}]\n"
        );
    }
    let (config, _) = parse(&text).unwrap();
    assert_eq!(config.receivers.len(), 5000);
}
