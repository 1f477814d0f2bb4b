//! What a request asks for, by method and path, and which role may: the whole of what the product serves in one table. What changes
//! something and is not in it needs an admin.

use axum::http::Method;
use model::caller::Role;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// What everybody may have: whether the process works, style and scripts, links that are signed.
    Open,
    /// To look.
    Read,
    /// To post alerts.
    Send,
    /// To silence, to acknowledge.
    Quiet,
    /// To try things out: a message to a receiver, a query with the process' own credentials.
    Try,
    /// To change the process itself, and rules.
    Administer,
}

/// A line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The methods it is about; `GET` is `HEAD` too.
    pub methods: &'static str,
    /// Path, with `{}` for any one part.
    pub path: &'static str,
    /// What it asks for.
    pub ask: Ask,
    /// Whether those whose business are some alerts only may: what is answered or done is then about these alone.
    pub in_scope: bool,
    /// What the book calls it, where the doorkeeper itself notes it.
    pub action: Option<&'static str>,
}

const fn whole(methods: &'static str, path: &'static str, ask: Ask) -> Rule {
    Rule { methods, path, ask, in_scope: false, action: None }
}

const fn narrow(methods: &'static str, path: &'static str, ask: Ask) -> Rule {
    Rule { methods, path, ask, in_scope: true, action: None }
}

const fn noted(methods: &'static str, path: &'static str, ask: Ask, action: &'static str) -> Rule {
    Rule { methods, path, ask, in_scope: false, action: Some(action) }
}

/// What is asked most comes first.
pub const TABLE: &[Rule] = &[
    narrow("POST", "/api/v2/alerts", Ask::Send),
    narrow("GET", "/api/v2/alerts", Ask::Read),
    // operation
    narrow("GET", "/-/healthy", Ask::Open),
    narrow("GET", "/-/ready", Ask::Open),
    whole("GET", "/metrics", Ask::Read),
    noted("POST PUT", "/-/reload", Ask::Administer, "reload"),
    noted("POST PUT", "/-/quit", Ask::Administer, "quit"),
    // the notifier's API
    narrow("GET", "/api/v2/alerts/groups", Ask::Read),
    narrow("GET", "/api/v2/silences", Ask::Read),
    narrow("POST", "/api/v2/silences", Ask::Quiet),
    narrow("GET", "/api/v2/silence/{}", Ask::Read),
    narrow("DELETE", "/api/v2/silence/{}", Ask::Quiet),
    narrow("GET", "/api/v2/maintenance", Ask::Read),
    narrow("POST", "/api/v2/maintenance/preview", Ask::Read),
    narrow("GET", "/api/v2/maintenance/{}", Ask::Read),
    narrow("DELETE", "/api/v2/maintenance/{}", Ask::Quiet),
    narrow("GET", "/api/v2/ack", Ask::Read),
    narrow("POST DELETE", "/api/v2/ack", Ask::Quiet),
    narrow("GET", "/api/v2/explain", Ask::Read),
    narrow("GET", "/api/v2/history", Ask::Read),
    narrow("GET", "/api/v2/status", Ask::Read),
    whole("GET", "/api/v2/receivers", Ask::Read),
    noted("POST", "/api/v2/receivers/test", Ask::Try, "receiver_tested"),
    narrow("GET", "/api/v2", Ask::Read),
    narrow("GET", "/api/openapi.yaml", Ask::Read),
    // links in mails: who holds one may, that is their point
    narrow("GET POST", "/ack/{}", Ask::Open),
    // the rule service's API, also where Mimir has it
    whole("GET", "/api/v1/rules", Ask::Read),
    whole("GET", "/api/v1/alerts", Ask::Read),
    whole("GET", "/api/v1/alertmanagers", Ask::Read),
    whole("GET", "/api/v1/explain/rule", Ask::Read),
    narrow("GET", "/api/v1/status/buildinfo", Ask::Read),
    whole("GET", "/api/v1/status/config", Ask::Read),
    whole("POST", "/api/v1/preview", Ask::Try),
    // rule groups by namespace
    whole("GET", "/config/v1/rules", Ask::Read),
    whole("GET", "/config/v1/rules/{}", Ask::Read),
    whole("GET", "/config/v1/rules/{}/{}", Ask::Read),
    noted("POST", "/config/v1/rules/{}", Ask::Administer, "rule_group_set"),
    noted("DELETE", "/config/v1/rules/{}", Ask::Administer, "rule_namespace_deleted"),
    noted("DELETE", "/config/v1/rules/{}/{}", Ask::Administer, "rule_group_deleted"),
    // pages
    narrow("GET", "/", Ask::Read),
    narrow("GET", "/graph", Ask::Read),
    narrow("GET", "/ui/assets/{}/{}", Ask::Open),
    narrow("GET", "/alerts", Ask::Read),
    narrow("GET", "/alerts/live", Ask::Read),
    narrow("GET", "/alerts/suggest", Ask::Read),
    narrow("POST", "/alerts/acknowledge", Ask::Quiet),
    narrow("POST", "/alerts/unacknowledge", Ask::Quiet),
    narrow("POST", "/alerts/silence", Ask::Quiet),
    narrow("GET", "/alerts/{}", Ask::Read),
    narrow("GET", "/silences", Ask::Read),
    narrow("GET", "/silences/new", Ask::Read),
    narrow("POST", "/silences/new", Ask::Quiet),
    narrow("POST", "/silences/preview", Ask::Read),
    narrow("GET", "/silences/{}", Ask::Read),
    narrow("GET", "/silences/{}/edit", Ask::Read),
    narrow("GET", "/silences/{}/expire", Ask::Read),
    narrow("POST", "/silences/{}/expire", Ask::Quiet),
    narrow("POST", "/silences/{}/extend", Ask::Quiet),
    narrow("GET", "/history", Ask::Read),
    whole("GET", "/rules", Ask::Read),
    whole("GET", "/rules/rule", Ask::Read),
    whole("POST", "/rules/rule", Ask::Try),
    whole("GET", "/routing", Ask::Read),
    whole("GET", "/routing/change", Ask::Read),
    whole("POST", "/routing/change", Ask::Try),
    whole("GET", "/status", Ask::Read),
    whole("GET", "/status/trial", Ask::Read),
    noted("POST", "/status/trial", Ask::Try, "receiver_tested"),
    // the demo's
    whole("GET", "/demo", Ask::Read),
    whole("GET", "/inbox", Ask::Read),
    whole("GET", "/inbox/{}", Ask::Read),
];

/// To look at what nobody knows.
const STRAY: Rule = whole("GET", "", Ask::Read);
/// To change what nobody knows.
const UNKNOWN: Rule = noted("", "", Ask::Administer, "unknown");
/// What browsers ask before they send something.
const PREFLIGHT: Rule = narrow("OPTIONS", "", Ask::Open);

/// Rule groups lie in several places: those of Mimir, Loki, and the old ones of both and of Cortex.
const GROUP_PLACES: [&str; 4] =
    ["/prometheus/config/v1/rules", "/loki/api/v1/rules", "/api/prom/rules", "/api/v1/rules"];

/// The line for a request, with a path below the prefix of the service as it came: percent signs and all.
pub fn rule(method: &Method, path: &str) -> Rule {
    find(method, path).unwrap_or(match *method {
        Method::GET | Method::HEAD => STRAY,
        Method::OPTIONS => PREFLIGHT,
        _ => UNKNOWN,
    })
}

/// The line of the table for a request, if there is one.
pub fn find(method: &Method, path: &str) -> Option<Rule> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    let look = |path: &str| {
        let fits = |rule: &&Rule| rule.methods.split(' ').any(|one| one == method) && is_at(rule.path, path);
        TABLE.iter().find(fits).copied()
    };
    look(path).or_else(|| {
        let group = GROUP_PLACES.iter().find_map(|place| path.strip_prefix(place).filter(|rest| is_below(rest)));
        let at_mimir = path.strip_prefix("/prometheus").filter(|rest| rest.starts_with("/api/v1/"));
        match (group, at_mimir) {
            (Some(rest), _) => look(&format!("/config/v1/rules{rest}")),
            (None, Some(rest)) => look(rest),
            (None, None) => None,
        }
    })
}

fn is_below(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}

fn is_at(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    let fits = pattern
        .split('/')
        .all(|wanted| parts.next().is_some_and(|part| wanted == part || (wanted == "{}" && !part.is_empty())));
    fits && parts.next().is_none()
}

impl Ask {
    /// Whether a role is enough.
    pub fn is_for(self, role: Role) -> bool {
        match self {
            Self::Open => true,
            Self::Send => matches!(role, Role::Sender | Role::Admin),
            Self::Read => role >= Role::Viewer,
            Self::Quiet | Self::Try => role >= Role::Operator,
            Self::Administer => role == Role::Admin,
        }
    }

    /// The role that is enough, as a refusal says it.
    pub fn needs(self) -> &'static str {
        match self {
            Self::Open => "no role",
            Self::Send => "the role sender or admin",
            Self::Read => "the role viewer, operator or admin",
            Self::Quiet | Self::Try => "the role operator or admin",
            Self::Administer => "the role admin",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_requests_ask_for() {
        let ask = |method: Method, path| {
            let rule = rule(&method, path);
            (rule.ask, rule.in_scope)
        };
        for (method, path, expected) in [
            (Method::GET, "/api/v2/alerts", (Ask::Read, true)),
            (Method::HEAD, "/api/v2/alerts/", (Ask::Read, true)),
            (Method::POST, "/api/v2/alerts", (Ask::Send, true)),
            (Method::PUT, "/api/v2/alerts", (Ask::Administer, false)),
            (Method::DELETE, "/api/v2/silence/x", (Ask::Quiet, true)),
            (Method::DELETE, "/api/v2/silence/", (Ask::Administer, false)),
            (Method::POST, "/api/v2/receivers/test", (Ask::Try, false)),
            (Method::GET, "/ack/token", (Ask::Open, true)),
            (Method::GET, "/ack/token/x", (Ask::Read, false)),
            (Method::POST, "/-/reload", (Ask::Administer, false)),
            (Method::GET, "/-/reload", (Ask::Read, false)),
            (Method::GET, "/", (Ask::Read, true)),
            (Method::GET, "/api/v1/rules", (Ask::Read, false)),
            (Method::POST, "/api/v1/rules/ns", (Ask::Administer, false)),
            (Method::GET, "/prometheus/api/v1/rules", (Ask::Read, false)),
            (Method::POST, "/prometheus/api/v1/preview", (Ask::Try, false)),
            (Method::DELETE, "/loki/api/v1/rules/ns/group", (Ask::Administer, false)),
            (Method::POST, "/api/prom/rulesX/ns", (Ask::Administer, false)),
            (Method::GET, "/nothing/here", (Ask::Read, false)),
            (Method::PATCH, "/nothing/here", (Ask::Administer, false)),
            (Method::OPTIONS, "/api/v2/silences", (Ask::Open, true)),
            (Method::GET, "/-/healthy/..", (Ask::Read, false)),
            (Method::GET, "//-/healthy", (Ask::Read, false)),
        ] {
            assert_eq!(ask(method.clone(), path), expected, "{method} {path}");
        }
        assert_eq!(find(&Method::POST, "/api/prom/rulesX/ns"), None);
        assert_eq!(
            find(&Method::DELETE, "/api/prom/rules/ns").and_then(|rule| rule.action),
            Some("rule_namespace_deleted")
        );
    }

    #[test]
    fn roles() {
        let asks = [Ask::Open, Ask::Read, Ask::Send, Ask::Quiet, Ask::Try, Ask::Administer];
        for (role, may) in [
            (Role::Sender, [true, false, true, false, false, false]),
            (Role::Viewer, [true, true, false, false, false, false]),
            (Role::Operator, [true, true, false, true, true, false]),
            (Role::Admin, [true; 6]),
        ] {
            assert_eq!(asks.map(|ask| ask.is_for(role)), may, "{role:?}");
        }
    }
}
