//! Clients against small servers on the loopback device.

mod server;
mod tls;

use std::path::Path;

use server::{Server, answer};
use yaml::{Decoder, SourceFile};

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);
const NOW: Timestamp = Timestamp::from_secs(1_000);

fn config(text: &str) -> HttpConfig {
    let file = SourceFile::new("h.yml", text);
    let decoder = Decoder::new(&file);
    let root = decoder.first_document().unwrap();
    let config = HttpConfig::decode(&root, &decoder, Path::new("/"));
    decoder.finish(config).unwrap().0
}

fn client(text: &str) -> HttpClient {
    HttpClient::new(&config(text), Limits::default()).unwrap()
}

fn post(url: String) -> Request {
    Request { method: Method::POST, url, headers: HeaderMap::new(), body: Bytes::from_static(b"{}") }
}

#[tokio::test]
async fn sends_body_headers_and_credentials_over_one_connection() {
    let server = Server::start(|_| answer(200, "ok")).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    let client = client(&format!(
        "{{basic_auth: {{username: u, password_file: '{}'}}, http_headers: {{X-A: {{values: [1, 2]}}}}}}",
        file.display()
    ));
    let response = client.send(post(server.url("/a?b")), DEADLINE, NOW).await.unwrap();
    assert_eq!((response.status.as_u16(), &*response.body, response.truncated), (200, b"ok".as_slice(), false));
    std::fs::write(&file, "rotated\n").unwrap();
    client.send(post(server.url("/")), DEADLINE, NOW).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].line, "POST /a?b HTTP/1.1");
    assert_eq!(requests[0].body, "{}");
    assert_eq!(requests[0].header("authorization"), ["Basic dTpodW50ZXIy"]); // u:hunter2
    assert_eq!(requests[0].header("x-a"), ["1", "2"]);
    assert_eq!(requests[1].header("authorization"), ["Basic dTpyb3RhdGVk"]); // u:rotated
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_refusal_that_repeats_our_secrets_is_hidden() {
    let server =
        Server::start(|request| answer(401, &format!("no {}", request.header("authorization").concat()))).await;
    for config in ["basic_auth: {username: u, password: hunter2}", "authorization: {credentials: hunter2}"] {
        let response = client(config).send(post(server.url("/")), DEADLINE, NOW).await.unwrap();
        assert_eq!(&*response.body, b"no <secret>");
    }
}

#[tokio::test]
async fn a_user_in_the_address_is_as_secret_as_any_other() {
    let server =
        Server::start(|request| answer(401, &format!("no {}", request.header("authorization").concat()))).await;
    let url = server.url("/").replace("http://", "http://u%40v:hun+t&er%2F2@");
    let response = client("{}").send(post(url), DEADLINE, NOW).await.unwrap();
    assert_eq!(&*response.body, b"no <secret>");
    let sent = server.requests()[0].header("authorization").concat();
    assert_eq!(sent, format!("Basic {}", STANDARD.encode("u@v:hun+t&er/2")));
}

#[tokio::test]
async fn a_request_that_says_who_it_is_keeps_its_word() {
    let server = Server::start(|_| answer(200, "")).await;
    let mut request = post(server.url("/"));
    request.headers.insert(AUTHORIZATION, HeaderValue::from_static("GenieKey k"));
    client("basic_auth: {username: u, password: hunter2}").send(request, DEADLINE, NOW).await.unwrap();
    assert_eq!(server.requests()[0].header("authorization"), ["GenieKey k"]);
}

#[tokio::test]
async fn an_error_status_is_an_answer_and_its_body_is_bounded() {
    let server = Server::start(|_| answer(503, &"x".repeat(100))).await;
    let limits = Limits { body_bytes: 10, ..Limits::default() };
    let client = HttpClient::new(&HttpConfig::default(), limits).unwrap();
    let response = client.send(post(server.url("/")), DEADLINE, NOW).await.unwrap();
    assert_eq!((response.status.as_u16(), response.body.len(), response.truncated), (503, 10, true));
}

#[tokio::test]
async fn failures_have_a_kind_and_no_secret() {
    let silent = Server::start(|_| String::new()).await;
    let hung_up = Server::start(|_| "hang up".to_owned()).await;
    let nobody = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() };
    let cases = [
        (silent.url("/hunter2"), SendErrorKind::Timeout, "no answer within 200ms".to_owned()),
        (hung_up.url("/hunter2"), SendErrorKind::Io, "request failed: 127.0.0.1:".to_owned()),
        (
            format!("http://u:hunter2@127.0.0.1:{nobody}/hunter2?hunter2"),
            SendErrorKind::Connect,
            format!("cannot connect to 127.0.0.1:{nobody}: "),
        ),
        (format!("https://127.0.0.1:{}/hunter2", hung_up.port()), SendErrorKind::Connect, "cannot connect".to_owned()),
        ("hunter2".to_owned(), SendErrorKind::Url, "not a usable URL: it must begin".to_owned()),
        ("ftp://hunter2".to_owned(), SendErrorKind::Url, "not a usable URL: unsupported scheme".to_owned()),
    ];
    let client = client("{}");
    for (url, kind, message) in cases {
        let error = client.send(post(url.clone()), Duration::from_millis(200), NOW).await.unwrap_err();
        assert_eq!(error.kind, kind, "{url}: {error}");
        assert!(error.to_string().contains(&message), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let request = format!("{:?}", post("http://hunter2".to_owned()));
    assert!(!request.contains("hunter2"), "{request}");
}

#[tokio::test]
async fn a_missing_secret_file_fails_the_request_by_name() {
    let client = client("authorization: {credentials_file: /nowhere/token}");
    let error = client.send(post("http://127.0.0.1:9/".to_owned()), DEADLINE, NOW).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Secret);
    assert!(error.to_string().contains("/nowhere/token"), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_unless_switched_off() {
    let server = Server::start(|request| match request.path() {
        "/new" => answer(200, "there"),
        "/loop" => redirect("/loop"),
        _ => redirect("/new"),
    })
    .await;
    let followed = client("{}").send(post(server.url("/old")), DEADLINE, NOW).await.unwrap();
    assert_eq!(&*followed.body, b"there");
    // 307 keeps method and body.
    let last = server.requests().pop().unwrap();
    assert_eq!((last.line.as_str(), last.body.as_str()), ("POST /new HTTP/1.1", "{}"));
    assert!(last.header("referer").is_empty());
    let kept = client("follow_redirects: false").send(post(server.url("/old")), DEADLINE, NOW).await.unwrap();
    assert_eq!(kept.status.as_u16(), 307);
    let error = client("{}").send(post(server.url("/loop")), DEADLINE, NOW).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Redirect, "{error}");
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

#[tokio::test]
async fn secrets_do_not_follow_a_redirect_to_another_host() {
    let other = Server::start(|_| answer(200, "other")).await;
    let target = other.url("/");
    let server = Server::start(move |_| redirect(&target)).await;
    let with_auth = client("authorization: {credentials: hunter2}");
    let response = with_auth.send(post(server.url("/")), DEADLINE, NOW).await.unwrap();
    assert_eq!(&*response.body, b"other");
    assert!(other.requests()[0].header("authorization").is_empty());
    let with_header = client("http_headers: {X-Key: {secrets: [hunter2]}, X-Scope-OrgID: {values: [us]}}");
    with_header.send(post(server.url("/")), DEADLINE, NOW).await.unwrap();
    let asked = &other.requests()[1];
    assert!(asked.header("x-key").is_empty());
    assert_eq!(asked.header("x-scope-orgid"), ["us"]);
    assert_eq!(asked.body, "{}");
    // what a request brings itself is dropped as well
    let mut request = post(server.url("/"));
    request.headers.insert(AUTHORIZATION, HeaderValue::from_static("GenieKey hunter2"));
    client("{}").send(request, DEADLINE, NOW).await.unwrap();
    assert!(other.requests()[2].header("authorization").is_empty());
}

#[tokio::test]
async fn what_was_dropped_on_the_way_does_not_come_back_with_it() {
    let home = Server::start(|request| if request.path() == "/end" { answer(200, "") } else { redirect("/") }).await;
    let back = home.url("/end");
    let other = Server::start(move |request| match request.path() {
        "/again" => redirect(&back),
        _ => redirect("/again"),
    })
    .await;
    let target = other.url("/");
    let server = Server::start(move |_| redirect(&target)).await;
    client("authorization: {credentials: hunter2}").send(post(server.url("/")), DEADLINE, NOW).await.unwrap();
    assert_eq!(server.requests()[0].header("authorization"), ["Bearer hunter2"]);
    for request in other.requests().iter().chain(&home.requests()) {
        assert!(request.header("authorization").is_empty(), "{}", request.line);
    }
    assert_eq!((other.requests().len(), home.requests().len()), (2, 1));
}

#[tokio::test]
async fn a_see_other_is_fetched_without_the_body() {
    let server = Server::start(|request| match request.path() {
        "/done" => answer(200, &request.line),
        path => format!("HTTP/1.1 {} X\r\nLocation: /done\r\nContent-Length: 0\r\n\r\n", &path[1..]),
    })
    .await;
    for (status, wanted) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
        let mut request = post(server.url(&format!("/{status}")));
        request.headers.insert("content-type", HeaderValue::from_static("application/json"));
        let response = client("{}").send(request, DEADLINE, NOW).await.unwrap();
        assert_eq!(&*response.body, format!("{wanted} /done HTTP/1.1").as_bytes(), "{status}");
        let last = server.requests().pop().unwrap();
        assert_eq!((last.body.is_empty(), last.header("content-type").is_empty()), (wanted == "GET", wanted == "GET"));
    }
    let nowhere = Server::start(|_| redirect("http://")).await;
    let error = client("{}").send(post(nowhere.url("/")), DEADLINE, NOW).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Redirect, "{error}");
}

fn guard(entries: &[&str]) -> Arc<Guard> {
    Guard::new(Some(crate::AllowedHosts::new(entries.iter().map(|entry| entry.parse().unwrap()).collect())))
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_not_even_asked() {
    let inner = Server::start(|_| answer(200, "inner")).await;
    let target = inner.url("/");
    let outer = Server::start(move |request| match request.path() {
        "/lead" => redirect(&target),
        _ => answer(200, "outer"),
    })
    .await;
    let listed = guard(&[&format!("127.0.0.1:{}", outer.port())]);
    let client = |text: &str| HttpClient::guarded(&config(text), Limits::default(), &listed);
    let plain = client("{}").unwrap();
    assert_eq!(&*plain.send(post(outer.url("/")), DEADLINE, NOW).await.unwrap().body, b"outer");
    let with_token = client(&format!("oauth2: {{client_id: i, token_url: '{}'}}", inner.url("/"))).unwrap();
    let near = format!("http://localhost:{}/", outer.port());
    let numbers = format!("http://2130706433:{}/", inner.port());
    for (client, url) in [
        (&plain, inner.url("/hunter2")),
        (&plain, outer.url("/lead")),
        (&plain, near),
        (&plain, numbers),
        (&plain, "https://[::ffff:127.0.0.1]/".to_owned()),
        (&with_token, outer.url("/")),
    ] {
        let error = client.send(post(url.clone()), DEADLINE, NOW).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::NotAllowed, "{url}: {error}");
        assert!(error.to_string().contains("is not among the allowed hosts") && !error.to_string().contains("hunter2"));
    }
    assert!(inner.requests().is_empty());
    assert_eq!(listed.refusals().hosts, 6);
    let by_proxy = client(&format!("proxy_url: 'http://u:hunter2@127.0.0.1:{}'", inner.port())).unwrap();
    let error = by_proxy.send(post(outer.url("/")), DEADLINE, NOW).await.unwrap_err().to_string();
    assert_eq!(error, format!("127.0.0.1:{} is not among the allowed hosts (--receiver.allowed-hosts)", inner.port()));
}

#[tokio::test]
async fn a_name_reaches_only_addresses_that_are_allowed() {
    let server = Server::start(|_| answer(200, "ok")).await;
    let url = |scheme: &str| format!("{scheme}://localhost:{}/", server.port());
    let near = HttpClient::guarded(&config("{}"), Limits::default(), &guard(&["127.0.0.0/8", "::1"])).unwrap();
    assert_eq!(&*near.send(post(url("http")), DEADLINE, NOW).await.unwrap().body, b"ok");
    let far = guard(&["192.0.2.0/24"]);
    let client = HttpClient::guarded(&config("{}"), Limits::default(), &far).unwrap();
    for scheme in ["http", "https"] {
        let error = client.send(post(url(scheme)), DEADLINE, NOW).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::NotAllowed, "{error}");
        assert!(error.to_string().starts_with("localhost has no address in the networks"), "{error}");
    }
    assert_eq!((server.requests().len(), far.refusals().hosts), (1, 2));
}

#[tokio::test]
async fn goes_through_a_proxy_but_for_the_exceptions() {
    let proxy = Server::start(|_| answer(200, "by proxy")).await;
    let config = format!(
        "{{proxy_url: 'http://u:hunter2@127.0.0.1:{}', no_proxy: direct.test, proxy_connect_header: {{X-P: [v]}}}}",
        proxy.port()
    );
    let client = client(&config);
    let response = client.send(post("http://far.test/x".to_owned()), DEADLINE, NOW).await.unwrap();
    assert_eq!(&*response.body, b"by proxy");
    // An https request asks for a tunnel, which this proxy answers wrongly.
    let error = client.send(post("https://far.test/x".to_owned()), DEADLINE, NOW).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Connect, "{error}");
    let requests = proxy.requests();
    assert_eq!(requests[0].line, "POST http://far.test/x HTTP/1.1");
    assert_eq!(requests[0].header("proxy-authorization"), ["Basic dTpodW50ZXIy"]);
    assert_eq!(requests[1].line, "CONNECT far.test:443 HTTP/1.1");
    assert_eq!(requests[1].header("x-p"), ["v"]);
    let error = client.send(post("http://direct.test/".to_owned()), DEADLINE, NOW).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Connect, "{error}");
    assert_eq!(proxy.requests().len(), 2);
}

#[tokio::test]
async fn tokens_are_fetched_once_and_again_when_they_expire_or_are_refused() {
    let tokens = Server::start(|request| {
        if !request.header("authorization").is_empty() {
            return answer(401, ""); // understands credentials in the form only
        }
        answer(200, r#"{"access_token":"hunter2","token_type":"bearer","expires_in":"60"}"#)
    })
    .await;
    let server = Server::start(|request| match request.path() {
        "/refuse" => answer(401, ""),
        _ => answer(200, ""),
    })
    .await;
    let client = client(&format!(
        "oauth2: {{client_id: i d, client_secret: s, token_url: '{}', scopes: [a, b], endpoint_params: {{p: q}}}}",
        tokens.url("/token")
    ));
    let send = |path: &'static str, seconds: u64| {
        client.send(post(server.url(path)), DEADLINE, NOW.plus(Duration::from_secs(seconds)))
    };
    send("/", 0).await.unwrap();
    send("/", 49).await.unwrap();
    assert_eq!(tokens.requests().len(), 2); // by header, then by form
    assert_eq!(tokens.requests()[0].header("authorization"), ["Basic aStkOnM="]); // i+d:s
    let form = "grant_type=client_credentials&scope=a+b&p=q&client_id=i+d&client_secret=s";
    assert_eq!(tokens.requests()[1].body, form);
    assert_eq!(server.requests()[1].header("authorization"), ["Bearer hunter2"]);
    send("/", 50).await.unwrap(); // ten seconds before it expires
    assert_eq!(tokens.requests().len(), 4);
    send("/refuse", 51).await.unwrap();
    send("/", 52).await.unwrap();
    assert_eq!(tokens.requests().len(), 6);
}

#[tokio::test]
async fn no_token_is_an_error_of_its_own() {
    for body in [answer(500, "hunter2"), answer(200, "hunter2")] {
        let tokens = Server::start(move |_| body.clone()).await;
        let client = client(&format!("oauth2: {{client_id: i, token_url: '{}'}}", tokens.url("/hunter2")));
        let error = client.send(post("http://127.0.0.1:9/".to_owned()), DEADLINE, NOW).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::Token, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
