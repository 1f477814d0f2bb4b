//! Issues, queries and what follows from answers.

use bytes::Bytes;
use model::Timestamp;
use outbound::Response;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::receiver::sample::{mistakes, receiver};
use crate::receiver::{Outcome, Receiver, Settings};
use crate::rendering::sample::{alert, notification, t, two};

const LABEL: &str = "ALERT{0908bcea8bb9f1f5cf8e9a9b88f05812a95cd38ad40cc702f01311b49a0a0285}";
const URL: &str = "https://u:p4ssw0rd@x.atlassian.net/rest/api/2/";

fn section(more: &str) -> String {
    format!("jira_configs: [{{api_url: '{URL}', project: OPS, issue_type: Bug{more}}}]")
}

fn settings(receiver: &Receiver) -> &JiraSettings {
    let Settings::Jira(settings) = &receiver.integrations[0].settings else { panic!() };
    settings
}

fn resolved() -> Notification {
    notification(vec![alert("alertname=Hot,instance=i2,severity=critical", "summary=CPU high", Some(300.0))])
}

fn body(request: &outbound::Request) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

/// Answers one request after the other; gives each request and the end.
fn talk(
    section: &str,
    url: &str,
    notification: &Notification,
    answers: &[(u16, Value)],
) -> (Vec<(String, Value)>, Outcome) {
    let receiver = receiver(section);
    let rendered = settings(&receiver).render(notification, &Renderer::shipped("http://wf:9093"), url).unwrap();
    assert_eq!(rendered.degraded, None);
    let mut talk = rendered.request;
    let mut request = talk.open();
    let mut asked = Vec::new();
    for (status, answer) in answers {
        asked.push((format!("{} {}", request.method, request.url.replace("u:p4ssw0rd@", "")), body(&request)));
        let body = Bytes::from(if answer.is_null() { Vec::new() } else { answer.to_string().into_bytes() });
        let status = StatusCode::from_u16(*status).unwrap();
        let response = Response { status, headers: HeaderMap::new(), body, truncated: false };
        match talk.hear(Ok(&response), t(600.0)) {
            Turn::Ask(next) => request = next,
            Turn::Done(outcome) => return (asked, outcome),
        }
    }
    panic!("{} {} is not answered", request.method, request.url);
}

fn none() -> (u16, Value) {
    (200, json!({"issues": []}))
}

fn one(category: &str) -> (u16, Value) {
    let status = json!({"name": "x", "statusCategory": {"key": category}});
    (200, json!({"issues": [{"key": "OPS-7", "id": "1", "fields": {"status": status}}, {"key": "OPS-1"}]}))
}

fn ways() -> (u16, Value) {
    (200, json!({"transitions": [{"id": "11", "name": "REOPEN"}, {"id": "21", "name": "CLOSE"}]}))
}

const API: &str = "https://x.atlassian.net/rest/api/2";

#[test]
fn an_issue_is_opened_once() {
    let (asked, outcome) = talk(&section(""), URL, &two(), &[none(), (201, json!({"key": "OPS-7"}))]);
    assert_eq!(outcome, Outcome::Delivered);
    let query = format!(
        "statusCategory != Done and project=\"OPS\" and labels=\"{LABEL}\" order by status ASC,resolutiondate DESC"
    );
    let search = "POST https://x.atlassian.net/rest/api/3/search/jql".to_owned();
    assert_eq!(asked[0], (search, json!({"fields": ["status"], "jql": query, "maxResults": 2})));
    let fields = asked[1].1["fields"].as_object().unwrap();
    assert_eq!(asked[1].0, format!("POST {API}/issue"));
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["description", "issuetype", "labels", "project", "summary"]);
    assert_eq!(
        (&fields["project"], &fields["issuetype"], &fields["labels"], &fields["summary"]),
        (&json!({"key": "OPS"}), &json!({"name": "Bug"}), &json!([LABEL]), &"[FIRING:1] Hot (ü)".into())
    );
    let description = fields["description"].as_str().unwrap();
    assert!(description.starts_with("\n\n# Alerts Firing:\n\nLabels:\n  - alertname = Hot\n"), "{description:?}");
}

#[test]
fn an_issue_that_is_there_is_brought_up_to_date() {
    let more = ", summary: {template: 'S {{ .Status }}', enable_update: false}, description: {enable_update: false}, \
                priority: '{{ .Status }}', labels: [z, '', '{{ .GroupLabels.alertname }}'], \
                fields: {parent: {key: OPS-1}, customfield_1: ['{{ .Status }}', 5], customfield_2: '{\"a\": [1]}'}";
    let (asked, outcome) = talk(&section(more), URL, &two(), &[one("indeterminate"), (204, Value::Null)]);
    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!(asked[1].0, format!("PUT {API}/issue/OPS-7"));
    let wanted = json!({"fields": {
        "customfield_1": ["firing", 5], "customfield_2": "{\"a\": [1]}", "issuetype": {"name": "Bug"},
        "labels": [LABEL, "Hot", "z"], "parent": {"key": "OPS-1"}, "priority": {"name": "firing"}, "project": {"key": "OPS"},
    }});
    assert_eq!(asked[1].1, wanted);
}

#[test]
fn issues_move_with_their_alerts() {
    let moving = ", reopen_transition: REOPEN, resolve_transition: CLOSE, reopen_duration: 2h, wont_fix_resolution: 'No \"way\"'";
    let ok = (204, Value::Null);
    // (alerts, issue, the transition)
    for (notification, category, wanted) in
        [(two(), "done", Some("11")), (two(), "new", None), (resolved(), "new", Some("21")), (resolved(), "done", None)]
    {
        let answers = [one(category), ok.clone(), ways(), ok.clone()];
        let (asked, outcome) = talk(&section(moving), URL, &notification, &answers);
        assert_eq!(outcome, Outcome::Delivered);
        let moved = asked.get(3).map(|(request, body)| (request.as_str(), body["transition"]["id"].as_str().unwrap()));
        let to = format!("POST {API}/issue/OPS-7/transitions");
        assert_eq!(moved, wanted.map(|id| (to.as_str(), id)), "{category}");
        let query = asked[0].1["jql"].as_str().unwrap();
        assert!(query.starts_with(r#"resolution != "No \"way\"" and "#), "{query}");
        let since = "(resolutiondate is EMPTY OR resolutiondate >= -120m) and ";
        assert_eq!(query.contains(since), notification.is_firing(), "{query}");
    }
    // without transitions an issue stays where it is
    let (asked, outcome) = talk(&section(""), URL, &resolved(), &[one("new"), ok.clone()]);
    assert_eq!((asked.len(), outcome), (2, Outcome::Delivered));
    // what was never told as firing is not opened to be closed
    let (asked, outcome) = talk(&section(moving), URL, &resolved(), &[none()]);
    assert_eq!((asked.len(), outcome), (1, Outcome::Delivered));
}

#[test]
fn failures_say_where() {
    let moving = ", resolve_transition: Done";
    let ok = (204, Value::Null);
    let busy = (429, json!({"message": "slow down, u p4ssw0rd"}));
    for (answers, wanted) in [
        (vec![busy.clone()], "Retry rateLimited the search for the issue: HTTP 429"),
        (vec![(401, Value::Null)], "Rejected authError the search for the issue: HTTP 401"),
        (vec![(200, json!("a page to log in"))], "Rejected other the search: the answer is not what Jira answers"),
        (vec![one("new"), (400, json!({"errors": {}}))], "Rejected clientError the change of the issue: HTTP 400"),
        (vec![one("new"), ok.clone(), (503, Value::Null)], "Retry serverError the list of transitions: HTTP 503"),
        (
            vec![one("new"), ok.clone(), ways()],
            "Rejected other issue OPS-7 has no transition \"Done\" now, only: REOPEN, CLOSE",
        ),
    ] {
        let (_, outcome) = talk(&section(moving), URL, &resolved(), &answers);
        let shown = match &outcome {
            Outcome::Retry { reason, message, .. } => format!("Retry {reason} {message}"),
            Outcome::Rejected { reason, message } => format!("Rejected {reason} {message}"),
            delivered => format!("{delivered:?}"),
        };
        assert!(shown.starts_with(wanted) && !shown.contains("p4ssw0rd"), "{shown}\n{wanted}");
    }
}

#[test]
fn which_search_is_asked() {
    for (url, api, wanted) in [
        ("https://x.atlassian.net/rest/api/2", "auto", "https://x.atlassian.net/rest/api/3/search/jql"),
        ("https://x.atlassian.net/rest/api/2/", "datacenter", "https://x.atlassian.net/rest/api/2/search"),
        ("https://jira.example/rest/api/2", "auto", "https://jira.example/rest/api/2/search"),
        ("https://jira.example/rest/api/2", "cloud", "https://jira.example/rest/api/3/search/jql"),
        ("https://jira.example/j/rest/api/3?a=b", "cloud", "https://jira.example/j/rest/api/3/search/jql?a=b"),
    ] {
        let receiver = receiver(&section(&format!(", api_type: {api}")));
        let renderer = Renderer::shipped("");
        let talk = settings(&receiver).render(&two(), &renderer, url).unwrap().request;
        assert_eq!(talk.open().url, wanted, "{url} {api}");
    }
}

#[test]
fn version_3_takes_documents() {
    let v3 = "https://x.atlassian.net/rest/api/3";
    let described = |description: &str| {
        let section = section(&format!(", description: '{description}'"));
        let (asked, _) = talk(&section, v3, &two(), &[none(), (201, json!({}))]);
        asked[1].1["fields"].get("description").cloned()
    };
    let own = json!({"type": "doc", "version": 1, "content": []});
    assert_eq!(described(&own.to_string()), Some(own));
    let line = |text: &str| json!({"type": "text", "text": text});
    let content = json!([line("a firing"), {"type": "hardBreak"}, {"type": "hardBreak"}, line("b")]);
    let wanted = json!({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": content}]});
    assert_eq!(described("a {{ .Status }}{{ \"\\n\\n\" }}b"), Some(wanted));
    assert_eq!(described(" "), None);
}

#[test]
fn limits_and_failed_templates() {
    let long = "🔥".repeat(40_000);
    let more = format!(", summary: 'a{{{{ \"\\n\" }}}}{long}', description: '{long}'");
    let (asked, _) = talk(&section(&more), URL, &two(), &[none(), (201, json!({}))]);
    let length = |name: &str| {
        let text = asked[1].1["fields"][name].as_str().unwrap();
        (text.chars().count(), text.ends_with('…'), text.contains('\n'))
    };
    assert_eq!((length("summary"), length("description")), ((255, true, false), (32_767, true, false)));
    let broken = section(", summary: '{{ index .Alerts 9 }}', fields: {a: '{{ index .Alerts 9 }}', b: c}");
    let receiver = receiver(&broken);
    let renderer = Renderer::shipped("");
    let mut rendered = settings(&receiver).render(&two(), &renderer, URL).unwrap();
    let degraded = rendered.degraded.unwrap();
    assert!(degraded.contains("summary: ") && degraded.contains("fields.a: "), "{degraded}");
    let empty = Response {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
        truncated: false,
    };
    let Turn::Ask(request) = rendered.request.hear(Ok(&empty), Timestamp::from_secs(0)) else { panic!() };
    let fields = &body(&request)["fields"];
    assert_eq!(
        (&fields["summary"], fields.get("a"), &fields["b"]),
        (&"[FIRING:1] alertname=Hot".into(), None, &"c".into())
    );
    for (more, wanted) in [
        ("project: '{{ .CommonLabels.p }}'", "project is empty"),
        ("issue_type: '{{ index .Alerts 9 }}'", "issue_type: "),
    ] {
        let other = if more.starts_with("project") { "issue_type: Bug" } else { "project: OPS" };
        let receiver =
            crate::receiver::sample::receiver(&format!("jira_configs: [{{api_url: '{URL}', {more}, {other}}}]"));
        let error = settings(&receiver).render(&two(), &renderer, URL).map(drop).unwrap_err();
        assert!(error.0.starts_with(wanted), "{error}");
    }
}

#[test]
fn severity_becomes_priority() {
    for (severities, wanted) in [
        (vec![("critical", None), ("warning", None)], Some("High")),
        (vec![("info", None), ("warning", None)], Some("Medium")),
        (vec![("info", None), ("critical", Some(300.0))], Some("Low")),
        (vec![("odd", None), ("critical", Some(300.0))], Some("High")),
        (vec![("odd", None)], None),
    ] {
        let alerts =
            severities.iter().map(|(severity, end)| alert(&format!("alertname=A,severity={severity}"), "", *end));
        let (asked, _) = talk(&section(""), URL, &notification(alerts.collect()), &[none(), (201, json!({}))]);
        assert_eq!(asked[1].1["fields"]["priority"]["name"].as_str(), wanted, "{severities:?}");
    }
}

#[test]
fn mistakes_are_found() {
    for (section, wanted) in [
        ("jira_configs: [{project: a, issue_type: b}]", "\"api_url\" is missing or empty"),
        ("jira_configs: [{api_url: 'http://a/', issue_type: b}]", "\"project\" is missing or empty"),
        ("jira_configs: [{api_url: 'http://a/', project: b, issue_type: ''}]", "\"issue_type\" is missing or empty"),
        ("jira_configs: [{api_url: a, project: b, issue_type: c}]", "not a usable URL"),
        ("jira_configs: [{api_url: 'http://a/', project: b, issue_type: c, api_type: server}]", "server"),
        (
            "jira_configs: [{api_url: 'http://a/', project: b, issue_type: c, summary: {text: d}}]",
            "unknown field \"text\"",
        ),
        ("jira_configs: [{api_url: 'http://a/', project: b, issue_type: c, reopen_duration: soon}]", "soon"),
        ("jira_configs: [{api_url: 'http://a/', project: b, issue_type: c, labels: ['{{ .A']}]", "does not parse"),
    ] {
        let found = mistakes(section);
        assert!(found.contains(wanted), "{section}\n{found}");
    }
}
