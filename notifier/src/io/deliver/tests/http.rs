//! Webhooks and PagerDuty events against a sink on the loopback device.

use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use tokio::net::TcpListener;

use super::super::*;
use crate::notifier::DeliveryId;
use crate::receiver::sample::config;
use crate::rendering::sample::{t, two};

/// How the sink answers, and what it got: address, content type, body.
#[derive(Default)]
struct Sink {
    answers: Mutex<Vec<(u16, Option<&'static str>)>>,
    got: Mutex<Vec<(String, String, String)>>,
}

async fn take(State(sink): State<Arc<Sink>>, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let content_type = headers.get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let body = String::from_utf8(body.to_vec()).unwrap();
    sink.got.lock().unwrap().push((uri.to_string(), content_type.unwrap_or_default(), body));
    let (status, retry_after) = sink.answers.lock().unwrap().pop().unwrap_or((200, None));
    if status == 0 {
        std::future::pending::<()>().await;
    }
    let mut headers = HeaderMap::new();
    if let Some(value) = retry_after {
        headers.insert("retry-after", value.parse().unwrap());
    }
    (StatusCode::from_u16(status).unwrap(), headers, format!("token s3cret in {}", uri.path()))
}

async fn sink() -> (Arc<Sink>, String) {
    let sink = Arc::new(Sink::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(take).with_state(sink.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (sink, address)
}

/// With `receiver` as the only one, and a delivery to its first integration.
pub(super) fn configured(receiver: &str, address: &str) -> (Deliverer, Delivery) {
    let (config, _) =
        config(receiver.replace("{sink}", address).trim()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    ready(&config)
}

/// A delivery to the first integration of the receiver `main`.
pub(super) fn ready(config: &Config) -> (Deliverer, Delivery) {
    let receiver = config.receivers["main"].clone();
    let delivery = Delivery {
        id: DeliveryId(1),
        integration: receiver.integrations[0].clone(),
        receiver,
        notification: Arc::new(two()),
        named: None,
        is_recorded: false,
        attempt: 1,
        deadline: t(700.0),
    };
    (Deliverer::new(config, "http://wf:9093").unwrap(), delivery)
}

async fn attempt(deliverer: &Deliverer, delivery: &Delivery, allowed_ms: u64) -> Outcome {
    deliverer.deliver(delivery, t(600.0), Duration::from_millis(allowed_ms)).await
}

const WEBHOOK: &str = "  webhook_configs: [{url: '{sink}/hook/s3cret?for={{ .GroupLabels.alertname }}'}]";

#[tokio::test]
async fn answers_decide_what_happens_next() {
    let (sink, address) = sink().await;
    let (deliverer, delivery) = configured(WEBHOOK, &address);
    for (status, retry_after, wanted) in [
        (200, None, "Delivered"),
        (204, None, "Delivered"),
        (429, Some("30"), "Retry rateLimited Some(30s)"),
        (503, Some("Sat, 21 Nov 2026 03:11:30 GMT"), "Retry serverError Some(90s)"),
        (500, None, "Retry serverError None"),
        (404, None, "Rejected clientError"),
        (401, None, "Rejected authError"),
    ] {
        sink.answers.lock().unwrap().push((status, retry_after));
        let outcome = attempt(&deliverer, &delivery, 5_000).await;
        let shown = match &outcome {
            Outcome::Delivered | Outcome::DeliveredAs(_) => "Delivered".to_owned(),
            Outcome::Retry { reason, retry_after, .. } => format!("Retry {reason} {retry_after:?}"),
            Outcome::Rejected { reason, .. } => format!("Rejected {reason}"),
        };
        assert_eq!(shown, wanted, "{status}: {outcome:?}");
        assert!(!format!("{outcome:?}").contains("s3cret"), "{outcome:?}");
    }
    let got = sink.got.lock().unwrap();
    let (uri, content_type, body) = &got[0];
    assert_eq!((uri.as_str(), content_type.as_str()), ("/hook/s3cret?for=Hot", "application/json"));
    assert!(body.starts_with("{\"receiver\":\"team-a\\\\.b\",\"status\":\"firing\",\"alerts\":["), "{body}");
}

#[tokio::test]
async fn a_sink_that_hangs_costs_its_deadline() {
    let (sink, address) = sink().await;
    let (deliverer, delivery) = configured(WEBHOOK, &address);
    sink.answers.lock().unwrap().push((0, None));
    let outcome = attempt(&deliverer, &delivery, 200).await;
    assert!(matches!(&outcome, Outcome::Retry { reason: "contextDeadlineExceeded", .. }), "{outcome:?}");
    // a timeout of its own is shorter than the attempt
    let (deliverer, delivery) = configured("  webhook_configs: [{url: '{sink}/', timeout: 100ms}]", &address);
    sink.answers.lock().unwrap().push((0, None));
    let outcome = attempt(&deliverer, &delivery, 600_000).await;
    assert!(matches!(&outcome, Outcome::Retry { reason: "contextDeadlineExceeded", .. }), "{outcome:?}");
}

#[tokio::test]
async fn no_answer_is_worth_another_attempt_and_holds_no_secret() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (deliverer, delivery) = configured(WEBHOOK, &address);
    tokio::spawn(async move {
        // taken and dropped at once: the far side resets
        drop(listener.accept().await);
    });
    for case in ["reset", "refused"] {
        let outcome = attempt(&deliverer, &delivery, 5_000).await;
        let Outcome::Retry { reason: "other", message, retry_after: None } = &outcome else {
            panic!("{case}: {outcome:?}")
        };
        assert!(!message.contains("s3cret") && !message.contains("Hot"), "{message}");
    }
}

#[tokio::test]
async fn pagerduty_events_arrive() {
    let (sink, address) = sink().await;
    let receiver = "  pagerduty_configs: [{url: '{sink}/v2/enqueue', routing_key: 'k3y'}]";
    let (deliverer, delivery) = configured(receiver, &address);
    sink.answers.lock().unwrap().push((202, None));
    assert_eq!(attempt(&deliverer, &delivery, 5_000).await, Outcome::Delivered);
    let got = sink.got.lock().unwrap();
    let (uri, _, body) = &got[0];
    assert_eq!(uri, "/v2/enqueue");
    assert!(body.starts_with("{\"routing_key\":\"k3y\",\"dedup_key\":\""), "{body}");
}

#[tokio::test]
async fn failed_templates_are_counted_and_go_out() {
    let (sink, address) = sink().await;
    let receiver = "  webhook_configs: [{url: '{sink}/', payload: {a: '{{ .Nothing }}'}}]";
    let (deliverer, delivery) = configured(receiver, &address);
    assert_eq!(attempt(&deliverer, &delivery, 5_000).await, Outcome::Delivered);
    assert_eq!(deliverer.degraded().get(), 1);
    assert!(sink.got.lock().unwrap()[0].2.contains("templateError"));
}

#[tokio::test]
async fn a_secret_file_that_is_missing_is_waited_for() {
    let receiver = "  webhook_configs: [{url_file: /nowhere/url}]";
    let (deliverer, delivery) = configured(receiver, "");
    let outcome = attempt(&deliverer, &delivery, 5_000).await;
    assert!(matches!(&outcome, Outcome::Retry { message, .. } if message.contains("/nowhere/url")), "{outcome:?}");
}
