//! What an `Alertmanager` object of the operator says about its configuration.

use yaml::{Decoder, Field, Node};

use super::global;
use super::material::Reference;
use super::options::{ApiVersion, Options};
use super::reader::Reader;
use super::value::Value;
use crate::object::ObjectKey;
use crate::selector::{Labels, NamespaceSelector, ObjectSelector};

/// The key of a Secret with a whole configuration.
pub const CONFIG_KEY: &str = "alertmanager.yaml";

/// The fields of an Alertmanager object that its configuration comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Alertmanager {
    /// Where it is.
    pub names: ObjectKey,
    /// The Secret with the base configuration, in the same namespace.
    pub config_secret: String,
    /// The object that is the base instead.
    pub configuration: Option<Configuration>,
    /// Which objects are merged into the base.
    pub selector: ObjectSelector,
    /// From which namespaces.
    pub namespaces: NamespaceSelector,
    /// How they are kept to the alerts of their namespace.
    pub strategy: MatcherStrategy,
}

/// `alertmanagerConfiguration`
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// The AlertmanagerConfig that is the base, in the same namespace.
    pub name: String,
    pub(crate) global: Option<Value>,
    pub(crate) templates: Vec<Value>,
}

/// `alertmanagerConfigMatcherStrategy`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatcherStrategy {
    /// Routes and inhibit rules of an object see the alerts of its namespace only.
    #[default]
    OnNamespace,
    /// But for objects beside the Alertmanager, which see all.
    OnNamespaceExceptForAlertmanagerNamespace,
    /// They see all.
    None,
}

/// Each by its name.
pub const STRATEGIES: [(&str, MatcherStrategy); 3] = [
    ("OnNamespace", MatcherStrategy::OnNamespace),
    ("OnNamespaceExceptForAlertmanagerNamespace", MatcherStrategy::OnNamespaceExceptForAlertmanagerNamespace),
    ("None", MatcherStrategy::None),
];

impl Alertmanager {
    /// Without an object: nothing selected, the configuration in `alertmanager-NAME`.
    pub fn new(names: ObjectKey) -> Alertmanager {
        Alertmanager {
            config_secret: format!("alertmanager-{}", names.name),
            names,
            configuration: None,
            selector: ObjectSelector::None,
            namespaces: NamespaceSelector::Own,
            strategy: MatcherStrategy::default(),
        }
    }

    /// Reads an object; fields that say nothing about the configuration are passed over.
    pub fn read(node: &Node, decoder: &Decoder, default_namespace: &str, options: &Options) -> Option<Alertmanager> {
        let metadata = node.get("metadata");
        let text = |field: &str| metadata?.get(field)?.as_text().filter(|text| !text.is_empty());
        let Some(name) = text("name") else {
            decoder.error(node.span, "metadata.name is missing");
            return None;
        };
        let mut found = Alertmanager::new(ObjectKey::new(text("namespace").unwrap_or(default_namespace), name));
        let Some(spec) = node.get("spec") else { return Some(found) };
        let mut fields = decoder.mapping(spec, "an Alertmanager's spec")?;
        if let Some(secret) = fields.optional("configSecret").string().filter(|name| !name.value.is_empty()) {
            found.config_secret = secret.value;
        }
        found.selector = ObjectSelector::decode(fields.optional("alertmanagerConfigSelector"));
        found.namespaces = NamespaceSelector::decode(fields.optional("alertmanagerConfigNamespaceSelector"));
        found.strategy = read_strategy(fields.optional("alertmanagerConfigMatcherStrategy"));
        let reader = Reader { decoder, namespace: &found.names.namespace, version: ApiVersion::V1alpha1, options };
        found.configuration =
            fields.optional("alertmanagerConfiguration").decode(|node, _| Configuration::read(node, &reader));
        // the rest is about the deployment
        let _others = fields.rest();
        fields.finish();
        Some(found)
    }

    /// Whether it takes anything but the user's Secret as it is.
    pub fn merges(&self) -> bool {
        self.configuration.is_some() || self.selector != ObjectSelector::None
    }

    /// Whether an object is merged into the base. `namespace_labels` are those of its namespace.
    pub fn selects(&self, names: &ObjectKey, labels: &Labels, namespace_labels: &Labels) -> bool {
        let own = &self.names.namespace;
        let is_base = self.base_object().is_some_and(|base| base == *names);
        !is_base && self.selector.selects(labels) && self.namespaces.selects(&names.namespace, namespace_labels, own)
    }

    /// The AlertmanagerConfig that is the base.
    pub fn base_object(&self) -> Option<ObjectKey> {
        let configuration = self.configuration.as_ref()?;
        Some(ObjectKey::new(&self.names.namespace, &configuration.name))
    }

    /// Keys of Secrets and ConfigMaps that it refers to itself.
    pub fn references(&self) -> Vec<&Reference> {
        let mut found = Vec::new();
        if let Some(configuration) = &self.configuration {
            let values = configuration.global.iter().chain(&configuration.templates);
            values.for_each(|value| value.references(&mut found));
        }
        found
    }
}

impl Configuration {
    /// Reads `{name, global, templates}`.
    pub(crate) fn read(node: &Node, reader: &Reader<'_>) -> Option<Configuration> {
        let what = "an alertmanagerConfiguration";
        let mut fields = reader.decoder.mapping(node, what)?;
        let name = fields.required("name").string();
        let global = fields.optional("global").decode(|node, _| global::read(reader, node));
        let templates = fields.optional("templates").sequence(|node, _| reader.either_of(node));
        reader.unknown(fields, what);
        let name = name?;
        if name.value.is_empty() {
            reader.decoder.error(name.span, "the name of the AlertmanagerConfig is empty");
        }
        Some(Configuration { name: name.value, global, templates: templates.unwrap_or_default() })
    }
}

/// `{type: NAME}`
fn read_strategy(field: Field<'_>) -> MatcherStrategy {
    let strategy = field.decode(|node, decoder| {
        let mut fields = decoder.mapping(node, "a matcher strategy")?;
        let strategy = fields.optional("type").one_of(&STRATEGIES);
        fields.finish();
        strategy
    });
    strategy.map(|strategy| strategy.value).unwrap_or_default()
}
