//! Own cases: what the merge promises beyond the operator's tests.

use std::collections::BTreeMap;

use yaml::{Diagnostic, Diagnostics, SourceFile};

use super::super::*;
use crate::object::ObjectKey;

const BASE: &str = "global: {resolve_timeout: 5m}\nroute: {receiver: ops, routes: [{receiver: ops, matchers: [a=b]}]}\nreceivers: [{name: ops}]\n";

fn rules(strategy: MatcherStrategy) -> Rules<'static> {
    Rules { strategy, namespace: "monitoring", matchers_as_list: true }
}

fn read(name: &str, spec: &str) -> (ObjectKey, Candidate) {
    let text = format!(
        "apiVersion: monitoring.coreos.com/v1alpha1\nkind: AlertmanagerConfig\nmetadata: {{namespace: shop, name: {name}}}\nspec:\n  {}\n",
        spec.replace('\n', "\n  ")
    );
    let read =
        AlertmanagerConfig::parse(&SourceFile::new(format!("{name}.yaml"), text), "default", &Options::default());
    (ObjectKey::new("shop", name), read.map(|(object, _)| object))
}

fn merged(objects: &[(&str, &str)], material: &Material, previous: &Contributions) -> Merged {
    let candidates: BTreeMap<_, _> = objects.iter().map(|(name, spec)| read(name, spec)).collect();
    let base = Base::raw(&SourceFile::new("base", BASE)).unwrap();
    merge(&base, &candidates, (material, &rules(MatcherStrategy::OnNamespace)), previous, &|_, _| Ok(())).unwrap()
}

fn secret(name: &str, key: &str, value: &str) -> Material {
    let mut material = Material::default();
    material.insert(Holder::Secret, "shop", name, [(key.to_owned(), value.as_bytes().to_vec())].into());
    material
}

const GOOD: &str = "route: {receiver: a}\nreceivers: [{name: a, webhookConfigs: [{url: 'https://a.example/'}]}]";

#[test]
fn every_mistake_of_an_object_has_its_place() {
    let (_, mistakes) = read(
        "bad",
        "route:\n  receiver: gone\n  groupBy: [a, a]\n  matchers: [{name: x, value: '(', matchType: '=~'}]\n  routes: [{reciever: a}]\n\
         receivers:\n- name: a\n  webhookConfigs: [{}]\n  emailConfigs: [{smarthost: nowhere}]\n- name: a\n\
         muteTimeIntervals: [{name: n, timeIntervals: [{weekdays: [Xaturday], times: [{startTime: '50:00', endTime: '08:00'}]}]}]",
    );
    let shown = mistakes.unwrap_err().to_string();
    for (place, part) in [
        ("bad.yaml:6:15", "receiver \"gone\" is not defined"),
        ("bad.yaml:7:18", "label \"a\" is there twice"),
        ("bad.yaml:8:33", "invalid regular expression"),
        ("bad.yaml:9:15", "unknown field \"reciever\""),
        ("bad.yaml:12:22", "one of \"url\", \"urlSecret\""),
        ("bad.yaml:13:21", "missing field \"to\""),
        ("bad.yaml:13:32", "\"nowhere\" is not host:port"),
        ("bad.yaml:14:11", "two receivers with the name \"a\""),
        ("bad.yaml:15:", "\"Xaturday\" is not a day of the week"),
        ("bad.yaml:15:", "\"50:00\" is not a time"),
    ] {
        let found = shown.lines().any(|line| line.starts_with(place) && line.contains(part));
        assert!(found, "{place} {part} in\n{shown}");
    }
}

#[test]
fn an_object_without_its_secret_is_refused_alone_and_what_it_said_before_stays() {
    let spec = "route: {receiver: a}\nreceivers: [{name: a, slackConfigs: [{apiURL: {name: chat, key: url}}]}]";
    let objects = [("one", spec), ("two", GOOD)];
    let with = secret("chat", "url", " https://chat.example/hook\n");
    let first = merged(&objects, &with, &Contributions::new());
    assert!(first.refused.is_empty(), "{:?}", first.refused);
    assert!(first.text.contains("api_url: https://chat.example/hook\n"), "trimmed: {}", first.text);

    let without = merged(&objects, &Material::default(), &Contributions::new());
    assert!(!without.text.contains("shop/one") && without.text.contains("shop/two/a"), "{}", without.text);
    let why = without.refused[&ObjectKey::new("shop", "one")].to_string();
    assert!(why.contains("there is no Secret shop/chat") && why.starts_with("one.yaml:6:"), "{why}");

    let kept = merged(&objects, &Material::default(), &first.contributions);
    assert_eq!(kept.text, first.text);
    assert_eq!(kept.refused.len(), 1);

    let other_key = merged(&objects, &secret("chat", "address", "x"), &Contributions::new());
    let why = other_key.refused[&ObjectKey::new("shop", "one")].to_string();
    assert!(why.contains("key \"url\" of Secret shop/chat does not exist; the keys there are address"), "{why}");
}

#[test]
fn what_the_notifier_refuses_is_refused_alone() {
    let base = Base::raw(&SourceFile::new("base", BASE)).unwrap();
    let bad = GOOD.replace("a.example", "forbidden.example");
    let candidates: BTreeMap<_, _> = [read("one", GOOD), read("two", &bad)].into();
    let accepts = |text: &str, _: &[(String, String)]| match text.contains("forbidden") {
        true => Err(Diagnostics::from(Diagnostic::whole_file(&SourceFile::new("x", ""), "forbidden"))),
        false => Ok(()),
    };
    let rules = rules(MatcherStrategy::OnNamespace);
    let merged = merge(&base, &candidates, (&Material::default(), &rules), &Contributions::new(), &accepts).unwrap();
    assert_eq!(merged.contributions.keys().map(|names| names.name.as_str()).collect::<Vec<_>>(), ["one"]);
    assert!(
        merged.refused[&ObjectKey::new("shop", "two")].to_string().contains("the notifier cannot use it: forbidden")
    );
    let never = |_: &str, _: &[(String, String)]| accepts("forbidden", &[]);
    assert!(merge(&base, &candidates, (&Material::default(), &rules), &Contributions::new(), &never).is_err());
}

#[test]
fn inhibit_rules_without_a_route_and_no_matcher_twice() {
    let spec = "inhibitRules:\n- sourceMatch: [{name: a, value: b}, {name: namespace, value: shop, matchType: '='}]\n  targetMatch: [{name: c, value: \"x\\\"y\", regex: true}]\nreceivers: [{name: unused}]";
    let text = merged(&[("rules", spec)], &Material::default(), &Contributions::new()).text;
    assert!(!text.contains("unused"), "{text}");
    assert_eq!(text.matches("namespace=\"shop\"").count(), 2, "{text}");
    assert!(text.contains(r#"c=~"x\"y""#), "{text}");
}

#[test]
fn routes_of_objects_come_first_and_go_on() {
    let spec = "route: {receiver: a, groupInterval: 0s, muteTimeIntervals: [n], matchers: [{name: namespace, value: other}], routes: [{matchers: [{name: x, value: y, matchType: '!='}]}]}\nreceivers: [{name: a}]\nmuteTimeIntervals: [{name: n}]";
    let text = merged(&[("r", spec)], &Material::default(), &Contributions::new()).text;
    let expected = "\
global:
    resolve_timeout: 5m
route:
    receiver: ops
    routes:
        - receiver: shop/r/a
          mute_time_intervals:
            - shop/r/n
          matchers:
            - namespace=\"other\"
            - namespace=\"shop\"
          continue: true
          routes:
            - matchers:
                - x!=\"y\"
        - receiver: ops
          matchers:
            - a=b
receivers:
    - name: ops
    - name: shop/r/a
mute_time_intervals:
    - name: shop/r/n
      time_intervals: []
templates: []
";
    assert_eq!(text, expected);
    let (_, object) = read("r", spec);
    let doubt = rules(MatcherStrategy::OnNamespace).doubts(object.as_ref().unwrap());
    assert!(doubt.unwrap().contains("its route takes no alert"));
    assert_eq!(rules(MatcherStrategy::None).doubts(object.as_ref().unwrap()), None);
}

#[test]
fn the_base_must_take_every_alert() {
    for text in [
        "route: {receiver: a, matchers: [b=c]}",
        "route: {receiver: a, continue: true}",
        "route: {}",
        "receivers: []",
        "[]",
    ] {
        assert!(Base::raw(&SourceFile::new("base", text)).is_err(), "{text}");
    }
    assert!(Base::raw(&SourceFile::new("base", "route: {receiver: a, continue: false, matchers: []}")).is_ok());
    assert!(Base::minimal().get("route").is_some());
}

#[test]
fn certificates_stand_inside_or_are_mounted() {
    let spec = "route: {receiver: a}\nreceivers: [{name: a, webhookConfigs: [{url: 'https://a.example/', httpConfig: {tlsConfig: {ca: {secret: {name: tls, key: ca.crt}}}}}]}]";
    let material = secret("tls", "ca.crt", "PEM\nPEM\n");
    let inside = merged(&[("a", spec)], &material, &Contributions::new()).text;
    assert!(inside.contains("ca: |\n"), "{inside}");
    let text = format!(
        "apiVersion: monitoring.coreos.com/v1alpha1\nmetadata: {{namespace: shop, name: a}}\nspec:\n  {}",
        spec.replace('\n', "\n  ")
    );
    let options = Options { target: None, tls_folder: Some("/etc/alertmanager/certs".to_owned()) };
    let (object, _) = AlertmanagerConfig::parse(&SourceFile::new("a", text), "shop", &options).unwrap();
    let candidates = [(object.names.clone(), Ok(object))].into();
    let base = Base::minimal();
    let rules = rules(MatcherStrategy::None);
    let mounted = merge(&base, &candidates, (&material, &rules), &Contributions::new(), &|_, _| Ok(())).unwrap().text;
    assert!(mounted.contains("ca_file: /etc/alertmanager/certs/secret_shop_tls_ca.crt\n"), "{mounted}");
}

#[test]
fn fields_that_the_target_does_not_know_are_left_out_or_refused() {
    let object = |fields: &str, target: &str| {
        let text = format!(
            "apiVersion: monitoring.coreos.com/v1alpha1\nmetadata: {{namespace: n, name: a}}\nspec: {{route: {{receiver: a}}, receivers: [{{name: a, {fields}}}]}}"
        );
        let options = Options { target: Some(target.parse().unwrap()), tls_folder: None };
        AlertmanagerConfig::parse(&SourceFile::new("a", text), "n", &options)
    };
    let timeout = "webhookConfigs: [{url: 'https://a/', timeout: 90s}]";
    assert_eq!(object(timeout, "0.27.0").unwrap().1.len(), 1, "a warning");
    assert!(object(timeout, "0.28.0").unwrap().1.is_empty());
    let teams = "msteamsv2Configs: [{webhookURL: {name: a, key: b}}]";
    assert!(object(teams, "v0.27.1").unwrap_err().to_string().contains("need Alertmanager 0.28"));
    assert!(object(teams, "1.0").is_ok());
}
