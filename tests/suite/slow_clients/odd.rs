//! Requests that no browser sends: each has an answer or its connection closed, and none is taken for two.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{QUIET, address, connect_from, is_served, until_closed};
use crate::stage::Watchfire;

struct Case {
    what: &'static str,
    /// Sent as it is.
    request: Vec<u8>,
    /// Statuses of the answers, in order, until the connection is closed. The request says `Connection: close` where it would
    /// stay open.
    statuses: &'static [u16],
}

fn case(what: &'static str, request: impl Into<Vec<u8>>, statuses: &'static [u16]) -> Case {
    Case { what, request: request.into(), statuses }
}

/// The head of a request that is the last of its connection.
fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{more}\r\n")
}

fn post(more: &str, body: &str) -> String {
    format!(
        "POST /api/v2/alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n{more}\r\n{body}"
    )
}

const SMUGGLED: &str = "GET /api/v2/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

fn cases() -> Vec<Case> {
    let many_headers: String = (0..101).map(|n| format!("X-{n}: 1\r\n")).collect();
    let open_post = "POST /api/v2/alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    vec![
        // Large
        case("100 headers", get("/-/healthy", &(0..98).map(|n| format!("X-{n}: 1\r\n")).collect::<String>()), &[200]),
        case("101 headers", get("/-/healthy", &many_headers), &[431]),
        case("a header of 60 KiB", get("/-/healthy", &format!("X: {}\r\n", "x".repeat(60 << 10))), &[200]),
        case("a header of 1 MiB", get("/-/healthy", &format!("X: {}\r\n", "x".repeat(1 << 20))), &[431]),
        case("an address of 60 KiB", get(&format!("/-/healthy?{}", "x".repeat(60 << 10)), ""), &[200]),
        case("an address of 70 KiB", get(&format!("/-/healthy?{}", "x".repeat(70 << 10)), ""), &[414]),
        case("an address of 1 MiB", get(&format!("/-/healthy?{}", "x".repeat(1 << 20)), ""), &[431]),
        // Lengths that lie, and requests in requests
        case("two lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n", "[]"), &[400]),
        case("the same length twice", post("Content-Length: 2\r\nContent-Length: 2\r\n", "[]"), &[200]),
        case("lengths in a list", post("Content-Length: 2, 2\r\n", "[]"), &[400]),
        case("a signed length", post("Content-Length: +2\r\n", "[]"), &[400]),
        case("a negative length", post("Content-Length: -1\r\n", "[]"), &[400]),
        case("a huge length", post("Content-Length: 99999999999999999999\r\n", "[]"), &[400]),
        case(
            "length and chunks",
            format!("{open_post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n{SMUGGLED}"),
            &[200],
        ),
        case(
            "chunks and length",
            format!("{open_post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n2\r\n[]\r\n0\r\n\r\n{SMUGGLED}"),
            &[200],
        ),
        case(
            "an unknown transfer coding",
            format!("{open_post}Transfer-Encoding: xchunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n{SMUGGLED}"),
            &[400],
        ),
        case(
            "a coding after chunks",
            format!("{open_post}Transfer-Encoding: chunked, identity\r\n\r\n2\r\n[]\r\n0\r\n\r\n{SMUGGLED}"),
            &[400],
        ),
        case(
            "chunks in HTTP/1.0",
            "POST /api/v2/alerts HTTP/1.0\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
            &[400],
        ),
        case(
            "a blank before the colon",
            format!("{open_post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"),
            &[400],
        ),
        case("a folded header", get("/-/healthy", "X: a\r\n b\r\n"), &[400]),
        case("a zero byte in a header", get("/-/healthy", "X: a\0b\r\n"), &[400]),
        case("a body of a GET", format!("{}[]", get("/-/healthy", "Content-Length: 2\r\n")), &[200]),
        case(
            "chunks with a size that is too large",
            post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n[]\r\n0\r\n\r\n"),
            &[400],
        ),
        case(
            "chunks with a size that is none",
            post("Transfer-Encoding: chunked\r\n", "zz\r\n[]\r\n0\r\n\r\n"),
            &[400],
        ),
        case(
            "chunks with extensions and trailers",
            post("Transfer-Encoding: chunked\r\n", "2;a=b\r\n[]\r\n0\r\nX: y\r\n\r\n"),
            &[200],
        ),
        case(
            "a chunk with an endless extension",
            post("Transfer-Encoding: chunked\r\n", &format!("2;{}\r\n[]\r\n0\r\n\r\n", "x".repeat(1 << 20))),
            &[400],
        ),
        case(
            "endless trailers",
            post("Transfer-Encoding: chunked\r\n", &format!("2\r\n[]\r\n0\r\nX: {}\r\n\r\n", "x".repeat(1 << 20))),
            &[400],
        ),
        // What else the protocol has
        case(
            "a body that is asked for first",
            post("Expect: 100-continue\r\nContent-Length: 2\r\n", "[]"),
            &[100, 200],
        ),
        case("an expectation that is unknown", get("/-/healthy", "Expect: the-spanish-inquisition\r\n"), &[200]),
        case("a range", get("/-/healthy", "Range: bytes=0-0\r\n"), &[200]),
        case("an upgrade", get("/-/healthy", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), &[200]),
        case("TRACE", "TRACE /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &[405]),
        case("CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n", &[404]),
        case("OPTIONS of all", "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &[404]),
        case(
            "a method that nobody knows",
            "BREW /api/v2/alerts HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            &[405],
        ),
        case(
            "a method of small letters",
            "get /api/v2/alerts HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            &[405],
        ),
        case("HTTP/1.0", "GET /-/healthy HTTP/1.0\r\n\r\n", &[200]),
        case("HTTP/3.0", "GET /-/healthy HTTP/3.0\r\nHost: a\r\n\r\n", &[400]),
        case("no version", "GET /-/healthy\r\n\r\n", &[400]),
        case("nonsense", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", &[400]),
        // Hosts and paths
        case("no host", "GET /-/healthy HTTP/1.1\r\nConnection: close\r\n\r\n", &[400]),
        case("two hosts", "GET /-/healthy HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", &[400]),
        case(
            "a host of somebody else",
            "GET /-/healthy HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
            &[200],
        ),
        case("the absolute form", get("http://other.example/-/healthy", ""), &[200]),
        case("a path that climbs", get("/../../etc/passwd", ""), &[301]),
        case("a path that climbs in escapes", get("/%2e%2e/%2e%2e/etc/passwd", ""), &[404]),
        case("a zero byte in a path", get("/api/v2/silence/%00", ""), &[422]),
        case("a path that is no text", get("/api/v2/silence/%ff%fe", ""), &[400]),
        case("a path of slashes", get(&"/".repeat(5000), ""), &[301]),
        case("a path with a line in it", get("/api/v2/silence/a%0d%0aSet-Cookie:%20x=1", ""), &[422]),
        case("a redirect with a line in it", get("//x%0d%0aSet-Cookie:%20x=1", ""), &[301]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_requests_are_answered_once_or_closed() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Watchfire::notifier(folder.path(), QUIET).await;
    let mut wrong = Vec::new();
    for Case { what, request, statuses } in cases() {
        let mut stream = connect_from(1, address(&ours.url)).await;
        // It may be refused before it is whole.
        drop(stream.write_all(&request).await);
        let said = until_closed(&mut stream).await;
        let got: Vec<u16> = said.split("HTTP/1.").skip(1).map(|one| one.get(2..5).unwrap().parse().unwrap()).collect();
        if got != statuses {
            wrong.push(format!("{what}: {statuses:?} expected, got {got:?}: {said:.300}"));
        }
        assert!(!said.contains("\r\nSet-Cookie:") && !said.contains("root:"), "{what}: {said}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    is_served(&ours.url).await;
}

/// Who sends more than is taken gets told so, and not just cut off.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_with_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Watchfire::notifier(folder.path(), QUIET).await;
    let mut stream = connect_from(1, address(&ours.url)).await;
    let length = 3_u64 << 30;
    let head = format!(
        "POST /api/v2/alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let mut said = vec![0; 12];
    let sending = async {
        while writing.write_all(&[b' '; 4096]).await.is_ok() {}
        std::future::pending::<()>().await;
    };
    tokio::select! {
        read = reading.read_exact(&mut said) => drop(read.unwrap()),
        () = sending => {}
    }
    assert_eq!(said, b"HTTP/1.1 413");
    assert!(ours.process.peak_memory_mib() < 600, "{} MiB", ours.process.peak_memory_mib());
    is_served(&ours.url).await;
}

/// Requests that come before the answers to those before them: answered in their order, a few at a time.
#[tokio::test(flavor = "multi_thread")]
async fn requests_in_a_row_are_answered_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Watchfire::notifier(folder.path(), QUIET).await;
    let mut stream = connect_from(1, address(&ours.url)).await;
    let count = 500;
    let requests: String = (0..count)
        .map(|n| match n % 3 {
            0 => format!("POST /api/v2/nothing/{n}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /"),
            _ => format!("GET /api/v2/nothing/{n}/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        })
        .collect();
    let last = "GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let (mut reading, mut writing) = stream.split();
    let all = format!("{requests}{last}");
    let (sent, said) = tokio::join!(writing.write_all(all.as_bytes()), async {
        let mut said = Vec::new();
        drop(reading.read_to_end(&mut said).await);
        String::from_utf8(said).unwrap()
    });
    sent.unwrap();
    let mut rest = said.as_str();
    for n in 0..count {
        let at = rest
            .find(&format!("/nothing/{n}/ was not found"))
            .unwrap_or_else(|| panic!("{n} is not next: {rest:.300}"));
        assert!(at < 600, "{n}: {rest:.300}");
        rest = &rest[at + 10..];
    }
    assert!(rest.contains("HTTP/1.1 200"), "{rest}");
}
