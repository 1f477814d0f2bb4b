//! Bodies of requests as presets describe them: trees whose texts name settings.
//!
//! | written | becomes |
//! |---|---|
//! | `$title` | the setting, as what it is |
//! | `Bearer ${token}` | a text with settings in it; nothing, if one of them is not given |
//! | `{firing: a, resolved: b}` | one of them |
//! | `{each: fields, item: …}` | a list, with the settings of each item (`name` and `value` of a mapping's); items are left out if all keys that `unless_empty` names are |
//! | `{with: confirm, item: …}` | the same for a nested section, or nothing |
//! | `{first: [a, b]}` | the first that is something, or the last |
//! | `{split: $tags}` | the parts between commas |
//! | `{merge: [a, b]}` | one object of several, ordered by key |
//! | `{cut: $message, characters: 9}` | the text, cut |
//! | `{trim: $message}` | the text without blanks around it |
//! | `{as_text: $id}` | the value as a text |
//! | `{when: flag, then: a}` | a, or nothing; also `no flag` and `setting=a\|b` |
//! | `{known: [a, b], value: $x, else: c}` | the value if it is one of the words, whatever its case |
//! | `{opsgenie_teams: …}` | responders, with `teams` as one `team` each |
//! | `key?: a` | left out if a is nothing, empty, 0 or false |

use serde_json::Value;
use yaml::{Kind, Node};

/// A description of a body.
#[derive(Debug)]
pub(crate) enum Body {
    Fixed(Value),
    Setting(String),
    Text(Text),
    ByStatus { firing: Box<Body>, resolved: Box<Body> },
    Each { list: String, item: Box<Body>, unless_empty: Vec<String> },
    With { section: String, item: Box<Body> },
    First(Vec<Body>),
    Split(Box<Body>),
    Merge(Vec<Body>),
    AsText(Box<Body>),
    Trim(Box<Body>),
    Cut { text: Box<Body>, characters: usize },
    When { condition: String, then: Box<Body> },
    Known { words: Vec<String>, value: Box<Body>, otherwise: String },
    OpsGenieTeams(Box<Body>),
    List(Vec<Body>),
    Object(Vec<Entry>),
}

/// A key of an object.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) is_optional: bool,
    pub(crate) value: Body,
}

/// A text with settings in it.
#[derive(Debug)]
pub(crate) struct Text(pub(crate) Vec<Part>);

/// A part of a text.
#[derive(Debug)]
pub(crate) enum Part {
    Fixed(String),
    Setting { name: String, how: How },
}

/// How a setting stands in a text.
#[derive(Debug)]
pub(crate) enum How {
    AsIs,
    /// `|query`: as a value of a query.
    Query,
    /// `|beside:chat.update`: an address with another last part.
    Beside(String),
}

impl Body {
    pub(crate) fn read(node: &Node) -> Option<Body> {
        Some(match &node.kind {
            Kind::Null => Body::Fixed(Value::Null),
            Kind::Scalar(scalar) => match scalar.text.strip_prefix('$') {
                Some(name) if is_name(name) => Body::Setting(name.to_owned()),
                _ if scalar.plain && serde_json::from_str::<Value>(&scalar.text).is_ok() => {
                    Body::Fixed(serde_json::from_str(&scalar.text).ok()?)
                }
                _ => Body::Text(Text::read(&scalar.text)),
            },
            Kind::Sequence(items) => Body::List(items.iter().map(Body::read).collect::<Option<_>>()?),
            Kind::Mapping(entries) => {
                let keys: Vec<&str> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
                return Body::directive(node, &keys).or_else(|| Body::object(entries));
            }
        })
    }

    fn directive(node: &Node, keys: &[&str]) -> Option<Body> {
        let read = |key: &str| Body::read(node.get(key)?).map(Box::new);
        let all = |key: &str| node.get(key)?.as_sequence()?.iter().map(Body::read).collect::<Option<Vec<_>>>();
        let name = |key: &str| node.get(key).and_then(Node::as_text).map(str::to_owned);
        match keys {
            ["firing", "resolved"] => Some(Body::ByStatus { firing: read("firing")?, resolved: read("resolved")? }),
            ["each", "item"] | ["each", "unless_empty", "item"] => {
                let names = node.get("unless_empty").and_then(Node::as_sequence).unwrap_or_default();
                let unless_empty = names.iter().filter_map(Node::as_text).map(str::to_owned).collect();
                Some(Body::Each { list: name("each")?, item: read("item")?, unless_empty })
            }
            ["with", "item"] => Some(Body::With { section: name("with")?, item: read("item")? }),
            ["when", "then"] => Some(Body::When { condition: name("when")?, then: read("then")? }),
            ["first"] => Some(Body::First(all("first")?)),
            ["merge"] => Some(Body::Merge(all("merge")?)),
            ["split"] => Some(Body::Split(read("split")?)),
            ["known", "value", "else"] => {
                let words = node.get("known")?.as_sequence()?.iter().filter_map(Node::as_text);
                let words = words.map(str::to_owned).collect();
                Some(Body::Known { words, value: read("value")?, otherwise: name("else")? })
            }
            ["opsgenie_teams"] => Some(Body::OpsGenieTeams(read("opsgenie_teams")?)),
            ["cut", "characters"] => {
                Some(Body::Cut { text: read("cut")?, characters: name("characters")?.parse().ok()? })
            }
            ["trim"] => Some(Body::Trim(read("trim")?)),
            ["as_text"] => Some(Body::AsText(read("as_text")?)),
            _ => None,
        }
    }

    fn object(entries: &[(yaml::Key, Node)]) -> Option<Body> {
        let entry = |(key, node): &(yaml::Key, Node)| {
            let (key, is_optional) = match key.text.strip_suffix('?') {
                Some(key) => (key.to_owned(), true),
                None => (key.text.to_string(), false),
            };
            Some(Entry { key, is_optional, value: Body::read(node)? })
        };
        entries.iter().map(entry).collect::<Option<_>>().map(Body::Object)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '.'))
}

impl Text {
    /// Reads `${name}`, `${name|query}` and `${name|beside:x}`; everything else stands for itself.
    pub(crate) fn read(text: &str) -> Text {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, tail)) = rest.split_once("${") {
            let Some((inner, after)) = tail.split_once('}') else { break };
            if !before.is_empty() {
                parts.push(Part::Fixed(before.to_owned()));
            }
            let (name, how) = match inner.split_once('|') {
                Some((name, "query")) => (name, How::Query),
                Some((name, how)) => (name, How::Beside(how.trim_start_matches("beside:").to_owned())),
                None => (inner, How::AsIs),
            };
            parts.push(Part::Setting { name: name.to_owned(), how });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Fixed(rest.to_owned()));
        }
        Text(parts)
    }
}
