//! What an issue says.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::JiraSettings;
use crate::receiver::TemplateText;
use crate::receiver::preset::definition::Limit;
use crate::receiver::preset::limit::cut;
use crate::rendering::tree::{self, Decoding, Json, object};
use crate::rendering::{Page, RenderError, plain};

/// Longest summary.
const SUMMARY: Limit = Limit::Characters(255);

/// Longest description.
const DESCRIPTION: Limit = Limit::Characters(32_767);

/// An issue as the notification has it.
pub(super) struct Draft {
    /// Key of the project.
    pub(super) project: String,
    /// The label it is found by.
    pub(super) label: String,
    fields: Vec<(String, Json)>,
    /// Fields that an issue which is there keeps as they are.
    kept: Vec<&'static str>,
}

impl Draft {
    /// Renders it. `is_v3`: the description is a document.
    pub(super) fn new(settings: &JiraSettings, page: &Page<'_>, is_v3: bool) -> Result<Draft, RenderError> {
        let project = needed(page, "project", &settings.project)?;
        let issue_type = needed(page, "issue_type", &settings.issue_type)?;
        let label = format!("ALERT{{{}}}", hex::encode(Sha256::digest(&page.notification.group_key)));
        let mut fields = vec![
            ("project".to_owned(), value(json!({"key": project}))),
            ("issuetype".to_owned(), value(json!({"name": issue_type}))),
            ("summary".to_owned(), value(summary(settings, page).into())),
            ("labels".to_owned(), value(labels(settings, page, &label).into())),
        ];
        let priority = page.optional("priority", Some(&settings.priority));
        if !priority.is_empty() {
            fields.push(("priority".to_owned(), value(json!({"name": priority}))));
        }
        let mut own = Vec::new();
        for (name, tree) in &settings.fields {
            let rendered = tree::render(page, tree, Decoding::Structures);
            own.extend(page.note(&format!("fields.{name}"), rendered).map(|value| (name.clone(), value)));
        }
        // last, as it tells what failed before
        if let Some(description) = description(settings, page, is_v3) {
            fields.push(("description".to_owned(), value(description)));
        }
        fields.retain(|(name, _)| !own.iter().any(|(given, _)| given == name));
        fields.extend(own);
        let kept = [("summary", &settings.summary), ("description", &settings.description)];
        let kept = kept.into_iter().filter(|(_, field)| !field.is_updated).map(|(name, _)| name).collect();
        Ok(Draft { project, label, fields, kept })
    }

    /// The body that opens an issue.
    pub(super) fn new_issue(&self) -> Json {
        body(self.fields.clone())
    }

    /// The body that brings an issue up to date.
    pub(super) fn changes(&self) -> Json {
        let mut fields = self.fields.clone();
        fields.retain(|(name, _)| !self.kept.contains(&name.as_str()));
        body(fields)
    }
}

fn body(fields: Vec<(String, Json)>) -> Json {
    Json::Object(vec![("fields".to_owned(), object(fields))])
}

fn value(value: Value) -> Json {
    Json::Value(value)
}

/// A text without which there is no issue.
fn needed(page: &Page<'_>, name: &str, text: &TemplateText) -> Result<String, RenderError> {
    let text = page.text(text).map_err(|error| RenderError(format!("{name}: {error}")))?;
    if text.is_empty() { Err(RenderError(format!("{name} is empty"))) } else { Ok(text) }
}

/// On one line, as Jira takes no other.
fn summary(settings: &JiraSettings, page: &Page<'_>) -> String {
    let rendered = page.note("summary", page.text(&settings.summary.text));
    let text = rendered.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| plain::subject(page.notification));
    let lines: Vec<&str> = text.split(['\n', '\r']).filter(|line| !line.is_empty()).collect();
    cut(lines.join(" "), SUMMARY)
}

fn labels(settings: &JiraSettings, page: &Page<'_>, own: &str) -> Vec<String> {
    let labels = settings.labels.iter().map(|label| page.optional("labels", Some(label)));
    // an empty label is refused with the whole issue
    let mut labels: Vec<String> = labels.filter(|label| !label.is_empty()).chain([own.to_owned()]).collect();
    labels.sort();
    labels
}

fn description(settings: &JiraSettings, page: &Page<'_>, is_v3: bool) -> Option<Value> {
    let rendered = page.note("description", page.text(&settings.description.text));
    let text = rendered.unwrap_or_else(|| plain::body(page.notification, &page.degraded().unwrap_or_default()));
    let trimmed = text.trim();
    if !is_v3 {
        return Some(text.as_str())
            .filter(|text| !text.is_empty())
            .map(|text| cut(text.to_owned(), DESCRIPTION).into());
    }
    if trimmed.is_empty() {
        return None;
    }
    let given = serde_json::from_str(trimmed).ok().filter(Value::is_object);
    Some(given.unwrap_or_else(|| document(&cut(trimmed.to_owned(), DESCRIPTION))))
}

/// A text in Atlassian's format of documents.
fn document(text: &str) -> Value {
    let mut content = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if at > 0 {
            content.push(json!({"type": "hardBreak"}));
        }
        // an empty text is refused
        if !line.is_empty() {
            content.push(json!({"type": "text", "text": line}));
        }
    }
    json!({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": content}]})
}
