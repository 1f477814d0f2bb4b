//! What a notification's template sees: the alerts of a group, their labels, and the group around them.
//!
//! After Alertmanager's notification data: the same names, types and methods. A label set prints as `a=b, c=d`, as in
//! Alertmanager since 0.28; before, it printed as a Go map.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use smol_str::SmolStr;

use super::error::FunctionFailure;
use super::function::{Param, Signature};
use super::time_methods;
use super::value::{Element, List, Map, Object, Value};

/// Names and values of labels or annotations, in any order.
pub type Pairs = Vec<(String, String)>;

/// One notification: everything its templates can show.
#[derive(Clone, Debug, Default)]
pub struct Notification {
    /// The receiver's name; templates get it with the characters of regular expressions quoted.
    pub receiver: String,
    /// `firing` while any alert fires, else `resolved`.
    pub status: String,
    /// The alerts, in the order they are listed.
    pub alerts: Vec<Alert>,
    /// Why this notification goes out.
    pub notification_reason: String,
    /// The labels the alerts are grouped by.
    pub group_labels: Pairs,
    /// The labels all alerts share.
    pub common_labels: Pairs,
    /// The annotations all alerts share.
    pub common_annotations: Pairs,
    /// Labels of the route that sends.
    pub route_labels: Pairs,
    /// The address users reach this program under.
    pub external_url: String,
    /// A link that acknowledges what fires; may be empty. Not in Alertmanager.
    pub ack_url: String,
}

/// One alert of a notification.
#[derive(Clone, Debug, Default)]
pub struct Alert {
    /// `firing` or `resolved`.
    pub status: String,
    /// Its labels.
    pub labels: Pairs,
    /// Its annotations.
    pub annotations: Pairs,
    /// When it began; `None` shows Go's zero time.
    pub starts_at: Option<Timestamp>,
    /// When it ends or ended; `None` shows Go's zero time.
    pub ends_at: Option<Timestamp>,
    /// Where it comes from.
    pub generator_url: String,
    /// The hash of its labels, in hexadecimal.
    pub fingerprint: String,
    /// A link that acknowledges it; may be empty. Not in Alertmanager.
    pub ack_url: String,
}

impl Notification {
    /// The dot of the notification's templates.
    pub fn dot(&self) -> Value {
        let alerts = self.alerts.iter().map(Alert::value).collect();
        Value::object(Structure {
            type_name: "template.Data",
            tagged: true,
            fields: vec![
                ("Receiver", model::pattern::quote_meta(&self.receiver).into()),
                ("Status", self.status.as_str().into()),
                ("Alerts", Value::object(Alerts(alert_list(alerts)))),
                ("NotificationReason", self.notification_reason.as_str().into()),
                ("GroupLabels", label_set(&self.group_labels)),
                ("CommonLabels", label_set(&self.common_labels)),
                ("CommonAnnotations", label_set(&self.common_annotations)),
                ("RouteLabels", label_set(&self.route_labels)),
                ("ExternalURL", self.external_url.as_str().into()),
            ],
            unlisted: vec![("AckURL", self.ack_url.as_str().into())],
        })
    }
}

impl Alert {
    /// The alert as templates see it.
    pub fn value(&self) -> Value {
        let time = |at: Option<Timestamp>| at.map_or_else(time_methods::zero_time, time_methods::at);
        Value::object(Structure {
            type_name: "template.Alert",
            tagged: true,
            fields: vec![
                ("Status", self.status.as_str().into()),
                ("Labels", label_set(&self.labels)),
                ("Annotations", label_set(&self.annotations)),
                ("StartsAt", time(self.starts_at)),
                ("EndsAt", time(self.ends_at)),
                ("GeneratorURL", self.generator_url.as_str().into()),
                ("Fingerprint", self.fingerprint.as_str().into()),
            ],
            unlisted: vec![("AckURL", self.ack_url.as_str().into())],
        })
    }
}

/// A label set as templates see it: a map with `SortedPairs`, `Remove`, `Names` and `Values`.
pub fn label_set(pairs: &Pairs) -> Value {
    Value::object(LabelSet(Arc::new(Map::strings(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))))))
}

fn alert_list(items: Vec<Value>) -> Value {
    Value::from(List { element: Element::Named("template.Alert"), items })
}

/// A struct of fixed fields.
#[derive(Debug)]
struct Structure {
    type_name: &'static str,
    /// In JSON the names of its fields start with a small letter.
    tagged: bool,
    fields: Vec<(&'static str, Value)>,
    /// Fields by name only: what prints the whole, as Alertmanager does, shows none of them.
    unlisted: Vec<(&'static str, Value)>,
}

impl Object for Structure {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.fields.clone()
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields.iter().chain(&self.unlisted).find(|(field, _)| *field == name).map(|(_, value)| value.clone())
    }

    fn json_key(&self, field: &'static str) -> Cow<'static, str> {
        let mut characters = field.chars();
        match characters.next() {
            Some(first) if self.tagged => Cow::Owned(first.to_lowercase().chain(characters).collect()),
            _ => Cow::Borrowed(field),
        }
    }
}

/// The alerts of a notification.
#[derive(Debug)]
struct Alerts(Value);

impl Object for Alerts {
    fn type_name(&self) -> &str {
        "template.Alerts"
    }

    fn base(&self) -> Option<Value> {
        Some(self.0.clone())
    }

    fn method(&self, name: &str) -> Option<Signature> {
        matches!(name, "Firing" | "Resolved").then(|| Signature::of(&[]))
    }

    fn call(&self, name: &str, _args: &[Value]) -> Result<Value, FunctionFailure> {
        let wanted = if name == "Firing" { "firing" } else { "resolved" };
        let has_status = |alert: &&Value| match alert {
            Value::Object(object) => object.field("Status").is_some_and(|status| status.as_str() == Some(wanted)),
            _ => false,
        };
        match &self.0 {
            Value::List(list) => Ok(alert_list(list.items.iter().filter(has_status).cloned().collect())),
            _ => Ok(alert_list(Vec::new())),
        }
    }
}

/// Go's `KV`.
#[derive(Debug)]
struct LabelSet(Arc<Map>);

impl LabelSet {
    /// Names and values, the alert's name first.
    fn sorted(&self) -> Vec<(SmolStr, SmolStr)> {
        let text = |value: &Value| SmolStr::new(value.as_str().unwrap_or_default());
        let mut pairs: Vec<_> = self.0.entries().iter().map(|(name, value)| (name.clone(), text(value))).collect();
        pairs.sort_by_key(|(name, _)| name != "alertname");
        pairs
    }
}

impl Object for LabelSet {
    fn type_name(&self) -> &str {
        "template.KV"
    }

    fn base(&self) -> Option<Value> {
        Some(Value::Map(self.0.clone()))
    }

    fn method(&self, name: &str) -> Option<Signature> {
        match name {
            "SortedPairs" | "Names" | "Values" | "String" => Some(Signature::of(&[])),
            "Remove" => Some(Signature::of(&[Param::Strings])),
            _ => None,
        }
    }

    fn call(&self, name: &str, args: &[Value]) -> Result<Value, FunctionFailure> {
        if name != "Remove" {
            let pairs = SortedPairs(self.sorted());
            return if name == "SortedPairs" { Ok(Value::object(pairs)) } else { pairs.call(name, args) };
        }
        let names = args.first().map(Value::base);
        let removed = match names.as_deref() {
            Some(Value::List(list)) => list.items.as_slice(),
            _ => &[],
        };
        let gone = |name: &str| removed.iter().any(|value| value.as_str() == Some(name));
        let kept = self.0.entries().iter().filter(|(name, _)| !gone(name));
        let kept = kept.map(|(name, value)| (name.clone(), SmolStr::new(value.as_str().unwrap_or_default())));
        Ok(Value::object(Self(Arc::new(Map::strings(kept)))))
    }

    fn text(&self) -> Option<String> {
        SortedPairs(self.sorted()).text()
    }
}

/// Go's `Pairs`: a list of `{Name, Value}`.
#[derive(Debug)]
struct SortedPairs(Vec<(SmolStr, SmolStr)>);

impl Object for SortedPairs {
    fn type_name(&self) -> &str {
        "template.Pairs"
    }

    fn base(&self) -> Option<Value> {
        let pair = |(name, value): &(SmolStr, SmolStr)| {
            let fields = vec![("Name", Value::String(name.clone())), ("Value", Value::String(value.clone()))];
            Value::object(Structure { type_name: "template.Pair", tagged: false, fields, unlisted: Vec::new() })
        };
        let items = self.0.iter().map(pair).collect();
        Some(Value::from(List { element: Element::Named("template.Pair"), items }))
    }

    fn method(&self, name: &str) -> Option<Signature> {
        matches!(name, "Names" | "Values" | "String").then(|| Signature::of(&[]))
    }

    fn call(&self, name: &str, _args: &[Value]) -> Result<Value, FunctionFailure> {
        let strings = |items: Vec<SmolStr>| Value::object(Strings(Arc::new(List::strings(items))));
        Ok(match name {
            "Names" => strings(self.0.iter().map(|(name, _)| name.clone()).collect()),
            "Values" => strings(self.0.iter().map(|(_, value)| value.clone()).collect()),
            _ => self.text().unwrap_or_default().into(),
        })
    }

    fn text(&self) -> Option<String> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Some(pairs.join(", "))
    }
}

/// A list of texts that can be joined: `.GroupLabels.Values.Join ", "`.
#[derive(Debug)]
struct Strings(Arc<List>);

impl Object for Strings {
    fn type_name(&self) -> &str {
        "template.StringSlice"
    }

    fn base(&self) -> Option<Value> {
        Some(Value::List(self.0.clone()))
    }

    fn method(&self, name: &str) -> Option<Signature> {
        (name == "Join").then(|| Signature::of(&[Param::String]))
    }

    fn call(&self, _name: &str, args: &[Value]) -> Result<Value, FunctionFailure> {
        let separator = args.first().and_then(Value::as_str).unwrap_or_default();
        let texts: Vec<&str> = self.0.items.iter().filter_map(Value::as_str).collect();
        Ok(texts.join(separator).into())
    }
}
