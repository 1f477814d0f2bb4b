//! `jira_configs` as meant.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::duration::parse_duration;
use outbound::{HttpConfig, Secret};
use yaml::{Decoder, Field, Fields, Node};

use crate::config::global::Global;
use crate::receiver::reading::{any_given, http_or_global, http_url};
use crate::receiver::template_text::go_text;
use crate::receiver::{TemplateText, TemplateTree};

/// An issue in Jira.
#[derive(Clone, Debug, PartialEq)]
pub struct JiraSettings {
    /// The API's address, up to its version: `https://x.atlassian.net/rest/api/2`. May carry credentials.
    pub url: Secret,
    /// Which search is asked.
    pub api: JiraApi,
    /// Key of the project.
    pub project: TemplateText,
    /// Name of the type of new issues.
    pub issue_type: TemplateText,
    /// At most 255 characters.
    pub summary: JiraField,
    /// At most 32767 characters. For version 3 of the API a document as JSON, or a text that is made one.
    pub description: JiraField,
    /// Beside the label that finds the issue again.
    pub labels: Vec<TemplateText>,
    /// Name of the priority; left out where it comes out empty.
    pub priority: TemplateText,
    /// Name of the transition of a done issue that fires again; empty: such an issue stays done, a new one is opened.
    pub reopen_transition: String,
    /// Name of the transition of an issue whose alerts are resolved; empty: it stays as it is.
    pub resolve_transition: String,
    /// How long after it was done an issue is reopened.
    pub reopen_duration: Duration,
    /// Resolution of issues that are left alone; empty: none.
    pub wont_fix_resolution: String,
    /// Further fields, in the order of the file.
    pub fields: Vec<(String, TemplateTree)>,
    /// How to get there.
    pub http: Arc<HttpConfig>,
}

/// A text of an issue.
#[derive(Clone, Debug, PartialEq)]
pub struct JiraField {
    /// What it says.
    pub text: TemplateText,
    /// Whether an issue that is there gets it too.
    pub is_updated: bool,
}

/// Which Jira it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JiraApi {
    /// By the host: `atlassian.net` is the cloud.
    Auto,
    /// Searches by `search/jql` of version 3.
    Cloud,
    /// Searches by `search`.
    DataCenter,
}

const APIS: [(&str, JiraApi); 3] =
    [("auto", JiraApi::Auto), ("cloud", JiraApi::Cloud), ("datacenter", JiraApi::DataCenter)];

impl JiraSettings {
    /// Decodes an item of `jira_configs`. Also gives `send_resolved`.
    pub fn decode(node: &Node, decoder: &Decoder, global: &Global, base: &Path) -> Option<(bool, JiraSettings)> {
        let mut fields = decoder.mapping(node, "a jira_configs item")?;
        let send_resolved = fields.optional("send_resolved").boolean().is_none_or(|flag| flag.value);
        let url = http_url(fields.optional("api_url")).or_else(|| global.others.get("jira_api_url").cloned());
        if url.is_none() && !any_given(node, &["api_url"]) {
            let report = decoder.error(fields.span(), "\"api_url\" is missing or empty");
            report.hint("give it here, or \"jira_api_url\" in the global section");
        }
        let project = needed(&mut fields, node, decoder, "project");
        let issue_type = needed(&mut fields, node, decoder, "issue_type");
        let settings = JiraSettings {
            url: url.unwrap_or_else(|| Secret::inline("")),
            api: fields.optional("api_type").one_of(&APIS).map_or(JiraApi::Auto, |api| api.value),
            project: project.unwrap_or_else(|| TemplateText::Go(String::new())),
            issue_type: issue_type.unwrap_or_else(|| TemplateText::Go(String::new())),
            summary: field(fields.optional("summary"), "summary"),
            description: field(fields.optional("description"), "description"),
            labels: fields
                .optional("labels")
                .sequence(|node, decoder| go_text(node, decoder).map(TemplateText::Go))
                .unwrap_or_default(),
            priority: TemplateText::decode(fields.optional("priority")).unwrap_or_else(|| default("priority")),
            reopen_transition: plain(fields.optional("reopen_transition")),
            resolve_transition: plain(fields.optional("resolve_transition")),
            reopen_duration: fields
                .optional("reopen_duration")
                .parse_with(parse_duration)
                .map_or(Duration::ZERO, |duration| duration.value),
            wont_fix_resolution: plain(fields.optional("wont_fix_resolution")),
            fields: fields
                .optional("fields")
                .entries(|key, node, decoder| Some((key.text.to_string(), TemplateTree::decode(node, decoder)?)))
                .unwrap_or_default(),
            http: http_or_global(fields.optional("http_config"), global, base),
        };
        fields.finish();
        Some((send_resolved, settings))
    }

    /// The templates of the settings, for compiling, but for those in `fields`.
    pub(crate) fn texts(&self, add: &mut dyn FnMut(&TemplateText)) {
        let JiraSettings { project, issue_type, summary, description, labels, priority, .. } = self;
        [project, issue_type, &summary.text, &description.text, priority].into_iter().chain(labels).for_each(add);
    }
}

fn needed(fields: &mut Fields<'_>, node: &Node, decoder: &Decoder, key: &'static str) -> Option<TemplateText> {
    let text = TemplateText::decode(fields.optional(key));
    if !any_given(node, &[key]) {
        decoder.error(fields.span(), format!("{key:?} is missing or empty"));
    }
    text
}

/// A text, or a mapping that also says whether it is kept up to date.
fn field(field: Field<'_>, name: &str) -> JiraField {
    let is_detailed = field.node().is_some_and(|node| node.as_mapping().is_some() && node.get("handlebars").is_none());
    if !is_detailed {
        let text = TemplateText::decode(field).unwrap_or_else(|| default(name));
        return JiraField { text, is_updated: true };
    }
    let detailed = field.decode(|node, decoder| {
        let mut fields = decoder.mapping(node, "a field of an issue")?;
        let text = TemplateText::decode(fields.optional("template")).unwrap_or_else(|| default(name));
        let is_updated = fields.optional("enable_update").boolean().is_none_or(|flag| flag.value);
        fields.finish();
        Some(JiraField { text, is_updated })
    });
    detailed.unwrap_or_else(|| JiraField { text: default(name), is_updated: true })
}

fn default(name: &str) -> TemplateText {
    TemplateText::Go(format!("{{{{ template \"jira.default.{name}\" . }}}}"))
}

fn plain(field: Field<'_>) -> String {
    field.string().map(|text| text.value).unwrap_or_default()
}
