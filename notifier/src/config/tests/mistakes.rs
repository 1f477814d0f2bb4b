//! Every mistake of a file at once, each at its place and with a way to mend it.

use super::*;

const MANY: &str = r#"
global:
  resolve_timeout: 5 minutes
  smtp_smarthost: mail
  smtp_auth_password: a
  smtp_auth_password_file: b
  http_config:
    tls_config: {cert_file: c.pem}
    folow_redirects: true
route:
  group_by: [alertname, cluster, alertname]
  repeat_interval: 1m
  continue: true
  routes:
    - matchers:
        - severity=~"critical|page"
        - team = a b
        - 'service=~"api("'
      receiver: pagr
      mute_time_intervals: [nights]
    - match_re: {instance: '[a'}
      group_intervall: 5m
      group_interval: 0s
time_intervals:
  - name: night
    time_intervals:
      - times: [{start_time: '22:00', end_time: '06:00'}]
        weekdays: [friday:monday]
        location: Europe/Berln
receivers:
  - name: pager
    pagerduty_configs:
      - description: '{{ .CommonLabels.alertname }'
        details:
          runbook: |
            {{ range .Alerts }}
              {{ .Annotations.runbook | uper }}
            {{ end }}
    email_configs:
      - to: {handlebars: "{{#each alerts}}{{nope labels}}{{/each}}"}
        headers: {subject: a, SUBJECT: b}
  - name: hook
    webhook_configs:
      - url: example.org/hook
        timeout: 10
        max_alerts: many
      - {}
    slack_configs: [{channel: '#a'}]
  - name: hook
inhibit_rules:
  - source_match: {severity-class: a}
    target_matchers: ['x="']
    equal: ['']
"#;

#[test]
fn all_are_reported_at_once() {
    let found = parse(MANY).unwrap_err();
    insta::assert_snapshot!(found.to_string());
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let found = Config::load(Path::new("/nowhere/am.yml"), ParseMode::default(), &read_file).unwrap_err().to_string();
    assert!(found.starts_with("/nowhere/am.yml: error: cannot read the file: "), "{found}");
}

#[test]
fn template_files_are_found_beside_the_configuration_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let text = "templates: ['t/*.tmpl', t/b.tmpl, none.tmpl]\nroute: {receiver: x}\nreceivers: [{name: x}]\n";
    write("am.yml", text);
    std::fs::create_dir(folder.path().join("t")).unwrap();
    write("t/b.tmpl", "{{ define \"b\" }}{{ .Status | toUpper }}{{ end }}");
    write("t/a.tmpl", "plain");
    write("t/a.txt", "{{ not a template");
    let load = || Config::load(&folder.path().join("am.yml"), ParseMode::default(), &read_file);
    let (config, warnings) = load().unwrap();
    let names: Vec<&str> = config.template_files.iter().map(|(name, _)| name.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["a.tmpl", "b.tmpl"]);
    assert_eq!(config.template_files[0].1, "plain");
    assert!(warnings.to_string().contains("am.yml:1:35: warning: no file matches this pattern"), "{warnings}");
    write("t/a.tmpl", "first line\n{{ define \"a\" }}{{ nope }}{{ end }}");
    let found = load().unwrap_err().to_string();
    assert!(
        found.contains("t/a.tmpl:2:20: error: the template does not parse: function \"nope\" not defined"),
        "{found}"
    );
}

mod laws {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Whatever is written over whatever part, the loader answers, and refuses with at least one error.
        #[test]
        fn any_text_is_answered(at in 0..MANY.len(), lost in 0..40_usize, written in "[ -~\n\té:{}\\[\\]&*|>#-]{0,12}") {
            let text = format!("{}{written}{}", &MANY[..at], &MANY[(at + lost).min(MANY.len())..]);
            if let Err(found) = parse(&text) {
                prop_assert!(found.has_errors());
                prop_assert!(!found.to_string().is_empty());
            }
        }
    }
}
