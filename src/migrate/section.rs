//! A mapping of an input, its fields taken one by one. What nobody takes is told of at the end.

use model::source::SourceFile;
use yaml::{Key, Kind, Node};

use super::notes::Notes;

/// A mapping whose fields are being taken.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    file: &'a SourceFile,
    path: String,
    rest: Vec<&'a (Key, Node)>,
}

/// What fields mean that nobody takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// Fields that do not concern alerting, by what they do concern.
    pub aside: &'static [(&'static str, &'static [&'static str])],
    /// Fields without counterpart, and what to do instead.
    pub lost: &'static [(&'static str, &'static str)],
}

impl<'a> Section<'a> {
    /// The fields of a mapping; none if it is not there.
    pub fn of(file: &'a SourceFile, path: impl Into<String>, node: Option<&'a Node>) -> Self {
        let entries = node.and_then(Node::as_mapping).unwrap_or_default();
        Self { file, path: path.into(), rest: entries.iter().collect() }
    }

    /// The file it is in.
    pub fn file(&self) -> &'a SourceFile {
        self.file
    }

    /// What a field is called as a whole.
    pub fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Whether there are no fields, or no more.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// A field, unless it is absent or null.
    pub fn take(&mut self, name: &str) -> Option<&'a Node> {
        let place = self.rest.iter().position(|(key, _)| key.text == name)?;
        let (_, node) = self.rest.remove(place);
        (!node.is_null()).then_some(node)
    }

    /// Whether there is such a field, be it null.
    pub fn has(&self, name: &str) -> bool {
        self.rest.iter().any(|(key, _)| key.text == name)
    }

    /// A text, number or truth value that is not empty.
    pub fn text(&mut self, name: &str) -> Option<&'a str> {
        self.take(name).and_then(Node::as_text).filter(|text| !text.is_empty())
    }

    /// Whether a field says yes.
    pub fn is_true(&mut self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// The fields of a mapping within; to be finished by itself.
    pub fn section(&mut self, name: &str) -> Section<'a> {
        let path = self.path_of(name);
        Section::of(self.file, path, self.take(name))
    }

    /// The mappings of a list within; each to be finished by itself.
    pub fn sections(&mut self, name: &str) -> Vec<Section<'a>> {
        let path = self.path_of(name);
        let items = self.take(name).and_then(Node::as_sequence).unwrap_or_default();
        let numbered = items.iter().enumerate();
        numbered.map(|(number, item)| Section::of(self.file, format!("{path}[{number}]"), Some(item))).collect()
    }

    /// Takes a field that has no counterpart.
    pub fn lose(&mut self, name: &str, instead: impl Into<String>, notes: &mut Notes) {
        let field = self.path_of(name);
        if let Some(node) = self.take(name).filter(|node| says_something(node)) {
            notes.lose(self.file, node.span, field, instead);
        }
    }

    /// Every field that is left.
    pub fn fields(&self) -> impl Iterator<Item = &'a (Key, Node)> {
        self.rest.iter().copied()
    }

    /// Tells of every field that is left.
    pub fn finish(self, known: Known, notes: &mut Notes) {
        for (key, node) in &self.rest {
            let (name, path) = (key.text.as_str(), self.path_of(&key.text));
            if !says_something(node) {
                continue;
            }
            if let Some((_, instead)) = known.lost.iter().find(|(lost, _)| *lost == name) {
                notes.lose(self.file, key.span, path, *instead);
            } else if let Some((topic, _)) = known.aside.iter().find(|(_, fields)| fields.contains(&name)) {
                notes.aside(topic, path);
            } else {
                notes.lose(self.file, key.span, path, "not known here: see whether it concerns rules or notifications");
            }
        }
    }

    /// Puts all fields that are left among those that do not concern alerting.
    pub fn set_aside(self, topic: &'static str, notes: &mut Notes) {
        let said = self.rest.iter().filter(|(_, node)| says_something(node));
        said.for_each(|(key, _)| notes.aside(topic, self.path_of(&key.text)));
    }
}

/// Nothing is written by an empty text, list or mapping.
fn says_something(node: &Node) -> bool {
    match &node.kind {
        Kind::Null => false,
        Kind::Scalar(scalar) => !scalar.text.is_empty(),
        Kind::Sequence(items) => !items.is_empty(),
        Kind::Mapping(entries) => !entries.is_empty(),
    }
}
