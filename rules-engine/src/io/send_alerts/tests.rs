use std::sync::atomic::AtomicI64;

use axum::body::Bytes;
use axum::http::StatusCode as Status;
use axum::{Json, Router, routing::post};
use model::LabelSet;
use serde_json::Value;
use tokio::sync::mpsc;

use super::*;

/// A clock on which a second passes each time it is read, so that no retry waits for long.
fn fast_clock() -> Clock {
    let reads = AtomicI64::new(0);
    Arc::new(move || Timestamp::from_secs(reads.fetch_add(1, Ordering::Relaxed)))
}

/// A notifier that answers as told, and what it was posted: the names of the alerts of each batch.
async fn notifier(answer: fn(usize) -> u16) -> (String, mpsc::UnboundedReceiver<Vec<String>>) {
    let (posted, received) = mpsc::unbounded_channel();
    let count = Arc::new(Mutex::new(0));
    let alerts = post(move |body: Bytes| async move {
        let Value::Array(batch) = serde_json::from_slice(&body).unwrap() else { panic!("no list") };
        posted.send(batch.iter().map(|alert| alert["labels"].to_string()).collect()).unwrap();
        let mut count = count.lock().unwrap();
        *count += 1;
        (Status::from_u16(answer(*count)).unwrap(), Json("told"))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v2/alerts", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/api/v2/alerts", alerts)).await });
    (url, received)
}

fn relabeling(yaml: &str) -> Relabeling {
    let file = yaml::SourceFile::new("relabel", yaml);
    let decoder = yaml::Decoder::new(&file);
    crate::relabel::decode_relabeling(decoder.value(&decoder.first_document().unwrap()))
}

fn target(url: &str, relabel: &str) -> NotifierTarget {
    let relabeling = relabeling(relabel);
    NotifierTarget { relabeling, ..NotifierTarget::new(url.to_owned()) }
}

/// A firing alert that stays worth telling however fast the clock runs.
fn alert(name: &str) -> Alert {
    Alert {
        labels: LabelSet::from_pairs([("alertname", name)]),
        annotations: LabelSet::empty(),
        starts_at: Some(Timestamp::EPOCH),
        ends_at: Some(Timestamp::from_secs(1_000_000)),
        generator_url: "".into(),
    }
}

#[tokio::test]
async fn delivers_at_once_to_every_target_relabelled_for_each() {
    let (first, mut to_first) = notifier(|_| 200).await;
    let (second, mut to_second) = notifier(|_| 200).await;
    let sender = AlertSender::new(fast_clock());
    let global = relabeling("[{source_labels: [alertname], regex: Hidden, action: drop}]");
    let targets = vec![target(&first, "[]"), target(&second, "[{target_label: team, replacement: x}]")];
    sender.configure(global, targets).unwrap();
    sender.send(&[alert("A"), alert("Hidden"), alert("B")]);
    assert_eq!(to_first.recv().await.unwrap(), [r#"{"alertname":"A"}"#, r#"{"alertname":"B"}"#]);
    assert_eq!(to_second.recv().await.unwrap(), [r#"{"alertname":"A","team":"x"}"#, r#"{"alertname":"B","team":"x"}"#]);
    assert_eq!(sender.shut_down(Duration::from_secs(5)).await, 0);
}

#[tokio::test]
async fn a_dead_target_delays_no_other_and_is_told_once_it_is_back() {
    let (good, mut to_good) = notifier(|_| 200).await;
    let (bad, mut to_bad) = notifier(|count| if count < 3 { 503 } else { 200 }).await;
    let sender = AlertSender::new(fast_clock());
    sender.configure(Relabeling::default(), vec![target(&good, "[]"), target(&bad, "[]")]).unwrap();
    sender.send(&[alert("A")]);
    assert_eq!(to_good.recv().await.unwrap().len(), 1);
    for _ in 0..3 {
        assert_eq!(to_bad.recv().await.unwrap(), [r#"{"alertname":"A"}"#]);
    }
    assert_eq!(sender.shut_down(Duration::from_secs(5)).await, 0);
}

#[tokio::test]
async fn a_refused_batch_is_not_repeated() {
    let (url, mut told) = notifier(|count| if count == 1 { 400 } else { 200 }).await;
    let sender = AlertSender::new(fast_clock());
    sender.configure(Relabeling::default(), vec![target(&url, "[]")]).unwrap();
    sender.send(&[alert("A")]);
    assert_eq!(told.recv().await.unwrap(), [r#"{"alertname":"A"}"#]);
    sender.send(&[alert("B")]);
    assert_eq!(told.recv().await.unwrap(), [r#"{"alertname":"B"}"#]);
    let tally = sender.tallies().remove(0);
    assert_eq!((tally.outbox.refused, tally.outbox.failed), (1, 1));
    assert_eq!(sender.shut_down(Duration::from_secs(5)).await, 0);
}

#[tokio::test]
async fn a_reload_keeps_what_waits_and_takes_the_new_way() {
    let (old, mut to_old) = notifier(|count| if count == 1 { 500 } else { 200 }).await;
    // a clock that stands still: the retry never comes by itself
    let sender = AlertSender::new(Arc::new(|| Timestamp::EPOCH));
    sender.configure(Relabeling::default(), vec![target(&old, "[]")]).unwrap();
    sender.send(&[alert("A")]);
    assert_eq!(to_old.recv().await.unwrap().len(), 1);
    let (new, mut to_new) = notifier(|_| 200).await;
    sender
        .configure(Relabeling::default(), vec![target(&old, "[{target_label: t, replacement: n}]"), target(&new, "[]")])
        .unwrap();
    sender.send(&[alert("B")]);
    assert_eq!(to_new.recv().await.unwrap(), [r#"{"alertname":"B"}"#]);
    // the target that is gone is told what waits, the one that stays had kept it
    sender.configure(Relabeling::default(), vec![target(&new, "[]")]).unwrap();
    assert_eq!(to_old.recv().await.unwrap(), [r#"{"alertname":"A"}"#, r#"{"alertname":"B","t":"n"}"#]);
    assert_eq!(sender.urls(), [new]);
    assert_eq!(sender.shut_down(Duration::from_secs(5)).await, 0);
}

#[tokio::test]
async fn shutting_down_says_what_could_not_be_told() {
    let sender = AlertSender::new(fast_clock());
    // nothing listens on a port that was just given up
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v2/alerts", listener.local_addr().unwrap());
    drop(listener);
    sender.configure(Relabeling::default(), vec![target(&url, "[]")]).unwrap();
    sender.send(&[alert("A"), alert("B")]);
    assert_eq!(sender.shut_down(Duration::from_millis(100)).await, 2);
}

#[test]
fn urls_are_shown_without_secrets() {
    assert_eq!(shown_url("http://u:p@am:9093/x/api/v2/alerts?key=1"), "http://am:9093/x/api/v2/alerts");
    assert_eq!(shown_url("::"), "an unreadable URL");
}
