use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap as Headers, StatusCode};
use axum::routing::post;

use reqwest::header::HeaderMap;

use super::wire::tests::decode_request;
use super::*;
use crate::config::WriteProtocol;
use crate::relabel::Relabeling;
use crate::sample::STALE_NAN_BITS;

/// What a store that answers as told has seen: the metric names of each request, and the headers of the last.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<(Vec<Vec<String>>, Headers)>>);

impl Seen {
    fn requests(&self) -> Vec<Vec<String>> {
        self.0.lock().unwrap().0.clone()
    }
}

/// A store whose answer depends on the number of the request and the metric names in it.
async fn store(answer: fn(usize, &[String]) -> (u16, &'static str)) -> (String, Seen) {
    let seen = Seen::default();
    let shared = seen.clone();
    let write = post(move |headers: Headers, body: Bytes| async move {
        let name = |labels: &[super::wire::Label]| labels.iter().find(|l| l.name == "__name__").unwrap().value.clone();
        let names: Vec<String> = decode_request(&body).timeseries.iter().map(|series| name(&series.labels)).collect();
        let mut state = shared.0.lock().unwrap();
        state.0.push(names.clone());
        state.1 = headers;
        let (status, text) = answer(state.0.len(), &names);
        (StatusCode::from_u16(status).unwrap(), [("retry-after", "0")], text)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1/write", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/api/v1/write", write)).await });
    (url, seen)
}

fn writer(url: String, relabeling: Relabeling) -> SampleWriter {
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-scope-orgid"), HeaderValue::from_static("t1"))]);
    SampleWriter::new(WriteTarget { headers, relabeling, ..WriteTarget::new(url) }).unwrap()
}

fn sample(name: &str) -> Sample {
    Sample { labels: LabelSet::from_pairs([("__name__", name), ("job", "j")]), timestamp_ms: 1000, value: 1.0 }
}

fn samples(names: &[&str]) -> Vec<Sample> {
    names.iter().map(|name| sample(name)).collect()
}

const SOON: Duration = Duration::from_secs(5);

async fn write(writer: &SampleWriter, samples: &[Sample]) -> Result<(), WriteFailure> {
    writer.write(samples, SOON, Timestamp::EPOCH).await
}

#[tokio::test]
async fn writes_with_the_headers_of_the_protocol() {
    let (url, seen) = store(|_, _| (204, "")).await;
    let writer = writer(url, Relabeling::default());
    write(&writer, &samples(&["a", "b"])).await.unwrap();
    assert_eq!(seen.requests(), [["a", "b"]]);
    let headers = seen.0.lock().unwrap().1.clone();
    for (name, value) in [
        ("content-encoding", "snappy"),
        ("content-type", "application/x-protobuf"),
        ("x-prometheus-remote-write-version", "0.1.0"),
        ("x-scope-orgid", "t1"),
    ] {
        assert_eq!(headers[name], value);
    }
    assert!(headers["user-agent"].to_str().unwrap().starts_with("Watchfire/"));
    let tally = writer.tally();
    assert_eq!((tally.written, tally.requests, tally.failures, tally.newest_ms), (2, 1, 0, 1000));
    assert!(tally.bytes > 20);
    write(&writer, &[]).await.unwrap();
    assert_eq!(seen.requests().len(), 1, "nothing to write is no request");
}

#[tokio::test]
async fn one_refused_sample_does_not_lose_the_others() {
    let (url, seen) = store(|_, names| match names.iter().any(|name| name == "bad") {
        true => (400, "out of order\nsample"),
        false => (200, ""),
    })
    .await;
    let writer = writer(url, Relabeling::default());
    let failure = write(&writer, &samples(&["a", "b", "bad", "c", "d"])).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "1 samples were refused, among them one of {__name__=\"bad\", job=\"j\"}: 400 Bad Request: out of order sample"
    );
    assert_eq!(
        seen.requests(),
        [vec!["a", "b", "bad", "c", "d"], vec!["a", "b"], vec!["bad", "c", "d"], vec!["bad"], vec!["c", "d"]]
    );
    let tally = WriteTally { bytes: 0, newest_ms: 0, ..writer.tally() };
    assert_eq!(
        tally,
        WriteTally { bytes: 0, newest_ms: 0, written: 4, refused: 1, retried: 0, requests: 5, failures: 3 }
    );
}

#[tokio::test]
async fn a_refused_stale_marker_is_not_a_failure() {
    let (url, _) =
        store(|_, names| if names.contains(&"gone".to_owned()) { (400, "out of bounds") } else { (200, "") }).await;
    let writer = writer(url, Relabeling::default());
    let mut both = samples(&["gone", "here"]);
    both[0].value = f64::from_bits(STALE_NAN_BITS);
    assert_eq!(write(&writer, &both).await, Ok(()));
    assert_eq!(writer.tally().written, 1);
}

#[tokio::test]
async fn halving_is_bounded() {
    let (url, seen) = store(|_, _| (400, "no")).await;
    let writer = writer(url, Relabeling::default());
    let many: Vec<Sample> = (0..5000).map(|n| sample(&format!("m{n}"))).collect();
    let failure = write(&writer, &many).await.unwrap_err();
    assert!(matches!(failure, WriteFailure::Refused { samples: 5000, .. }), "{failure}");
    assert_eq!(seen.requests().len(), 3 + 2 * SPLIT_REQUESTS_MAX);
}

#[tokio::test]
async fn tries_again_while_the_store_is_unwell() {
    let (url, seen) = store(|number, _| match number {
        1 => (503, "starting"),
        2 => (429, "slow down"),
        _ => (200, ""),
    })
    .await;
    write(&writer(url, Relabeling::default()), &samples(&["a"])).await.unwrap();
    assert_eq!(seen.requests().len(), 3);
}

#[tokio::test]
async fn gives_up_at_the_deadline_with_the_last_reason() {
    let (url, _) = store(|_, _| (500, "disk full")).await;
    let failed =
        writer(url, Relabeling::default()).write(&samples(&["a"]), Duration::from_millis(150), Timestamp::EPOCH).await;
    assert_eq!(failed, Err(WriteFailure::Unreachable("500 Internal Server Error: disk full".to_owned())));
    let (url, seen) = store(|_, _| (401, "who are you")).await;
    let failed = write(&writer(url, Relabeling::default()), &samples(&["a"])).await;
    assert_eq!(failed, Err(WriteFailure::Unreachable("401 Unauthorized: who are you".to_owned())));
    assert_eq!(seen.requests().len(), 1);
}

#[tokio::test]
async fn series_are_relabelled() {
    let (url, seen) = store(|_, _| (200, "")).await;
    let file = yaml::SourceFile::new("r", "[{source_labels: [__name__], regex: a, action: drop}]");
    let decoder = yaml::Decoder::new(&file);
    let relabeling = crate::relabel::decode_relabeling(decoder.value(&decoder.first_document().unwrap()));
    write(&writer(url, relabeling), &samples(&["a", "b"])).await.unwrap();
    assert_eq!(seen.requests(), [["b"]]);
}

/// A store of 2.0 that answers as told: what it has seen, and how many samples it says it wrote.
async fn store_v2(answer: fn(usize, &[Sample]) -> (u16, Option<usize>)) -> (String, Arc<Mutex<Vec<(String, usize)>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&seen);
    let write = post(move |headers: Headers, body: Bytes| async move {
        let content_type = headers["content-type"].to_str().unwrap().to_owned();
        let mut seen = shared.lock().unwrap();
        let mut answer_headers = Headers::new();
        let (status, written) = match content_type.contains("proto=io.prometheus.write.v2.Request") {
            true => {
                assert_eq!(headers["x-prometheus-remote-write-version"], "2.0.0");
                let samples = super::wire::v2::tests::decode(&body);
                seen.push(("2.0".to_owned(), samples.len()));
                answer(seen.len(), &samples)
            }
            false => {
                seen.push(("1.0".to_owned(), decode_request(&body).timeseries.len()));
                (204, None)
            }
        };
        if let Some(written) = written {
            answer_headers.insert("x-prometheus-remote-write-samples-written", written.into());
        }
        (StatusCode::from_u16(status).unwrap(), answer_headers, "why")
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", write)).await });
    (url, seen)
}

fn writer_v2(url: String) -> SampleWriter {
    SampleWriter::new(WriteTarget { protocol: WriteProtocol::V2, ..WriteTarget::new(url) }).unwrap()
}

#[tokio::test]
async fn a_store_of_2_0_is_written_to_in_2_0() {
    let (url, seen) = store_v2(|_, samples| (204, Some(samples.len()))).await;
    let writer = writer_v2(url);
    for _ in 0..2 {
        write(&writer, &samples(&["a", "b"])).await.unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), [("2.0".to_owned(), 2), ("2.0".to_owned(), 2)]);
    assert_eq!(writer.tally().written, 4);
}

#[tokio::test]
async fn a_store_that_does_not_understand_2_0_is_written_to_in_1_0_and_loses_nothing() {
    for answer in [
        |_: usize, _: &[Sample]| (415, None),
        |_: usize, _: &[Sample]| (400, None),
        |_: usize, _: &[Sample]| (204, None),
    ] {
        let (url, seen) = store_v2(answer).await;
        let writer = writer_v2(url);
        for _ in 0..2 {
            write(&writer, &samples(&["a", "b"])).await.unwrap();
        }
        let expected = [("2.0".to_owned(), 2), ("1.0".to_owned(), 2), ("1.0".to_owned(), 2)];
        assert_eq!(*seen.lock().unwrap(), expected);
        assert_eq!(writer.tally().written, 4);
    }
}

#[tokio::test]
async fn what_2_0_says_it_wrote_is_not_sent_again() {
    let (url, seen) = store_v2(|_, samples| (400, Some(samples.len() - 1))).await;
    let writer = writer_v2(url);
    let failure = write(&writer, &samples(&["a", "b", "c"])).await.unwrap_err();
    assert!(matches!(failure, WriteFailure::Refused { samples: 1, .. }), "{failure}");
    assert_eq!(seen.lock().unwrap().len(), 1);
    assert_eq!((writer.tally().written, writer.tally().refused), (2, 1));
}

#[tokio::test]
async fn a_store_of_2_0_that_is_unwell_is_not_taken_for_one_of_1_0() {
    let (url, seen) =
        store_v2(|number, samples| if number < 3 { (503, None) } else { (204, Some(samples.len())) }).await;
    write(&writer_v2(url), &samples(&["a"])).await.unwrap();
    assert!(seen.lock().unwrap().iter().all(|(version, _)| version == "2.0"));
}
