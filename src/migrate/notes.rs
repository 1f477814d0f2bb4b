//! What is told about the fields of an input.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::source::{SourceFile, Span};

/// Everything that is not simply taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Fields without counterpart, and what to do instead.
    lost: Vec<Note>,
    /// What has to be done by hand for what was taken over.
    steps: Vec<String>,
    /// Fields that do not concern alerting, by what they do concern.
    aside: BTreeMap<&'static str, BTreeSet<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Note {
    /// `file:line:column`.
    place: String,
    field: String,
    instead: String,
}

impl Notes {
    /// A field has no counterpart.
    pub fn lose(&mut self, file: &SourceFile, span: Span, field: impl Into<String>, instead: impl Into<String>) {
        let at = file.position(span.start);
        let place = format!("{}:{}:{}", file.name(), at.line, at.column);
        self.lost.push(Note { place, field: field.into(), instead: instead.into() });
    }

    /// Something is to be done by hand.
    pub fn step(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.steps.contains(&what) {
            self.steps.push(what);
        }
    }

    /// A field does not concern alerting.
    pub fn aside(&mut self, topic: &'static str, field: impl Into<String>) {
        self.aside.entry(topic).or_default().insert(field.into());
    }

    /// How many fields have no counterpart.
    pub fn lost(&self) -> usize {
        self.lost.len()
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.steps.is_empty() {
            writeln!(f, "To do:")?;
            self.steps.iter().try_for_each(|step| writeln!(f, "  - {step}"))?;
        }
        if !self.lost.is_empty() {
            writeln!(f, "Without counterpart:")?;
            self.lost
                .iter()
                .try_for_each(|Note { place, field, instead }| writeln!(f, "  {place}: {field}: {instead}"))?;
        }
        for (topic, fields) in &self.aside {
            writeln!(
                f,
                "Not migrated, as they concern {topic}: {}",
                fields.iter().cloned().collect::<Vec<_>>().join(", ")
            )?;
        }
        Ok(())
    }
}
