//! Matchers of routes and inhibit rules.

use model::Matcher;
use model::matcher::{MatchOp, is_classic_name};
use yaml::Node;

use super::options::ApiVersion;
use super::reader::Reader;
use super::value::{Entries, Value};

/// A matcher as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WrittenMatcher {
    name: String,
    op: MatchOp,
    value: String,
    /// Whether `matchType` was given; without it Alertmanager before 0.22 can have it, too.
    is_typed: bool,
}

const OPS: [(&str, MatchOp); 5] = [
    ("=", MatchOp::Equal),
    ("!=", MatchOp::NotEqual),
    ("=~", MatchOp::Regex),
    ("!~", MatchOp::NotRegex),
    ("", MatchOp::Equal),
];

impl WrittenMatcher {
    /// The one that keeps a namespace to itself.
    pub(crate) fn of_namespace(namespace: &str) -> WrittenMatcher {
        let (name, value) = ("namespace".to_owned(), namespace.to_owned());
        WrittenMatcher { name, op: MatchOp::Equal, value, is_typed: false }
    }

    /// The label it looks at.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it asks for exactly this value of this label.
    pub(crate) fn is_same(&self, other: &WrittenMatcher) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }

    /// Whether it can never be met together with another that asks for one value.
    pub(crate) fn contradicts(&self, other: &WrittenMatcher) -> bool {
        let matcher = Matcher::new(self.name.as_str(), self.op, self.value.as_str());
        self.name == other.name && matcher.is_ok_and(|matcher| !matcher.matches_value(&other.value))
    }

    /// `name="value"`
    fn text(&self) -> String {
        let op = OPS.iter().find(|(_, op)| *op == self.op).map_or("=", |(text, _)| text);
        let value = escaped(&self.value);
        match is_classic_name(&self.name) {
            true => format!("{}{op}\"{value}\"", self.name),
            false => format!("\"{}\"{op}\"{value}\"", escaped(&self.name)),
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl Reader<'_> {
    /// A list of matchers.
    pub(crate) fn matchers(&self, field: yaml::Field<'_>) -> Vec<WrittenMatcher> {
        field.sequence(|node, _| self.matcher(node)).unwrap_or_default()
    }

    fn matcher(&self, node: &Node) -> Option<WrittenMatcher> {
        let what = "a matcher";
        let mut fields = self.decoder.mapping(node, what)?;
        let name = fields.required("name").string();
        let value = fields.optional("value").string();
        let op = fields.optional("matchType").one_of(&OPS);
        let regex = match self.version {
            ApiVersion::V1alpha1 => fields.optional("regex").boolean().is_some_and(|regex| regex.value),
            ApiVersion::V1beta1 => false,
        };
        self.unknown(fields, what);
        let is_typed = self.is_filled(node, "matchType");
        if is_typed && !self.target_knows(22) {
            self.report(node, "matchType", "\"matchType\" needs Alertmanager 0.22");
        }
        let name = name?;
        if name.value.is_empty() {
            self.decoder.error(name.span, "the matcher has no label name");
        }
        let op = match op {
            Some(op) if is_typed => op.value,
            None if is_typed => return None,
            _ if regex => MatchOp::Regex,
            _ => MatchOp::Equal,
        };
        let text = value.as_ref().map(|value| value.value.clone()).unwrap_or_default();
        if let Err(error) = Matcher::new(name.value.as_str(), op, text.as_str()) {
            self.report(node, "value", error.to_string());
        }
        Some(WrittenMatcher { name: name.value, op, value: text, is_typed })
    }
}

/// Matchers as a list of texts, or as the two mappings of Alertmanager before 0.22.
pub(crate) fn write_matchers(matchers: &[WrittenMatcher], prefix: &str, as_list: bool, out: &mut Entries) {
    let (listed, mapped): (Vec<_>, Vec<_>) = matchers.iter().partition(|matcher| as_list || matcher.is_typed);
    if !listed.is_empty() {
        out.push((format!("{prefix}matchers"), Value::texts(listed.iter().map(|matcher| matcher.text()))));
    }
    for (key, op) in [("match", MatchOp::Equal), ("match_re", MatchOp::Regex)] {
        let of_op = mapped.iter().filter(|matcher| matcher.op == op);
        let entries: Entries =
            of_op.map(|matcher| (matcher.name.clone(), Value::Text(matcher.value.clone()))).collect();
        if !entries.is_empty() {
            out.push((format!("{prefix}{key}"), Value::Map(entries)));
        }
    }
}
