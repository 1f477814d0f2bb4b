//! Every kind of receiver against a peer that keeps what it is sent: what goes out, what answers mean, what is told.
//! Mails have tests of their own beside this file.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::super::*;
use super::http::ready;
use crate::receiver::preset::body::{Part, Text};
use crate::receiver::sample::config;
use crate::rendering::sample::t;

/// What the peer does with a request.
#[derive(Clone)]
enum Answer {
    /// This status and body.
    With(u16, Value),
    /// Repeats a part of the request in a refusal: 0 the address, 1 the headers, 2 the body.
    Echo(u8),
}

struct Peer {
    answer: Mutex<Answer>,
    /// Answers a search, a login or a request for keys, so that what follows can be seen.
    opening: Vec<(&'static str, Value)>,
    got: Mutex<String>,
}

const HEADERS: [&str; 5] = ["authorization", "content-type", "accept-language", "x-auth-token", "x-user-id"];

async fn take(
    State(peer): State<Arc<Peer>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let header = |name: &str| Some(format!("{name}: {}\n", headers.get(name)?.to_str().unwrap()));
    let mut told: String = HEADERS.iter().filter_map(|name| header(name)).collect();
    if let Some(at) = told.find("Signature=") {
        let end = told[at..].find('\n').map_or(told.len(), |end| at + end);
        told.replace_range(at..end, "Signature=…");
    }
    let text = String::from_utf8(body.to_vec()).unwrap();
    let shown = match serde_json::from_str::<Value>(&text) {
        // in the order it was sent in
        Ok(_) => text.replace(",\"", ",\n\""),
        Err(_) => url::form_urlencoded::parse(&body).fold(String::new(), |mut all, (name, value)| {
            let _ = writeln!(all, "{name} = {value}");
            all
        }),
    };
    let _ = writeln!(peer.got.lock().unwrap(), "{method} {uri}\n{told}{}\n", shown.trim_end());
    let answer = peer.answer.lock().unwrap().clone();
    let opening = peer.opening.iter().find(|(part, _)| uri.path().contains(part) || text.contains(part));
    let (status, body) = match (answer, opening) {
        (Answer::With(200, _), Some((_, Value::String(xml)))) => return (StatusCode::OK, xml.clone()).into_response(),
        (Answer::With(200, _), Some((_, answer))) => (200, answer.clone()),
        (Answer::With(status, body), _) => (status, body),
        (Answer::Echo(0), _) => (400, format!("no {uri}").into()),
        (Answer::Echo(1), _) => (400, format!("no {headers:?} {told}").into()),
        (Answer::Echo(_), _) => (400, text.into()),
    };
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

/// A kind of receiver: its section, and what its service answers when all is well.
struct Case {
    kind: &'static str,
    section: &'static str,
    good: Value,
    opening: Vec<(&'static str, Value)>,
    /// Answers that mean something else than [`MEANINGS`].
    other: &'static [(u16, &'static str)],
}

fn case(kind: &'static str, section: &'static str) -> Case {
    Case { kind, section, good: json!({}), opening: Vec::new(), other: &[] }
}

/// What answers mean to most: what may pass is tried again, everything else is not.
const MEANINGS: [(u16, &str); 10] = [
    (202, "delivered"),
    (302, "refused other"),
    (400, "refused clientError"),
    (401, "refused authError"),
    (403, "refused authError"),
    (404, "refused clientError"),
    (408, "again clientError"),
    (429, "again rateLimited"),
    (500, "again serverError"),
    (503, "again serverError"),
];

/// For services whose every failure is tried again.
const ALL_AGAIN: &[(u16, &str)] = &[
    (302, "again other"),
    (400, "again clientError"),
    (401, "again authError"),
    (403, "again authError"),
    (404, "again clientError"),
];

fn cases() -> Vec<Case> {
    let role = "<AccessKeyId>ASIAs3cret</AccessKeyId><SecretAccessKey>s3cretrole</SecretAccessKey>\
                <SessionToken>s3crettoken</SessionToken><Expiration>2026-11-21T04:00:00Z</Expiration>";
    let token = json!({"errcode": 0, "access_token": "s3crettoken"});
    vec![
        case("discord", "webhook_url: '{sink}/api/webhooks/1/s3cretkey'"),
        case("incidentio", "url: '{sink}/v2/alerts', alert_source_token: s3crettoken"),
        Case {
            good: json!({"key": "OPS-1"}),
            opening: vec![("/search", json!({"issues": []}))],
            ..case(
                "jira",
                "api_url: '{sink}/rest/api/2', project: OPS, issue_type: Bug, labels: [ops], \
                 http_config: {basic_auth: {username: u, password: s3cretpassword}}",
            )
        },
        case("mattermost", "webhook_url: '{sink}/hooks/s3cretkey', channel: ops"),
        case("msteams", "webhook_url: '{sink}/webhookb2/s3cretkey'"),
        case("msteamsv2", "webhook_url: '{sink}/workflows/s3cretkey?sig=s3cretsignature'"),
        case("opsgenie", "api_url: '{sink}', api_key: s3cretkey, tags: 'a,b', priority: P2"),
        case("pagerduty", "url: '{sink}/v2/enqueue', routing_key: s3cretkey, timeout: 9s"),
        case("pushover", "user_key: s3cretuser, token: s3crettoken"),
        Case {
            good: json!({"success": true}),
            other: &[(202, "delivered")],
            ..case("rocketchat", "api_url: '{sink}', token: s3crettoken, token_id: s3cretid, channel: '#ops'")
        },
        Case {
            good: json!({"ok": true}),
            ..case(
                "slack",
                "app_url: '{sink}/api/chat.postMessage', app_token: s3crettoken, channel: '#ops', send_resolved: true",
            )
        },
        Case {
            opening: vec![("AssumeRole", role.into())],
            ..case(
                "sns",
                "api_url: '{sink}/sns', topic_arn: 'arn:aws:sns:eu-1:1:t', sigv4: {region: eu-1, access_key: AKs3cret, \
                 secret_key: s3cretsecret, role_arn: 'arn:aws:iam::1:role/r'}",
            )
        },
        Case { other: ALL_AGAIN, ..case("telegram", "api_url: '{sink}', bot_token: '1:s3crettoken', chat_id: -42") },
        case("victorops", "api_url: '{sink}/alert', api_key: s3cretkey, routing_key: team"),
        case(
            "webex",
            "api_url: '{sink}/v1/messages', room_id: room, http_config: {authorization: {credentials: s3crettoken}}",
        ),
        case(
            "webhook",
            "url: '{sink}/hook/s3cretkey', http_config: {basic_auth: {username: u, password: s3cretpassword}}",
        ),
        Case {
            good: json!({"errcode": 0}),
            opening: vec![("/gettoken", token)],
            other: ALL_AGAIN,
            ..case("wechat", "api_url: '{sink}', api_secret: s3cretsecret, corp_id: c0rp, to_user: '@all'")
        },
    ]
}

async fn peer(case: &Case) -> (Arc<Peer>, String) {
    let answer = Mutex::new(Answer::With(200, case.good.clone()));
    let peer = Arc::new(Peer { answer, opening: case.opening.clone(), got: Mutex::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(take).with_state(peer.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (peer, address)
}

/// One service has an address that no setting changes.
fn redirect(settings: &mut Settings, address: &str) {
    match settings {
        Settings::Preset(settings) if settings.kind() == "pushover" => {
            let preset = Arc::get_mut(&mut settings.preset).unwrap();
            let Some(Part::Fixed(url)) = preset.requests[0].url.0.pop() else { panic!() };
            let url = url.replace("https://api.pushover.net", address);
            preset.requests[0].url = Text(vec![Part::Fixed(url)]);
        }
        _ => {}
    }
}

fn configured(case: &Case, address: &str) -> (Deliverer, Delivery) {
    let section = case.section.replace("{sink}", address);
    let config = config(&format!("{}_configs: [{{{section}}}]", case.kind));
    let (mut config, _) = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let shown = format!("{config:?} {}", config.shown);
    assert!(!shown.contains("s3cret"), "{}: {shown}", case.kind);
    let mut receiver = config.receivers.remove("main").unwrap();
    let integration = Arc::get_mut(&mut Arc::get_mut(&mut receiver).unwrap().integrations[0]).unwrap();
    redirect(&mut integration.settings, address);
    config.receivers.insert("main".to_owned(), receiver);
    let (mut deliverer, delivery) = ready(&config);
    let sts_url = format!("{address}/sts");
    deliverer.variables = Arc::new(move |name| (name == "AWS_ENDPOINT_URL_STS").then(|| sts_url.clone()));
    (deliverer, delivery)
}

async fn attempt(deliverer: &Deliverer, delivery: &Delivery) -> Outcome {
    deliverer.deliver(delivery, t(600.0), Duration::from_secs(10)).await
}

#[test]
fn all_kinds_are_here() {
    let mut kinds: BTreeSet<&str> = cases().iter().map(|case| case.kind).collect();
    kinds.insert("email");
    let presets = templates::presets::ALL.map(|(section, _)| section.strip_suffix("_configs").unwrap());
    let all: BTreeSet<&str> = ["email", "jira", "pagerduty", "sns", "webhook"].into_iter().chain(presets).collect();
    assert_eq!(kinds, all);
    assert_eq!(kinds.len(), 18);
}

/// What goes out, of all kinds in one file that can be read from top to bottom.
#[tokio::test]
async fn what_goes_out() {
    let mut all = String::new();
    for case in cases() {
        let (peer, address) = peer(&case).await;
        let (deliverer, delivery) = configured(&case, &address);
        assert!(attempt(&deliverer, &delivery).await.is_delivered(), "{}", case.kind);
        assert_eq!(deliverer.degraded().get(), 0, "{}", case.kind);
        let _ = writeln!(all, "== {}\n{}", case.kind, peer.got.lock().unwrap());
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn what_answers_mean() {
    for case in cases() {
        let (peer, address) = peer(&case).await;
        let (deliverer, delivery) = configured(&case, &address);
        for (status, wanted) in MEANINGS {
            let wanted = case.other.iter().find(|(other, _)| *other == status).map_or(wanted, |(_, wanted)| wanted);
            *peer.answer.lock().unwrap() = Answer::With(status, case.good.clone());
            if status == 202 {
                *peer.answer.lock().unwrap() = Answer::With(200, case.good.clone());
            }
            let found = match attempt(&deliverer, &delivery).await {
                Outcome::Delivered | Outcome::DeliveredAs(_) => "delivered".to_owned(),
                Outcome::Retry { reason, .. } => format!("again {reason}"),
                Outcome::Rejected { reason, .. } => format!("refused {reason}"),
            };
            assert_eq!(found, wanted, "{} {status}", case.kind);
        }
    }
}

/// A service that repeats the request in its refusal must not get our secrets into logs.
#[tokio::test]
async fn no_outcome_tells_a_secret() {
    for case in cases() {
        let (peer, address) = peer(&case).await;
        let (deliverer, delivery) = configured(&case, &address);
        for part in 0..3 {
            *peer.answer.lock().unwrap() = Answer::Echo(part);
            let outcome = attempt(&deliverer, &delivery).await;
            assert!(!outcome.is_delivered(), "{}", case.kind);
            let told = format!("{outcome:?}");
            assert!(!told.contains("s3cret"), "{} {part}: {told}", case.kind);
            assert!(!told.contains("dTpzM2NyZXR"), "{} {part}: {told}", case.kind);
        }
        let shown = format!("{deliverer:?} {delivery:?}");
        assert!(!shown.contains("s3cret"), "{}: {shown}", case.kind);
        // nobody there: the error names the host alone
        let (deliverer, delivery) = configured(&case, "http://127.0.0.1:9");
        let told = format!("{:?}", attempt(&deliverer, &delivery).await);
        assert!(told.starts_with("Retry") && !told.contains("s3cret"), "{}: {told}", case.kind);
    }
}

/// The section, the variables of the environment, and the questions for keys that follow.
type Surroundings = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

const SURROUNDINGS: &[Surroundings] = &[
    (
        "sigv4: {region: eu-1}",
        &[("AWS_ACCESS_KEY_ID", "AKs3cret"), ("AWS_SECRET_ACCESS_KEY", "s3cret"), ("AWS_SESSION_TOKEN", "s3crettoken")],
        &[],
    ),
    (
        "sigv4: {}",
        &[("AWS_REGION", "eu-1"), ("AWS_ROLE_ARN", "arn:r"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "TOKEN")],
        &["POST /sts AssumeRoleWithWebIdentity"],
    ),
    (
        "sigv4: {role_arn: 'arn:other'}",
        &[
            ("AWS_DEFAULT_REGION", "eu-1"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "{sink}/agent"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "TOKEN"),
        ],
        &["GET /agent", "POST /sts AssumeRole"],
    ),
    (
        "sigv4: {region: eu-1}",
        &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "{sink}/machine/")],
        &[
            "PUT /machine/latest/api/token",
            "GET /machine/latest/meta-data/iam/security-credentials/",
            "GET /machine/latest/meta-data/iam/security-credentials/our-role",
        ],
    ),
];

/// Method and path of each request, and what it asks a token service for.
fn asked(got: &str) -> Vec<String> {
    let mut asked: Vec<String> = Vec::new();
    for line in got.lines() {
        if ["GET /", "PUT /", "POST /"].iter().any(|start| line.starts_with(start)) {
            asked.push(line.to_owned());
        }
        let action = line.strip_prefix("Action = ").filter(|action| *action != "Publish");
        if let (Some(action), Some(last)) = (action, asked.last_mut()) {
            *last += &format!(" {action}");
        }
    }
    asked
}

#[tokio::test]
async fn keys_of_the_surroundings() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "s3crettoken\n").unwrap();
    let lent = json!({"AccessKeyId": "ASIAs3cret", "SecretAccessKey": "s3cret", "Token": "s3crettoken", "Expiration": "2026-11-21T04:00:00Z"});
    let xml = "<AccessKeyId>ASIAs3cret</AccessKeyId><SecretAccessKey>s3cret</SecretAccessKey>\
               <SessionToken>s3crettoken</SessionToken><Expiration>2026-11-21T04:00:00Z</Expiration>";
    for (sigv4, variables, wanted) in SURROUNDINGS {
        let case = Case {
            opening: vec![
                ("our-role", lent.clone()),
                ("security-credentials", "our-role\n".into()),
                ("/api/token", "s3crettoken".into()),
                ("/agent", lent.clone()),
                ("AssumeRole", xml.into()),
            ],
            ..case("sns", "")
        };
        let (peer, address) = peer(&case).await;
        let section = format!("{sigv4}, api_url: '{address}/sns', topic_arn: t");
        let (config, _) = config(&format!("sns_configs: [{{{section}}}]")).unwrap();
        let (mut deliverer, delivery) = ready(&config);
        let mut known: std::collections::HashMap<_, _> = variables
            .iter()
            .map(|(name, value)| (*name, value.replace("{sink}", &address).replace("TOKEN", token.to_str().unwrap())))
            .collect();
        known.insert("AWS_ENDPOINT_URL_STS", format!("{address}/sts"));
        deliverer.variables = Arc::new(move |name| known.get(name).cloned());
        for _ in 0..2 {
            assert_eq!(attempt(&deliverer, &delivery).await, Outcome::Delivered, "{variables:?}");
        }
        let got = peer.got.lock().unwrap().clone();
        let asked = asked(&got);
        assert_eq!(asked, [*wanted, &["POST /sns", "POST /sns"]].concat(), "{variables:?}");
        let signed = got.lines().rfind(|line| line.starts_with("authorization: AWS4")).unwrap();
        assert!(signed.contains("s3cret/20261121/eu-1/sns/") && signed.contains("x-amz-security-token"), "{signed}");
        *peer.answer.lock().unwrap() = Answer::Echo(1);
        let told = format!("{:?}", deliverer.deliver(&delivery, t(8_000.0), Duration::from_secs(10)).await);
        assert!(!told.contains("s3cret"), "{told}");
    }
}

#[tokio::test]
async fn keys_of_a_role_are_used_until_they_end() {
    let case = cases().into_iter().find(|case| case.kind == "sns").unwrap();
    let (peer, address) = peer(&case).await;
    let (deliverer, delivery) = configured(&case, &address);
    let count = |text: &str| peer.got.lock().unwrap().matches(text).count();
    for (at, roles, messages) in [(600.0, 1, 1), (700.0, 1, 2), (3_600.0, 2, 3)] {
        let outcome = deliverer.deliver(&delivery, t(at), Duration::from_secs(10)).await;
        assert_eq!(outcome, Outcome::Delivered);
        assert_eq!((count("POST /sts"), count("POST /sns")), (roles, messages), "{at}");
    }
    // the service is of another opinion about their end
    *peer.answer.lock().unwrap() = Answer::With(403, json!("ExpiredToken"));
    let outcome = deliverer.deliver(&delivery, t(3_600.0), Duration::from_secs(10)).await;
    assert!(matches!(outcome, Outcome::Retry { reason: "authError", .. }), "{outcome:?}");
}
