//! Whether an AlertmanagerConfig can be merged and used by the notifier, as far as that can be said without its Secrets.

use std::path::Path;

use kubernetes::admission::Verdict;
use kubernetes::alertmanager_config::{
    Alertmanager, Base, Contributions, Held, MatcherStrategy, Material, Options, World,
};
use kubernetes::object::ObjectKey;
use kubernetes::selector::{LabelSelector, NamespaceSelector, ObjectSelector};
use model::source::{Severity, SourceFile};
use serde_json::Value;

use super::Checks;
use super::rules::told;
use crate::service::alertmanager_configs::acceptance;

/// Settings that the real base may have: what an object leaves to it is no mistake of the object.
const BASE: &str = "\
global:
  smtp_smarthost: localhost:25
  smtp_from: watchfire@localhost
  slack_api_url: https://slack.com/api/chat.postMessage
  opsgenie_api_key: unknown
  victorops_api_key: unknown
  wechat_api_secret: unknown
  wechat_api_corp_id: unknown
  telegram_bot_token: unknown
  rocketchat_token: unknown
  rocketchat_token_id: unknown
route: {receiver: 'null'}
receivers: [{name: 'null'}]
";

/// Every mistake, as the notifier finds them.
pub(super) fn verdict(object: &Value, namespace: &str, checks: &Checks) -> Verdict {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.entry("namespace").or_insert_with(|| namespace.into());
        let name = metadata.get("generateName").cloned().unwrap_or_else(|| "unnamed".into());
        metadata.entry("name").or_insert(name);
    }
    let Some((key, held)) = Held::of(&object, &Options::default()) else {
        return Verdict::denied("the object has no metadata");
    };
    let mut warnings = told(&held.warnings, Severity::Warning);
    let mut settings = Alertmanager::new(ObjectKey::new(&key.namespace, "admission"));
    settings.selector = ObjectSelector::Labelled(LabelSelector::default());
    settings.namespaces = NamespaceSelector::Labelled(LabelSelector::default());
    settings.strategy = MatcherStrategy::OnNamespace;
    let mut world = World { material: Material::assumed(), ..World::default() };
    let doubts =
        held.candidate.as_ref().ok().and_then(|object| world.rules(&settings, &Options::default()).doubts(object));
    warnings.extend(doubts);
    world.objects.insert(key.clone(), held);
    let base = match Base::raw(&SourceFile::new("base", BASE)) {
        Ok(base) => base,
        Err(mistakes) => return Verdict::denied(mistakes.to_string()),
    };
    let accepts = |text: &str, templates: &[(String, String)]| {
        acceptance::read(text, templates, Path::new(""), checks.matcher_mode).map(drop)
    };
    let merged = world.merge((&settings, Some(&base)), &Options::default(), &Contributions::new(), &accepts);
    let causes = match merged {
        Ok(merged) => merged.refused.get(&key).map(|mistakes| told(mistakes, Severity::Error)).unwrap_or_default(),
        Err(mistakes) => told(&mistakes, Severity::Error),
    };
    Verdict { causes, warnings, ..Verdict::default() }
}
