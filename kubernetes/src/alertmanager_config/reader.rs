//! Reads parts of an object by their tables.

use std::fmt::Write as _;

use model::duration::{format_duration, parse_duration};
use yaml::{Decoder, Fields, Node, Spanned};

use super::material::{Holder, Reference};
use super::options::{ApiVersion, Options};
use super::shape::{Before, Field, Kind, Shape};
use super::url_check;
use super::value::{Entries, Open, Reading, Value};

/// What reading needs to know.
pub(crate) struct Reader<'a> {
    /// Takes the mistakes.
    pub(crate) decoder: &'a Decoder,
    /// Where references lead.
    pub(crate) namespace: &'a str,
    /// Which fields there are.
    pub(crate) version: ApiVersion,
    /// What comes out.
    pub(crate) options: &'a Options,
}

impl Reader<'_> {
    /// Whether the Alertmanager that is written for is 0.`minor` or newer.
    pub(crate) fn target_knows(&self, minor: u64) -> bool {
        self.options.target.is_none_or(|target| target.is_at_least(minor))
    }

    /// A mapping by its table.
    pub(crate) fn part(&self, node: &Node, shape: &Shape) -> Option<Value> {
        let says = |parts: &Entries| parts.iter().any(|(_, value)| !matches!(value, Value::LeftOut(_)));
        self.parts(node, shape).filter(|parts| !shape.only_filled || says(parts)).map(Value::Map)
    }

    /// The pairs of a mapping by its table. Of several with the same name the last wins; those without a name all stay.
    pub(crate) fn parts(&self, node: &Node, shape: &Shape) -> Option<Entries> {
        let mut fields = self.decoder.mapping(node, shape.what)?;
        let constant = |(key, value): &(&str, &str)| ((*key).to_owned(), Value::Plain((*value).to_owned()));
        let mut out: Entries = shape.constants.iter().map(constant).collect();
        for rule in shape.fields.iter().filter(|rule| !rule.only_v1alpha1 || self.version == ApiVersion::V1alpha1) {
            let place = fields.key_span(rule.name);
            let read = if rule.required { fields.required(rule.name) } else { fields.optional(rule.name) };
            let value = self.value(read, rule).or_else(|| rule.default.map(|text| Value::Text(text.to_owned())));
            let Some(value) = value else { continue };
            if let (Some(place), Some((minor, before))) = (place, rule.since)
                && !self.target_knows(minor)
            {
                self.too_new(place, rule.name, minor, before);
                out.push((String::new(), Value::LeftOut(Box::new(value))));
                continue;
            }
            let name = self.out_name(rule);
            out.retain(|(known, _)| known.is_empty() || known != name);
            out.push((name.to_owned(), value));
        }
        self.unknown(fields, shape.what);
        if let Some(check) = shape.check {
            check(self, node);
        }
        Some(out)
    }

    /// Fields that the API server drops; whoever wrote them should know.
    pub(crate) fn unknown(&self, mut fields: Fields<'_>, what: &str) {
        for (key, _) in fields.rest() {
            let message = format!("unknown field {:?} in {what}: it has no effect", key.text);
            self.decoder.warning(key.span, message);
        }
        fields.finish();
    }

    fn too_new(&self, place: yaml::Span, name: &str, minor: u64, before: Before) {
        let needs = format!("{name:?} needs Alertmanager 0.{minor}");
        match before {
            Before::Dropped => drop(self.decoder.warning(place, format!("{needs} and is left out"))),
            Before::Refused => drop(self.decoder.error(place, needs)),
        }
    }

    fn out_name(&self, rule: &Field) -> &'static str {
        match rule.kind {
            Kind::Pem(file) | Kind::SecretPem(file) if self.options.tls_folder.is_some() => file,
            _ => rule.out,
        }
    }

    fn value(&self, field: yaml::Field<'_>, rule: &Field) -> Option<Value> {
        let text = |text: Spanned<String>| Value::Text(text.value);
        let node = field.node();
        match rule.kind {
            Kind::Text => field.string().filter(|text| !text.value.is_empty()).map(text),
            Kind::AnyText => field.string().map(text),
            Kind::FilledText => {
                let read = field.string()?;
                if read.value.is_empty() {
                    self.decoder.error(read.span, format!("{:?} is empty", rule.name));
                }
                Some(text(read))
            }
            Kind::Url => self.url(field, url_check::check),
            Kind::LooseUrl => self.url(field, |url| if url.contains("://") { url_check::check(url) } else { Ok(()) }),
            Kind::Duration => {
                let read = field.string().filter(|text| !text.value.is_empty())?;
                let parsed =
                    parse_duration(&read.value).map_err(|error| self.decoder.error(read.span, error.to_string()));
                parsed.ok().map(|duration| Value::Text(format_duration(duration)))
            }
            Kind::Flag => field.boolean().map(|flag| Value::Plain(flag.value.to_string())),
            Kind::TrueFlag => field.boolean().filter(|flag| flag.value).map(|_| Value::Plain("true".to_owned())),
            Kind::Integer => {
                field.integer().filter(|number| number.value != 0).map(|number| Value::Plain(number.value.to_string()))
            }
            Kind::OneOf(words) => {
                field.one_of(words).filter(|word| !word.value.is_empty()).map(|word| Value::Text(word.value.to_owned()))
            }
            Kind::Texts => {
                let list = field.string_list().filter(|list| !list.is_empty())?;
                Some(Value::texts(list.into_iter().map(|text| text.value)))
            }
            Kind::TextMap => {
                let map = field.string_map().filter(|map| !map.is_empty())?;
                Some(Value::Map(map.into_iter().map(|(key, text)| (key.value, Value::Text(text.value))).collect()))
            }
            Kind::Pairs => field.sequence(|node, _| self.pair(node)).filter(|pairs| !pairs.is_empty()).map(Value::Map),
            Kind::Secret => self.secret(node?, Reading::Value),
            Kind::FilledSecret => self.secret(node?, Reading::Filled),
            Kind::SecretUrl => self.secret(node?, Reading::Url),
            Kind::Either => self.either(node?, |_| Reading::Value),
            Kind::Pem(_) => self.either(node?, |reference| self.pem(reference)),
            Kind::SecretPem(_) => {
                let reference = self.reference(node?, Holder::Secret)?;
                Some(self.open(node?, self.pem(&reference), reference))
            }
            Kind::SecretLists => self.secret_lists(field),
            Kind::HostPort => self.host_port(node?),
            Kind::Part(shape) => field.decode(|node, _| self.part(node, shape)),
            Kind::Parts(shape) => {
                field.sequence(|node, _| self.part(node, shape)).filter(|parts| !parts.is_empty()).map(Value::List)
            }
        }
    }

    fn url(&self, field: yaml::Field<'_>, check: impl Fn(&str) -> Result<(), String>) -> Option<Value> {
        let read = field.string().filter(|text| !text.value.is_empty())?;
        if let Err(reason) = check(&read.value) {
            self.decoder.error(read.span, format!("not a usable URL: {reason}")).without_excerpt();
        }
        Some(Value::Text(read.value))
    }

    /// `{key, value}`
    fn pair(&self, node: &Node) -> Option<(String, Value)> {
        let mut fields = self.decoder.mapping(node, "a pair")?;
        let (key, value) = (fields.required("key").string(), fields.optional("value").string());
        self.unknown(fields, "a pair");
        let key = key?;
        if key.value.is_empty() {
            self.decoder.error(key.span, "\"key\" is empty");
        }
        Some((key.value, Value::Text(value.map(|text| text.value).unwrap_or_default())))
    }

    fn host_port(&self, node: &Node) -> Option<Value> {
        let mut fields = self.decoder.mapping(node, "a smart host")?;
        let (host, port) = (fields.required("host").string(), fields.required("port").string());
        self.unknown(fields, "a smart host");
        let (host, port) = (host?.value, port?.value);
        let mut text = if host.contains(':') { format!("[{host}]") } else { host };
        let _infallible = write!(text, ":{port}");
        Some(Value::Text(text))
    }

    fn secret(&self, node: &Node, reading: Reading) -> Option<Value> {
        self.reference(node, Holder::Secret).map(|reference| self.open(node, reading, reference))
    }

    /// A file in a key of a Secret or a ConfigMap.
    pub(crate) fn either_of(&self, node: &Node) -> Option<Value> {
        self.either(node, |_| Reading::Verbatim)
    }

    /// `{secret: {name, key}}` or `{configMap: {name, key}}`; neither is nothing.
    fn either(&self, node: &Node, reading: impl Fn(&Reference) -> Reading) -> Option<Value> {
        let mut fields = self.decoder.mapping(node, "a reference to a Secret or ConfigMap")?;
        let secret = fields.optional("secret").node().cloned();
        let config_map = fields.optional("configMap").node().cloned();
        self.unknown(fields, "a reference to a Secret or ConfigMap");
        self.at_most_one(node, &["secret", "configMap"]);
        let (node, holder) = match (secret, config_map) {
            (Some(node), _) => (node, Holder::Secret),
            (None, Some(node)) => (node, Holder::ConfigMap),
            (None, None) => return None,
        };
        let reference = self.reference(&node, holder)?;
        Some(self.open(&node, reading(&reference), reference))
    }

    /// Certificates stand in the configuration itself, or are mounted where the operator mounts them.
    fn pem(&self, reference: &Reference) -> Reading {
        let Some(folder) = &self.options.tls_folder else { return Reading::Verbatim };
        let holder = match reference.holder {
            Holder::Secret => "secret",
            Holder::ConfigMap => "configmap",
        };
        let Reference { namespace, name, key, .. } = reference;
        Reading::Mounted(format!("{}/{holder}_{namespace}_{name}_{key}", folder.trim_end_matches('/')))
    }

    fn secret_lists(&self, field: yaml::Field<'_>) -> Option<Value> {
        let entries = field.entries(|key, node, decoder| {
            let list = decoder.value(node).sequence(|node, _| self.secret(node, Reading::Value))?;
            Some((key.text.to_string(), Value::List(list)))
        });
        entries.filter(|entries| !entries.is_empty()).map(Value::Map)
    }

    /// `{name, key}`; `optional` is read and makes no difference, as in the operator.
    pub(crate) fn reference(&self, node: &Node, holder: Holder) -> Option<Reference> {
        let what = "a reference to a key";
        let mut fields = self.decoder.mapping(node, what)?;
        let (name, key) = (fields.required("name").string(), fields.required("key").string());
        fields.ignore(&["optional"]);
        self.unknown(fields, what);
        let (name, key) = (name?.value, key?.value);
        for (field, text) in [("name", &name), ("key", &key)] {
            if text.is_empty() {
                self.report(node, field, format!("the {field} of the {holder} is empty"));
            }
        }
        Some(Reference { holder, namespace: self.namespace.to_owned(), name, key })
    }

    fn open(&self, node: &Node, reading: Reading, reference: Reference) -> Value {
        Value::Open(Open { reference, reading, file: self.decoder.file().clone(), span: node.span })
    }

    /// Whether a field has a value that is not empty.
    pub(crate) fn is_filled(&self, node: &Node, name: &str) -> bool {
        let Some(value) = node.get(name).filter(|value| !value.is_null()) else { return false };
        value.as_text() != Some("") && value.as_mapping().is_none_or(|entries| !entries.is_empty())
    }

    /// Reports a mistake at a field, or at the mapping if it lacks the field.
    pub(crate) fn report(&self, node: &Node, name: &str, message: impl Into<String>) {
        self.decoder.error(node.get(name).map_or(node.span, |value| value.span), message);
    }

    /// Reports if more than one of some fields are there.
    pub(crate) fn at_most_one(&self, node: &Node, names: &[&str]) {
        let mut given = names.iter().filter(|name| node.get(name).is_some_and(|value| !value.is_null()));
        if let (Some(first), Some(second)) = (given.next(), given.next()) {
            self.report(node, second, format!("{first:?} and {second:?} exclude each other"));
        }
    }

    /// Reports if none of some fields is there.
    pub(crate) fn at_least_one(&self, node: &Node, names: &[&str]) {
        if !names.iter().any(|name| self.is_filled(node, name)) {
            self.decoder.error(node.span, format!("one of {} must be given", quoted(names)));
        }
    }

    /// Reports unless exactly one of some fields is there.
    pub(crate) fn exactly_one(&self, node: &Node, names: &[&str]) {
        self.at_least_one(node, names);
        let given: Vec<&str> = names.iter().copied().filter(|name| self.is_filled(node, name)).collect();
        if let [first, second, ..] = given.as_slice() {
            self.report(node, second, format!("{first:?} and {second:?} exclude each other"));
        }
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}
