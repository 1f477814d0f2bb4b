//! Small configurations, whether they load, and whether amtool 0.25 says the same.

use std::process::Command;

use super::*;

/// What the loader must say, and whether amtool 0.25 agrees.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// Both accept it.
    Good,
    /// Both refuse it.
    Bad,
    /// Accepted here as by later versions of Alertmanager.
    GoodSince025,
    /// Refused here although Alertmanager takes it, for the given reason.
    Stricter(&'static str),
}

use Verdict::{Bad, Good, GoodSince025, Stricter};

const RECEIVER: &str = "\nreceivers: [{name: x}]\n";

/// Roots without receivers get the receiver `x`.
const CASES: &[(&str, Verdict)] = &[
    // the whole
    ("route: {receiver: x}", Good),
    ("", Bad),
    ("route:", Bad),
    ("route: {receiver: y}", Bad),
    ("route: {receiver: ''}", Bad),
    ("route: {receiver: x}\nroute: {receiver: x}", Bad),
    ("route: {receiver: x}\nglobal:", Good),
    ("route: {receiver: x}\nunknown: 1", Bad),
    ("route: {receiver: x}\nglobal: {resolve_timeout: 1d12h}", Good),
    ("route: {receiver: x}\nglobal: {resolve_timeout: 1.5h}", Bad),
    ("route: {receiver: x}\nglobal: {smtp_smarthost: mail}", Bad),
    ("route: {receiver: x}\nglobal: {smtp_smarthost: 'mail:'}", Bad),
    ("route: {receiver: x}\nglobal: {smtp_smarthost: ':25'}", Good),
    ("route: {receiver: x}\nglobal: {smtp_require_tls: 'true'}", Bad),
    ("route: {receiver: x}\nglobal: {smtp_require_tls: yes}", Good),
    ("route: {receiver: x}\nglobal: {smtp_auth_password: a, smtp_auth_password_file: b}", Bad),
    ("route: {receiver: x}\nglobal: {pagerduty_url: 'ftp://x'}", Bad),
    ("route: {receiver: x}\nglobal: {pagerduty_url: 'pagerduty'}", Bad),
    ("route: {receiver: x}\nglobal: {opsgenie_api_url: 'http://x'}", Good),
    ("route: {receiver: x}\nglobal: {opsgenie_api_url: 'x'}", Bad),
    ("route: {receiver: x}\nglobal: {opsgenie_api_key: a, opsgenie_api_key_file: b}", Bad),
    // routes
    ("route: {receiver: x, group_wait: 0s}", Good),
    ("route: {receiver: x, group_interval: 0s}", Bad),
    ("route: {receiver: x, continue: true}", Bad),
    ("route: {receiver: x, continue: false}", Good),
    ("route: {receiver: x, matchers: [a=b]}", Bad),
    ("route: {receiver: x, matchers: []}", Good),
    ("route: {receiver: x, match: {a: b}}", Bad),
    ("route: {receiver: x, group_by: [a, b]}", Good),
    ("route: {receiver: x, group_by: [a, a]}", Bad),
    ("route: {receiver: x, group_by: ['...']}", Good),
    ("route: {receiver: x, group_by: ['...', a]}", Bad),
    ("route: {receiver: x, group_by: [a-b]}", GoodSince025),
    ("route: {receiver: x, group_by: a}", Bad),
    ("route: {receiver: x, routes: [{}]}", Good),
    ("route: {receiver: x, routes: [{receiver: y}]}", Bad),
    ("route: {receiver: x, routes: [{continue: true, matchers: [a=b, 'c!=d', 'e=~\"f.*\"', 'g!~h']}]}", Good),
    ("route: {receiver: x, routes: [{matchers: ['{a=b,c=d}']}]}", Good),
    ("route: {receiver: x, routes: [{matchers: a=b}]}", Bad),
    ("route: {receiver: x, routes: [{matchers: ['a=~\"[\"']}]}", Bad),
    (
        "route: {receiver: x, routes: [{matchers: ['a=~\"b)(c\"']}]}",
        Stricter("valid only because of what is put around it"),
    ),
    ("route: {receiver: x, routes: [{matchers: ['a b=c']}]}", Bad),
    ("route: {receiver: x, routes: [{matchers: ['\"a b\"=c']}]}", GoodSince025),
    ("route: {receiver: x, routes: [{match: {a-b: c}}]}", Bad),
    ("route: {receiver: x, routes: [{match: {a: }}]}", Good),
    ("route: {receiver: x, routes: [{match: {a: 1}}]}", Good),
    ("route: {receiver: x, routes: [{match_re: {a: 'b|c'}}]}", Good),
    ("route: {receiver: x, routes: [{match_re: {a: '('}}]}", Bad),
    ("route: {receiver: x, routes: [{match_re: {a: }}]}", Bad),
    ("route: {receiver: x, routes: [{group_wait: 1}]}", Bad),
    ("route: {receiver: x, routes: [{mute_time_intervals: [y]}]}", Bad),
    // time intervals
    ("route: {receiver: x, routes: [{mute_time_intervals: [y]}]}\ntime_intervals: [{name: y}]", Good),
    ("route: {receiver: x, routes: [{active_time_intervals: [y]}]}\nmute_time_intervals: [{name: y}]", Good),
    ("route: {receiver: x}\ntime_intervals: [{name: y}, {name: y}]", Bad),
    ("route: {receiver: x}\ntime_intervals: [{name: y}]\nmute_time_intervals: [{name: y}]", Bad),
    ("route: {receiver: x}\ntime_intervals: [{time_intervals: []}]", Bad),
    (
        "route: {receiver: x}\ntime_intervals: [{name: y, time_intervals: [{weekdays: ['monday:friday'], \
         days_of_month: ['1:5', '-3:-1', 7], months: [1, 'march:may'], years: ['2020:2022', 2030], location: \
         Europe/Berlin, times: [{start_time: '09:00', end_time: '24:00'}]}]}]",
        Good,
    ),
    ("route: {receiver: x}\ntime_intervals: [{name: y, time_intervals: [{weekdays: ['friday:monday']}]}]", Bad),
    ("route: {receiver: x}\ntime_intervals: [{name: y, time_intervals: [{months: [13]}]}]", Good),
    ("route: {receiver: x}\ntime_intervals: [{name: y, time_intervals: [{days_of_month: ['-1:5']}]}]", Bad),
    ("route: {receiver: x}\ntime_intervals: [{name: y, time_intervals: [{location: Nowhere}]}]", Bad),
    // inhibition
    ("route: {receiver: x}\ninhibit_rules: [{}]", Good),
    ("route: {receiver: x}\ninhibit_rules: [{source_matchers: [a=b], target_match: {c: d}, equal: [e]}]", Good),
    ("route: {receiver: x}\ninhibit_rules: [{source_match: {a-b: c}}]", Bad),
    ("route: {receiver: x}\ninhibit_rules: [{source_matcher: [a=b]}]", Bad),
    ("route: {receiver: x}\ninhibit_rules: [{name: y}]", GoodSince025),
    // receivers
    ("route: {receiver: x}\nreceivers: [{name: x}, {name: x}]", Bad),
    ("route: {receiver: x}\nreceivers: [{name: x}, {name: ''}]", Bad),
    ("route: {receiver: x}\nreceivers: [{name: x}, {}]", Bad),
    ("route: {receiver: x}\nreceivers: [{name: x, webhooks: []}]", Bad),
    ("route: {receiver: x}\nreceivers: [{name: x, webhook_configs: [{url: 'http://a/b'}]}]", Good),
    ("route: {receiver: x}\nreceivers: [{name: x, webhook_configs: [{url: 'http://a/{{ .Status }}'}]}]", Good),
    ("route: {receiver: x}\nreceivers: [{name: x, webhook_configs: [{url: '{{ .CommonLabels.u }}'}]}]", GoodSince025),
    ("route: {receiver: x}\nreceivers: [{name: x, webhook_configs: [{url: 'a/b'}]}]", Bad),
    ("route: {receiver: x}\nreceivers: [{name: x, webhook_configs: [{}]}]", Bad),
    ("route: {receiver: x}\nreceivers: [{name: x, webhook_configs: [{url: 'http://a', max_alerts: 3}]}]", Good),
    ("route: {receiver: x}\nreceivers: [{name: x, webhook_configs: [{url: 'http://a', max_alerts: -3}]}]", Bad),
    ("route: {receiver: x}\nreceivers: [{name: x, webhook_configs: [{url: 'http://a', timeout: 1.5s}]}]", GoodSince025),
    ("route: {receiver: x}\nreceivers: [{name: x, pagerduty_configs: [{}]}]", Bad),
    ("route: {receiver: x}\nreceivers: [{name: x, pagerduty_configs: [{routing_key: a}]}]", Good),
    ("route: {receiver: x}\nreceivers: [{name: x, pagerduty_configs: [{service_key: a, details: {b: c}}]}]", Good),
    (
        "route: {receiver: x}\nreceivers: [{name: x, pagerduty_configs: [{routing_key: a, images: [{src: b, alt: c, \
         href: d}], links: [{href: e, text: f}], class: g, component: h, group: i, severity: j, client: k}]}]",
        Good,
    ),
    ("route: {receiver: x}\nreceivers: [{name: x, email_configs: [{to: a@b}]}]", Bad),
    ("route: {receiver: x}\nreceivers: [{name: x, email_configs: [{to: a@b, from: c@d, smarthost: 'e:25'}]}]", Good),
    ("route: {receiver: x}\nreceivers: [{name: x, email_configs: [{from: c@d, smarthost: 'e:25'}]}]", Bad),
    (
        "route: {receiver: x}\nreceivers: [{name: x, email_configs: [{to: a@b, from: c@d, smarthost: 'e:25', headers: \
         {subject: a, Subject: b}}]}]",
        Bad,
    ),
    // http_config
    ("route: {receiver: x}\nglobal: {http_config: {basic_auth: {username: a, password: b}}}", Good),
    ("route: {receiver: x}\nglobal: {http_config: {basic_auth: {}, bearer_token: a}}", Bad),
    ("route: {receiver: x}\nglobal: {http_config: {bearer_token: a}}", Good),
    ("route: {receiver: x}\nglobal: {http_config: {basic_auth: {password: a, password_file: b}}}", Bad),
    ("route: {receiver: x}\nglobal: {http_config: {authorization: {type: Basic, credentials: a}}}", Bad),
    ("route: {receiver: x}\nglobal: {http_config: {authorization: {type: Token, credentials: a}}}", Good),
    ("route: {receiver: x}\nglobal: {http_config: {oauth2: {client_id: a}}}", Bad),
    ("route: {receiver: x}\nglobal: {http_config: {oauth2: {client_id: a, token_url: 'http://b'}}}", GoodSince025),
    (
        "route: {receiver: x}\nglobal: {http_config: {oauth2: {client_id: a, client_secret: b, token_url: 'http://c'}}}",
        Good,
    ),
    ("route: {receiver: x}\nglobal: {http_config: {proxy_url: 'http://a'}}", Good),
    ("route: {receiver: x}\nglobal: {http_config: {proxy_url: a}}", Good),
    ("route: {receiver: x}\nglobal: {http_config: {tls_config: {min_version: TLS12}}}", Good),
    ("route: {receiver: x}\nglobal: {http_config: {tls_config: {min_version: TLS9}}}", Bad),
    ("route: {receiver: x}\nglobal: {http_config: {tls_config: {insecure_skip_verify: true}}}", Good),
    ("route: {receiver: x}\nglobal: {http_config: {http_headers: {X-A: {values: [b]}}}}", GoodSince025),
    ("route: {receiver: x}\nglobal: {http_config: {no_proxy: a}}", Bad),
    ("route: {receiver: x}\nglobal: {http_config: {follow_redirects: 1}}", Bad),
];

fn whole(text: &str) -> String {
    if text.contains("receivers:") { text.to_owned() } else { format!("{text}{RECEIVER}") }
}

#[test]
fn the_loader_says_so() {
    for (text, verdict) in CASES {
        let expected = matches!(verdict, Good | GoodSince025);
        let found = parse(&whole(text));
        assert_eq!(found.is_ok(), expected, "{text}\n{:?}", found.err().map(|found| found.to_string()));
    }
}

/// Beside the real thing, where Debian's 0.25 is installed.
#[test]
fn amtool_says_the_same() {
    let version = Command::new("amtool").arg("--version").output();
    if !version.is_ok_and(|version| String::from_utf8_lossy(&version.stdout).contains("version 0.25")) {
        eprintln!("skipped: amtool_says_the_same needs amtool 0.25");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    for (number, (text, _)) in CASES.iter().enumerate() {
        let path = folder.path().join(format!("{number}.yml"));
        std::fs::write(&path, whole(text)).unwrap();
        names.push(path);
    }
    for (path, (text, verdict)) in names.iter().zip(CASES) {
        let accepted = Command::new("amtool").arg("check-config").arg(path).output().unwrap().status.success();
        let expected = matches!(verdict, Good | Stricter(_));
        assert_eq!(accepted, expected, "{text}: {verdict:?}");
    }
}
