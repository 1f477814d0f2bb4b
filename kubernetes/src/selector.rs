//! Label selectors, and what leaving one out means.
//!
//! Nothing written has two meanings in the operator's objects: a selector of objects that is absent selects none of them, a
//! selector of namespaces that is absent selects the own namespace only. `{}` selects all in both cases.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as Written;
use yaml::{Decoder, Field, Node};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// What labels must be like; without a requirement, everything is selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

/// One requirement; all must be met.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    condition: Condition,
}

/// What one label must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    In(BTreeSet<String>),
    /// Also met where there is no such label.
    NotIn(BTreeSet<String>),
    Exists,
    DoesNotExist,
}

/// A selector that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSelector(String);

/// Which objects are selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ObjectSelector {
    /// The selector is absent.
    #[default]
    None,
    /// Those with such labels.
    Labelled(LabelSelector),
}

/// From which namespaces objects are selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NamespaceSelector {
    /// The selector is absent.
    #[default]
    Own,
    /// Those with such labels.
    Labelled(LabelSelector),
}

impl LabelSelector {
    /// Whether these labels meet it.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.requirements.iter().all(|one| one.is_met(labels))
    }

    /// Whether everything meets it.
    pub fn selects_all(&self) -> bool {
        self.requirements.is_empty()
    }

    /// As an object of the API has it.
    ///
    /// # Errors
    /// An operator that is not known, or values where none belong, or none where some do.
    pub fn from_written(written: &Written) -> Result<LabelSelector, InvalidSelector> {
        let equal = written.match_labels.iter().flatten().map(|(key, value)| Ok(Requirement::equal(key, value)));
        let expressions = written.match_expressions.iter().flatten();
        let expressions =
            expressions.map(|one| Requirement::new(&one.key, &one.operator, one.values.clone().unwrap_or_default()));
        Ok(LabelSelector { requirements: equal.chain(expressions).collect::<Result<_, _>>()? })
    }

    /// As kubectl takes it: `team=a,tier!=test,env in (prod, stage),zone notin (x),released,!legacy`. An empty text selects all.
    ///
    /// # Errors
    /// The text is not such a list.
    pub fn parse(text: &str) -> Result<LabelSelector, InvalidSelector> {
        let parts = split(text).into_iter().map(str::trim).filter(|part| !part.is_empty());
        Ok(LabelSelector { requirements: parts.map(Requirement::parse).collect::<Result<_, _>>()? })
    }

    /// Reads `{matchLabels: {}, matchExpressions: []}` of a configuration file.
    pub fn decode(node: &Node, decoder: &Decoder) -> Option<LabelSelector> {
        let mut fields = decoder.mapping(node, "a label selector")?;
        let labels = fields.optional("matchLabels").string_map().unwrap_or_default();
        let equal = labels.iter().map(|(key, value)| Requirement::equal(&key.value, &value.value));
        let expressions = fields.optional("matchExpressions").sequence(Requirement::decode).unwrap_or_default();
        fields.finish();
        Some(LabelSelector { requirements: equal.chain(expressions).collect() })
    }
}

impl ObjectSelector {
    /// Whether an object with these labels is selected.
    pub fn selects(&self, labels: &Labels) -> bool {
        match self {
            Self::None => false,
            Self::Labelled(selector) => selector.matches(labels),
        }
    }

    /// Reads it where it may be left out.
    pub fn decode(field: Field<'_>) -> ObjectSelector {
        field.decode(LabelSelector::decode).map_or(Self::None, Self::Labelled)
    }

    /// As an object of the API has it.
    ///
    /// # Errors
    /// As [`LabelSelector::from_written`].
    pub fn from_written(written: Option<&Written>) -> Result<ObjectSelector, InvalidSelector> {
        written.map_or(Ok(Self::None), |written| LabelSelector::from_written(written).map(Self::Labelled))
    }
}

impl NamespaceSelector {
    /// Whether objects of a namespace are selected. `labels` are the namespace's, `own` is where we are.
    pub fn selects(&self, namespace: &str, labels: &Labels, own: &str) -> bool {
        match self {
            Self::Own => namespace == own,
            Self::Labelled(selector) => selector.matches(labels),
        }
    }

    /// Whether it can be decided only by a namespace's labels.
    pub fn needs_labels(&self) -> bool {
        matches!(self, Self::Labelled(selector) if !selector.selects_all())
    }

    /// Reads it where it may be left out.
    pub fn decode(field: Field<'_>) -> NamespaceSelector {
        field.decode(LabelSelector::decode).map_or(Self::Own, Self::Labelled)
    }

    /// As an object of the API has it.
    ///
    /// # Errors
    /// As [`LabelSelector::from_written`].
    pub fn from_written(written: Option<&Written>) -> Result<NamespaceSelector, InvalidSelector> {
        written.map_or(Ok(Self::Own), |written| LabelSelector::from_written(written).map(Self::Labelled))
    }
}

impl Requirement {
    fn is_met(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match &self.condition {
            Condition::In(values) => value.is_some_and(|value| values.contains(value)),
            Condition::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Condition::Exists => value.is_some(),
            Condition::DoesNotExist => value.is_none(),
        }
    }

    fn equal(key: &str, value: &str) -> Requirement {
        Requirement { key: key.to_owned(), condition: Condition::In([value.to_owned()].into()) }
    }

    fn new(key: &str, operator: &str, values: Vec<String>) -> Result<Requirement, InvalidSelector> {
        let listed = |condition: fn(BTreeSet<String>) -> Condition| match values.is_empty() {
            true => Err(InvalidSelector(format!("{operator} of {key:?} needs at least one value"))),
            false => Ok(condition(values.iter().cloned().collect())),
        };
        let plain = |condition: Condition| match values.is_empty() {
            true => Ok(condition),
            false => Err(InvalidSelector(format!("{operator} of {key:?} takes no values"))),
        };
        let condition = match operator {
            "In" => listed(Condition::In),
            "NotIn" => listed(Condition::NotIn),
            "Exists" => plain(Condition::Exists),
            "DoesNotExist" => plain(Condition::DoesNotExist),
            other => Err(InvalidSelector(format!(
                "{other:?} is no operator of a label selector: In, NotIn, Exists or DoesNotExist"
            ))),
        }?;
        Ok(Requirement { key: key.to_owned(), condition })
    }

    fn decode(node: &Node, decoder: &Decoder) -> Option<Requirement> {
        let mut fields = decoder.mapping(node, "a match expression")?;
        let key = fields.required("key").string();
        let operator = fields.required("operator").string();
        let values = fields.optional("values").string_list().unwrap_or_default();
        fields.finish();
        let (key, operator) = (key?, operator?);
        let values = values.into_iter().map(|value| value.value).collect();
        match Requirement::new(&key.value, &operator.value, values) {
            Ok(requirement) => Some(requirement),
            Err(invalid) => {
                decoder.error(operator.span, invalid.to_string());
                None
            }
        }
    }

    fn parse(text: &str) -> Result<Requirement, InvalidSelector> {
        let listed = |operator: &str, word: &str| {
            let (key, values) = text.split_once(word)?;
            let values = values.trim().strip_prefix('(')?.strip_suffix(')')?;
            let values = values.split(',').map(|value| value.trim().to_owned()).collect();
            Some(Requirement::new(key.trim(), operator, values))
        };
        let requirement = if let Some(found) = listed("NotIn", " notin ").or_else(|| listed("In", " in ")) {
            found?
        } else if let Some((key, value)) = text.split_once("!=") {
            Requirement::new(key.trim(), "NotIn", vec![value.trim().to_owned()])?
        } else if let Some((key, value)) = text.split_once('=') {
            Requirement::equal(key.trim(), value.trim_start_matches('=').trim())
        } else if let Some(key) = text.strip_prefix('!') {
            Requirement { key: key.trim().to_owned(), condition: Condition::DoesNotExist }
        } else {
            Requirement { key: text.to_owned(), condition: Condition::Exists }
        };
        let is_key = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
        if requirement.key.is_empty() || !requirement.key.chars().all(is_key) {
            return Err(InvalidSelector(format!(
                "{text:?} is no requirement of a label selector: write key=value, key!=value, key in (a, b), key notin (a, b), \
                 key or !key"
            )));
        }
        Ok(requirement)
    }
}

/// At commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(move |letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    })
    .collect()
}

/// As kubectl writes it.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Requirement { key, condition }) in self.requirements.iter().enumerate() {
            f.write_str(if place > 0 { "," } else { "" })?;
            let listed = |values: &BTreeSet<String>| values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
            match condition {
                Condition::In(values) if values.len() == 1 => write!(f, "{key}={}", listed(values)),
                Condition::In(values) => write!(f, "{key} in ({})", listed(values)),
                Condition::NotIn(values) => write!(f, "{key} notin ({})", listed(values)),
                Condition::Exists => f.write_str(key),
                Condition::DoesNotExist => write!(f, "!{key}"),
            }?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::source::SourceFile;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn decoded(text: &str) -> Result<LabelSelector, String> {
        let file = SourceFile::new("selector", text);
        let decoder = Decoder::new(&file);
        let selector = decoder.first_document().and_then(|root| LabelSelector::decode(&root, &decoder));
        decoder.finish(selector).map(|(selector, _)| selector).map_err(|mistakes| mistakes.to_string())
    }

    fn written(text: &str) -> Result<LabelSelector, InvalidSelector> {
        LabelSelector::from_written(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn every_operator_means_what_kubernetes_says() {
        let expression = |operator: &str, values: &str| {
            format!(r#"{{"matchExpressions": [{{"key": "team", "operator": "{operator}", "values": {values}}}]}}"#)
        };
        let (a, c, none) = (labels(&[("team", "a"), ("x", "y")]), labels(&[("team", "c")]), labels(&[("x", "y")]));
        for (text, on_a, on_c, on_none) in [
            ("{}".to_owned(), true, true, true),
            (r#"{"matchLabels": {"team": "a"}}"#.to_owned(), true, false, false),
            (r#"{"matchLabels": {"team": "a", "x": "z"}}"#.to_owned(), false, false, false),
            (expression("In", r#"["a", "b"]"#), true, false, false),
            (expression("NotIn", r#"["a", "b"]"#), false, true, true),
            (expression("Exists", "[]"), true, true, false),
            (expression("DoesNotExist", "[]"), false, false, true),
        ] {
            let selector = written(&text).unwrap();
            let found = (selector.matches(&a), selector.matches(&c), selector.matches(&none));
            assert_eq!(found, (on_a, on_c, on_none), "{text}");
            assert_eq!(decoded(&text).unwrap(), selector, "the configuration reads the same");
            assert_eq!(LabelSelector::parse(&selector.to_string()).unwrap(), selector, "and so does a flag");
        }
    }

    #[test]
    fn nothing_written_selects_no_object_and_the_own_namespace() {
        let (none, own) = (ObjectSelector::from_written(None).unwrap(), NamespaceSelector::from_written(None).unwrap());
        assert!(!none.selects(&Labels::new()));
        assert!(own.selects("us", &Labels::new(), "us") && !own.selects("them", &Labels::new(), "us"));
        let all = Written::default();
        assert!(ObjectSelector::from_written(Some(&all)).unwrap().selects(&Labels::new()));
        let all = NamespaceSelector::from_written(Some(&all)).unwrap();
        assert!(all.selects("them", &Labels::new(), "us") && !all.needs_labels());
        assert!(NamespaceSelector::Labelled(LabelSelector::parse("a").unwrap()).needs_labels());
    }

    #[test]
    fn what_kubectl_takes_is_taken() {
        let labels = labels(&[("team", "a"), ("app.kubernetes.io/name", "x")]);
        for (text, expected) in [
            ("", true),
            ("team=a", true),
            ("team==a , app.kubernetes.io/name in (y, x)", true),
            ("team!=a", false),
            ("zone notin (a,b),!zone", true),
            ("zone", false),
        ] {
            assert_eq!(LabelSelector::parse(text).unwrap().matches(&labels), expected, "{text}");
        }
        for text in ["team in a", "in (a)", "a b", "=x"] {
            assert!(LabelSelector::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn selectors_that_mean_nothing_are_refused() {
        for (operator, values, part) in [
            ("In", "[]", "needs at least one value"),
            ("NotIn", "[]", "needs at least one value"),
            ("Exists", "[\"a\"]", "takes no values"),
            ("Equals", "[\"a\"]", "\"Equals\" is no operator"),
        ] {
            let text =
                format!(r#"{{"matchExpressions": [{{"key": "k", "operator": "{operator}", "values": {values}}}]}}"#);
            assert!(written(&text).unwrap_err().to_string().contains(part), "{operator}");
            assert!(decoded(&text).unwrap_err().contains(part), "{operator}");
        }
        assert!(decoded("{matchLabel: {a: b}}").unwrap_err().contains("matchLabel"));
    }
}
