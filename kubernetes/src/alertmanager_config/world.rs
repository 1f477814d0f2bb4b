//! Everything a merge is made of: as a cluster has it, or as manifests in files say.

use std::collections::{BTreeMap, BTreeSet};

use model::source::{Diagnostic, Diagnostics, SourceFile};
use yaml::{Decoder, Node};

use super::alertmanager::{Alertmanager, CONFIG_KEY};
use super::base::Base;
use super::material::{Holder, Material};
use super::merge::{Accepts, Candidate, Contributions, Merged, Rules, merge};
use super::object::AlertmanagerConfig;
use super::options::Options;
use crate::object::ObjectKey;
use crate::selector::Labels;

/// The objects there are.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// AlertmanagerConfigs, also those that nobody selects.
    pub objects: BTreeMap<ObjectKey, Held>,
    /// Labels of namespaces.
    pub namespaces: BTreeMap<String, Labels>,
    /// Secrets and ConfigMaps.
    pub material: Material,
}

/// An AlertmanagerConfig as it is there.
#[derive(Clone, Debug)]
pub struct Held {
    /// What it is selected by.
    pub labels: Labels,
    /// What it says, or what is wrong with it.
    pub candidate: Candidate,
    /// What has no effect in it.
    pub warnings: Diagnostics,
}

impl Held {
    /// Reads an object, whose namespace is `default_namespace` if it says none; also its key.
    pub fn read(
        node: &Node,
        file: &SourceFile,
        default_namespace: &str,
        options: &Options,
    ) -> Option<(ObjectKey, Held)> {
        let metadata = node.get("metadata")?;
        let namespace = metadata.get("namespace").and_then(Node::as_text).filter(|name| !name.is_empty());
        let key = ObjectKey::new(namespace.unwrap_or(default_namespace), metadata.get("name")?.as_text()?);
        let decoder = Decoder::new(file);
        let object = AlertmanagerConfig::read(node, &decoder, default_namespace, options);
        let (candidate, warnings) = match decoder.finish(object) {
            Ok((object, warnings)) => (Ok(object), warnings),
            Err(mistakes) => (Err(mistakes), Diagnostics::new()),
        };
        Some((key, Held { labels: labels(metadata), candidate, warnings }))
    }
}

/// `metadata.labels`
pub(crate) fn labels(metadata: &Node) -> Labels {
    let labels = metadata.get("labels").and_then(Node::as_mapping).unwrap_or_default();
    let text = |value: &Node| value.as_text().unwrap_or_default().to_owned();
    labels.iter().map(|(key, value)| (key.text.to_string(), text(value))).collect()
}

impl World {
    /// The objects that an Alertmanager takes, without its base.
    pub fn selected(&self, alertmanager: &Alertmanager) -> BTreeMap<ObjectKey, Candidate> {
        let none = Labels::new();
        let is_selected = |(key, held): &(&ObjectKey, &Held)| {
            let of_namespace = self.namespaces.get(&key.namespace).unwrap_or(&none);
            alertmanager.selects(key, &held.labels, of_namespace)
        };
        let selected = self.objects.iter().filter(is_selected);
        selected.map(|(key, held)| (key.clone(), held.candidate.clone())).collect()
    }

    /// The base: what the caller has, or what the Alertmanager names.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn base(&self, alertmanager: &Alertmanager, options: &Options) -> Result<Base, Diagnostics> {
        let as_list = matchers_as_list(options);
        if let (Some(configuration), Some(key)) = (&alertmanager.configuration, alertmanager.base_object()) {
            let object = match self.objects.get(&key) {
                Some(held) => held.candidate.clone()?,
                None => {
                    let file = SourceFile::new(alertmanager.names.to_string(), "");
                    let message = format!("there is no AlertmanagerConfig {key}, which is to be the base");
                    return Err(Diagnostic::whole_file(&file, message).into());
                }
            };
            return Base::object(&object, configuration, &self.material, as_list);
        }
        let (namespace, name) = (&alertmanager.names.namespace, &alertmanager.config_secret);
        let Some(data) = self.material.data(Holder::Secret, namespace, name) else { return Ok(Base::minimal()) };
        let text = data.get(CONFIG_KEY).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(Base::minimal()) };
        let base = Base::raw(&SourceFile::new(format!("Secret {namespace}/{name}, {CONFIG_KEY}"), text))?;
        Ok(base.with_templates_beside_it(data))
    }

    /// The merge for an Alertmanager, with another base if the caller has one.
    ///
    /// # Errors
    /// The base cannot be used.
    pub fn merge(
        &self,
        (alertmanager, base): (&Alertmanager, Option<&Base>),
        options: &Options,
        previous: &Contributions,
        accepts: Accepts<'_>,
    ) -> Result<Merged, Diagnostics> {
        let own;
        let base = match base {
            Some(base) => base,
            None => {
                own = self.base(alertmanager, options)?;
                &own
            }
        };
        let rules = self.rules(alertmanager, options);
        merge(base, &self.selected(alertmanager), (&self.material, &rules), previous, accepts)
    }

    /// How an Alertmanager merges.
    pub fn rules<'a>(&self, alertmanager: &'a Alertmanager, options: &Options) -> Rules<'a> {
        Rules {
            strategy: alertmanager.strategy,
            namespace: &alertmanager.names.namespace,
            matchers_as_list: matchers_as_list(options),
        }
    }

    /// Secrets and ConfigMaps that a merge for an Alertmanager reads.
    pub fn wanted(&self, alertmanager: &Alertmanager) -> BTreeSet<(Holder, ObjectKey)> {
        let mut wanted: BTreeSet<_> = BTreeSet::new();
        let mut add = |holder, namespace: &str, name: &str| wanted.insert((holder, ObjectKey::new(namespace, name)));
        if alertmanager.configuration.is_none() {
            add(Holder::Secret, &alertmanager.names.namespace, &alertmanager.config_secret);
        }
        for reference in alertmanager.references() {
            add(reference.holder, &reference.namespace, &reference.name);
        }
        let mut objects = self.selected(alertmanager);
        if let Some((key, held)) = alertmanager.base_object().and_then(|key| self.objects.get_key_value(&key)) {
            objects.insert(key.clone(), held.candidate.clone());
        }
        for object in objects.values().flatten() {
            for reference in object.references() {
                add(reference.holder, &reference.namespace, &reference.name);
            }
        }
        wanted
    }
}

fn matchers_as_list(options: &Options) -> bool {
    options.target.is_none_or(|target| target.is_at_least(22))
}
