//! Floods of HTTP/2, written frame by frame: each costs its sender the connection, or is borne within bounds.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{QUIET, address, connect_from, is_served};
use crate::stage::Watchfire;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// `GET /-/healthy` from the static table, the path and the authority spelt out.
fn request() -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x04, 10];
    block.extend(b"/-/healthy");
    block.extend([0x01, 1, b'a']);
    block
}

/// What the server said, as far as it came: kinds of frames with their payloads. Ends once the connection does, or when `enough`.
async fn frames(stream: &mut TcpStream, enough: impl Fn(&[(u8, u32, Vec<u8>)]) -> bool) -> Vec<(u8, u32, Vec<u8>)> {
    let mut all = Vec::new();
    let reading = async {
        loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                return;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            if stream.read_exact(&mut payload).await.is_err() {
                return;
            }
            all.push((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload));
            if enough(&all) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reading).await.expect("it answers or closes");
    all
}

async fn open(url: &str) -> TcpStream {
    let mut stream = connect_from(1, address(url)).await;
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    stream
}

/// Sends a flood and then a ping, and hears what is said meanwhile; `false`: the ping came back, so everything was borne.
async fn is_thrown_out(url: &str, mut flood: Vec<u8>) -> bool {
    const LAST: &[u8] = b"are you?";
    flood.extend(frame(PING, 0, 0, LAST));
    let mut stream = open(url).await;
    let (mut reading, mut writing) = stream.split();
    let hearing = async {
        let (mut said, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = reading.read(&mut piece).await {
            said.extend_from_slice(&piece[..count]);
            if said.windows(LAST.len()).any(|eight| eight == LAST) {
                return false;
            }
            said.drain(..said.len().saturating_sub(LAST.len()));
        }
        true
    };
    // It may hang up before it has taken all.
    let (_, is_out) = tokio::join!(writing.write_all(&flood), tokio::time::timeout(Duration::from_secs(60), hearing));
    is_out.expect("it answers or closes")
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_http2_cost_their_sender_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Watchfire::notifier(folder.path(), QUIET).await;
    let url = &ours.url;
    let streams = |count: u32| (0..count).map(|n| 2 * n + 1);

    // A request like any other.
    let mut stream = open(url).await;
    stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &request())).await.unwrap();
    let said = frames(&mut stream, |all| all.iter().any(|(_, _, payload)| payload == b"OK")).await;
    assert!(said.iter().any(|(_, stream, payload)| *stream == 1 && payload == b"OK"), "{said:?}");
    let settings =
        &said.iter().find(|(kind, _, payload)| *kind == SETTINGS && !payload.is_empty()).expect("settings").2;
    let setting = |id: u8| {
        settings.chunks(6).find(|one| one[1] == id).map(|one| u32::from_be_bytes([one[2], one[3], one[4], one[5]]))
    };
    assert_eq!((setting(3), setting(6)), (Some(100), Some(64 << 10)), "streams and header lists are bounded");

    let before = ours.process.peak_memory_mib();
    // Rapid reset.
    let resets = streams(20_000).flat_map(|id| {
        let mut both = frame(HEADERS, END_HEADERS | END_STREAM, id, &request());
        both.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
        both
    });
    assert!(is_thrown_out(url, resets.collect()).await, "rapid reset");
    // A head that never ends.
    let mut endless = frame(HEADERS, END_STREAM, 1, &request());
    endless.extend((0..5000).flat_map(|_| frame(CONTINUATION, 0, 1, &[0x00, 1, b'x', 1, b'y'])));
    assert!(is_thrown_out(url, endless).await, "continuations");
    let mut empty = frame(HEADERS, END_STREAM, 1, &request());
    empty.extend((0..100_000).flat_map(|_| frame(CONTINUATION, 0, 1, &[])));
    assert!(is_thrown_out(url, empty).await, "empty continuations");
    // What is no frame, and what is one in the wrong place.
    assert!(
        is_thrown_out(url, frame(HEADERS, END_HEADERS | END_STREAM, 2, &request())).await,
        "a stream of the server"
    );
    assert!(is_thrown_out(url, frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff; 40])).await, "a head that is none");
    let mut large = vec![0xff, 0xff, 0xff, HEADERS, 0];
    large.extend(1_u32.to_be_bytes());
    assert!(is_thrown_out(url, large).await, "a frame that is too large");

    // Borne: each is answered before the next is read.
    let pings = (0..100_000).flat_map(|_| frame(PING, 0, 0, b"12345678"));
    assert!(!is_thrown_out(url, pings.collect()).await, "pings");
    let settings = (0..50_000).flat_map(|_| frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]));
    assert!(!is_thrown_out(url, settings.collect()).await, "settings");
    // More streams than there may be, and on and on.
    let many = streams(2000).flat_map(|id| frame(HEADERS, END_HEADERS, id, &request()));
    assert!(is_thrown_out(url, many.collect()).await, "streams");
    let more = ours.process.peak_memory_mib() - before;
    assert!(more < 100, "{more} MiB");
    is_served(url).await;
}

/// Over TLS the rules are the same; here is only that a header list beyond the bound is refused, and the connection goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_header_list_that_is_too_long_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Watchfire::notifier(folder.path(), QUIET).await;
    let mut stream = open(&ours.url).await;
    // 4000 small fields that are 40 bytes each as they are counted.
    let fields: Vec<u8> = (0..4000).flat_map(|_| [0x00, 1, b'x', 1, b'y']).collect();
    let mut block = request();
    block.extend(&fields[..10_000]);
    let mut frames_sent = frame(HEADERS, END_STREAM, 1, &block);
    frames_sent.extend(frame(CONTINUATION, END_HEADERS, 1, &fields[10_000..]));
    stream.write_all(&frames_sent).await.unwrap();
    let said = frames(&mut stream, |all| {
        all.iter().any(|(kind, id, _)| *id == 1 && (*kind == HEADERS || *kind == RST_STREAM) || *kind == GOAWAY)
    })
    .await;
    let refused = said.iter().any(|(kind, id, payload)| match *kind {
        // 431, in the code that HPACK has for digits.
        HEADERS => *id == 1 && payload.windows(2).any(|two| two == [0x69, 0x90]),
        RST_STREAM | GOAWAY => true,
        _ => false,
    });
    assert!(refused, "{said:?}");
    is_served(&ours.url).await;
}
