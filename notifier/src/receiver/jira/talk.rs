//! A conversation with Jira: a search, then what follows from each answer.

use model::Timestamp;
use outbound::{Request, Response, SendError};
use reqwest::Method;
use reqwest::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::issue::Draft;
use super::{JiraApi, JiraSettings};
use crate::receiver::{Outcome, go_lines, reply};
use crate::rendering::{Page, RenderError};

/// A delivery under way.
pub(crate) struct Talk<'a> {
    settings: &'a JiraSettings,
    draft: Draft,
    base: Url,
    is_firing: bool,
    stage: Stage,
}

/// What was asked last.
enum Stage {
    /// For the issue of the group.
    Search,
    /// To open one, or to bring this one up to date.
    Write(Option<Issue>),
    /// For the ways this issue can go.
    Transitions { key: String, name: String },
    /// To go one of them.
    Move,
}

/// What comes next.
pub(crate) enum Turn {
    /// Another request.
    Ask(Request),
    /// Nothing.
    Done(Outcome),
}

/// The answer to a search.
#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    issues: Vec<Issue>,
}

/// An issue that is there.
#[derive(Clone, Deserialize)]
struct Issue {
    key: String,
    fields: Option<Fields>,
}

#[derive(Clone, Deserialize)]
struct Fields {
    status: Option<Status>,
}

#[derive(Clone, Deserialize)]
struct Status {
    #[serde(rename = "statusCategory")]
    category: Category,
}

#[derive(Clone, Deserialize)]
struct Category {
    key: String,
}

/// The ways an issue can go.
#[derive(Deserialize)]
struct Transitions {
    #[serde(default)]
    transitions: Vec<Transition>,
}

#[derive(Deserialize)]
struct Transition {
    id: String,
    name: String,
}

impl Issue {
    /// Nothing if Jira does not say.
    fn is_done(&self) -> Option<bool> {
        Some(self.fields.as_ref()?.status.as_ref()?.category.key == "done")
    }
}

impl<'a> Talk<'a> {
    pub(super) fn new(settings: &'a JiraSettings, page: &Page<'_>, url: &str) -> Result<Talk<'a>, RenderError> {
        let unusable = || RenderError("the address of the API cannot be used".to_owned());
        let base = Url::parse(url).ok().filter(|url| !url.cannot_be_a_base()).ok_or_else(unusable)?;
        let is_v3 = base.path().trim_end_matches('/').ends_with("/3");
        let draft = Draft::new(settings, page, is_v3)?;
        let is_firing = page.notification.is_firing();
        Ok(Talk { settings, draft, base, is_firing, stage: Stage::Search })
    }

    /// The first request.
    pub(crate) fn open(&self) -> Request {
        let search = json!({"fields": ["status"], "jql": self.query(), "maxResults": 2});
        self.request(Method::POST, self.search_url(), Some(go_lines(&search)))
    }

    /// Takes an answer, or that there is none.
    pub(crate) fn hear(&mut self, reply: Result<&Response, &SendError>, now: Timestamp) -> Turn {
        let secrets = self.secrets();
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let told = reply.map(|response| reply::excerpt(response, &secrets)).unwrap_or_default();
        let outcome = reply::classify(reply, &told, now);
        let (Outcome::Delivered, Ok(response)) = (&outcome, reply) else { return Turn::Done(self.naming(outcome)) };
        match std::mem::replace(&mut self.stage, Stage::Move) {
            Stage::Search => match serde_json::from_slice::<Found>(&response.body) {
                Ok(found) => self.write(found.issues.into_iter().next()),
                Err(_) => unreadable("the search", &told),
            },
            Stage::Write(issue) => self.go_on(issue),
            Stage::Transitions { key, name } => match serde_json::from_slice::<Transitions>(&response.body) {
                Ok(known) => self.transition(&key, &name, &known.transitions),
                Err(_) => unreadable("the transitions", &told),
            },
            Stage::Move => Turn::Done(Outcome::Delivered),
        }
    }

    fn write(&mut self, issue: Option<Issue>) -> Turn {
        let request = match &issue {
            // nothing was ever told, so nothing is to be closed
            None if !self.is_firing => return Turn::Done(Outcome::Delivered),
            None => self.request(Method::POST, self.url(&["issue"]), Some(go_lines(&self.draft.new_issue()))),
            Some(issue) => {
                let url = self.url(&["issue", &issue.key]);
                self.request(Method::PUT, url, Some(go_lines(&self.draft.changes())))
            }
        };
        self.stage = Stage::Write(issue);
        Turn::Ask(request)
    }

    /// Reopens what is done and fires, resolves what is open and does not.
    fn go_on(&mut self, issue: Option<Issue>) -> Turn {
        let Some(issue) = issue else { return Turn::Done(Outcome::Delivered) };
        let Some(is_done) = issue.is_done() else { return Turn::Done(Outcome::Delivered) };
        let name = if self.is_firing { &self.settings.reopen_transition } else { &self.settings.resolve_transition };
        if is_done != self.is_firing || name.is_empty() {
            return Turn::Done(Outcome::Delivered);
        }
        let request = self.request(Method::GET, self.url(&["issue", &issue.key, "transitions"]), None);
        self.stage = Stage::Transitions { key: issue.key, name: name.clone() };
        Turn::Ask(request)
    }

    fn transition(&mut self, key: &str, name: &str, known: &[Transition]) -> Turn {
        let Some(Transition { id, .. }) = known.iter().find(|transition| transition.name == name) else {
            let names: Vec<&str> = known.iter().map(|transition| transition.name.as_str()).collect();
            let message = format!("issue {key} has no transition {name:?} now, only: {}", names.join(", "));
            return Turn::Done(Outcome::Rejected { reason: "other", message });
        };
        let body = json!({"transition": {"id": id}});
        Turn::Ask(self.request(Method::POST, self.url(&["issue", key, "transitions"]), Some(go_lines(&body))))
    }

    /// The query for the issue of the group.
    fn query(&self) -> String {
        let JiraSettings { wont_fix_resolution, reopen_transition, reopen_duration, .. } = self.settings;
        let minutes = reopen_duration.as_secs() / 60;
        let mut query = String::new();
        if !wont_fix_resolution.is_empty() {
            query += &format!("resolution != {} and ", model::quote::quote(wont_fix_resolution));
        }
        query += &match self.is_firing && !reopen_transition.is_empty() && minutes > 0 {
            true => format!("(resolutiondate is EMPTY OR resolutiondate >= -{minutes}m) and "),
            false => "statusCategory != Done and ".to_owned(),
        };
        let (project, label) = (model::quote::quote(&self.draft.project), model::quote::quote(&self.draft.label));
        query + &format!("project={project} and labels={label} order by status ASC,resolutiondate DESC")
    }

    fn search_url(&self) -> String {
        let is_cloud = match self.settings.api {
            JiraApi::Cloud => true,
            JiraApi::DataCenter => false,
            JiraApi::Auto => self.base.host_str().is_some_and(|host| host.ends_with("atlassian.net")),
        };
        if is_cloud {
            self.url(&["search", "jql"]).replacen("/rest/api/2/", "/rest/api/3/", 1)
        } else {
            self.url(&["search"])
        }
    }

    fn url(&self, path: &[&str]) -> String {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url.into()
    }

    fn request(&self, method: Method, url: String, body: Option<Vec<u8>>) -> Request {
        let headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            // names of transitions are in the caller's language
            (ACCEPT_LANGUAGE, HeaderValue::from_static("en")),
        ]);
        Request { method, url, headers, body: body.unwrap_or_default().into() }
    }

    /// What no outcome may tell.
    fn secrets(&self) -> Vec<String> {
        let user = [Some(self.base.username()), self.base.password()].into_iter().flatten().map(str::to_owned);
        user.chain(reply::secrets_of(self.base.as_str())).collect()
    }

    /// A failure that says at what.
    fn naming(&self, outcome: Outcome) -> Outcome {
        let at = match self.stage {
            Stage::Search => "the search for the issue",
            Stage::Write(None) => "the new issue",
            Stage::Write(Some(_)) => "the change of the issue",
            Stage::Transitions { .. } => "the list of transitions",
            Stage::Move => "the transition",
        };
        match outcome {
            Outcome::Retry { reason, message, retry_after } => {
                Outcome::Retry { reason, message: format!("{at}: {message}"), retry_after }
            }
            Outcome::Rejected { reason, message } => Outcome::Rejected { reason, message: format!("{at}: {message}") },
            delivered => delivered,
        }
    }
}

fn unreadable(what: &str, told: &str) -> Turn {
    let message = format!("{what}: the answer is not what Jira answers: {told}");
    Turn::Done(Outcome::Rejected { reason: "other", message })
}
