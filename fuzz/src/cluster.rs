//! Objects of a cluster: PrometheusRules, AlertmanagerConfigs and what belongs to them, as manifests and as the API has them;
//! reviews of the admission webhook; selectors.

use kubernetes::alertmanager_config::{Alertmanager, Contributions, Held, Manifests, Options, as_file, convert, data};
use kubernetes::prometheus_rule::{Enforcement, PrometheusRule};
use kubernetes::selector::{LabelSelector, Labels};
use kubernetes::{admission, object};
use model::source::SourceFile;
use rules_engine::rule_file::{Defaults, Dialect, read};
use serde_json::Value;

use super::text;

pub fn check(bytes: &[u8]) {
    let Some(written) = text::text(bytes) else { return };
    if let Ok(selector) = LabelSelector::parse(written) {
        selector.matches(&Labels::from([("app".to_owned(), "x".to_owned())]));
    }
    manifests(written);
    match admission::read(bytes) {
        Ok(request) => drop(admission::answer(Some(&request), &admission::Verdict::allowed())),
        Err(why) => text::says(&why),
    }
    admission::converted(bytes, convert);
    if let Ok(object) = serde_json::from_str::<Value>(written) {
        of_api(&object);
    }
}

fn of_api(object: &Value) {
    let key = object::ObjectKey::of(object);
    data(object);
    as_file(object);
    let options = Options::default();
    assert!(key.is_some() || PrometheusRule::of(object).is_none());
    drop(Held::of(object, &options));
    if let Err(mistakes) = Alertmanager::of(object, &options) {
        text::tells(&mistakes);
    }
    for desired in ["monitoring.coreos.com/v1alpha1", "monitoring.coreos.com/v1beta1"] {
        if let Ok(converted) = convert(object, desired) {
            assert_eq!(convert(&converted, desired), Ok(converted.clone()), "converted already");
        }
    }
    let Some(rule) = PrometheusRule::of(object) else { return };
    assert!(PrometheusRule::of(&rule.to_object()).is_some_and(|again| again.says_the_same_as(&rule)));
    for label in [None, Some("namespace".to_owned())] {
        let enforcement = Enforcement { label, excluded: Vec::new() };
        match rule.rule_file(&enforcement) {
            Err(unusable) => text::says(&unusable.to_string()),
            Ok(file) => {
                let defaults = Defaults { dialect: Dialect::Prometheus, ..Defaults::default() };
                if let Err(mistakes) = read(&SourceFile::new(file.name, file.text), &defaults) {
                    text::tells(&mistakes);
                }
            }
        }
    }
}

fn manifests(written: &str) {
    let options = Options::default();
    let found = Manifests::read(&[SourceFile::new("manifests.yml", written)], "default", &options);
    text::tells(&found.mistakes);
    for alertmanager in found.alertmanagers.values() {
        let previous = Contributions::default();
        let merged = found.world.merge((alertmanager, None), &options, &previous, &|_, _| Ok(()));
        match merged {
            Err(mistakes) => text::tells(&mistakes),
            Ok(merged) => {
                let text = SourceFile::new("merged.yml", merged.text);
                assert!(!::yaml::parse_all(&text).diagnostics.has_errors(), "{}", text.text());
                merged.refused.values().for_each(text::tells);
            }
        }
        found.world.wanted(alertmanager);
    }
}
