//! Chats and pagers against a sink that keeps what it is sent and answers as told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::super::*;
use super::http::configured;
use crate::notification::Reason;
use crate::rendering::sample::{t, two};

/// What the service answers, in turn, and what it got: method, path, authorization, body.
#[derive(Default)]
struct Service {
    answers: Mutex<Vec<(u16, Value)>>,
    got: Mutex<Vec<(String, String, Value)>>,
}

async fn take(
    State(service): State<Arc<Service>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let authorization = headers.get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    service.got.lock().unwrap().push((format!("{method} {uri}"), authorization, body));
    let mut answers = service.answers.lock().unwrap();
    let (status, answer) = if answers.is_empty() { (200, json!({})) } else { answers.remove(0) };
    (StatusCode::from_u16(status).unwrap(), axum::Json(answer))
}

async fn service(answers: &[(u16, Value)]) -> (Arc<Service>, String) {
    let service = Arc::new(Service { answers: Mutex::new(answers.to_vec()), got: Mutex::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(take).with_state(service.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (service, address)
}

async fn attempt(deliverer: &Deliverer, delivery: &Delivery, at: f64) -> Outcome {
    deliverer.deliver(delivery, t(at), Duration::from_secs(5)).await
}

impl Service {
    fn requests(&self) -> Vec<String> {
        self.got.lock().unwrap().iter().map(|(request, ..)| request.clone()).collect()
    }

    fn body(&self, at: usize) -> Value {
        self.got.lock().unwrap()[at].2.clone()
    }
}

/// The same group again, as the notification log makes it.
fn next(delivery: &Delivery, outcome: &Outcome) -> Delivery {
    let Outcome::DeliveredAs(named) = outcome else { panic!("{outcome:?}") };
    let mut notification = two();
    notification.reason = Reason::NewAlerts;
    Delivery { notification: Arc::new(notification), named: Some(named.clone()), ..delivery.clone() }
}

const SLACK: &str = "  slack_configs: [{app_token: xoxb, app_url: '{sink}/api/chat.postMessage', channel: '#ops', \
                     update_message: true, send_resolved: true}]";

#[tokio::test]
async fn slack_changes_the_first_message_and_posts_anew_where_it_is_gone() {
    let posted = |ts: &str| (200, json!({"ok": true, "channel": "C1", "ts": ts}));
    let gone = (200, json!({"ok": false, "error": "message_not_found"}));
    let (service, address) = service(&[posted("1.1"), posted("1.1"), gone, posted("2.2")]).await;
    let (deliverer, delivery) = configured(SLACK, &address);
    let first = attempt(&deliverer, &delivery, 600.0).await;
    assert_eq!(first, Outcome::DeliveredAs(r#"{"channel":"C1","ts":"1.1"}"#.into()));
    let second = attempt(&deliverer, &next(&delivery, &first), 700.0).await;
    let third = attempt(&deliverer, &next(&delivery, &second), 800.0).await;
    assert_eq!(third, Outcome::DeliveredAs(r#"{"channel":"C1","ts":"2.2"}"#.into()));
    let (post, update) = ("POST /api/chat.postMessage", "POST /api/chat.update");
    assert_eq!(service.requests(), [post, update, update, post]);
    assert_eq!(service.got.lock().unwrap()[0].1, "Bearer xoxb");
    assert_eq!((&service.body(0)["channel"], service.body(0).get("ts")), (&"#ops".into(), None));
    assert_eq!((&service.body(1)["channel"], &service.body(1)["ts"]), (&"C1".into(), &"1.1".into()));
    assert_eq!((&service.body(3)["channel"], service.body(3).get("ts")), (&"#ops".into(), None));
}

#[tokio::test]
async fn slack_tells_of_failures_with_a_good_status() {
    let refused = (200, json!({"ok": false, "error": "channel_is_archived"}));
    let (_service, address) = service(&[refused]).await;
    let (deliverer, delivery) = configured(SLACK, &address);
    let outcome = attempt(&deliverer, &delivery, 600.0).await;
    let message = "answered with an error: channel_is_archived".to_owned();
    assert_eq!(outcome, Outcome::Rejected { reason: "clientError", message });
}

#[tokio::test]
async fn telegram_waits_as_long_as_it_is_asked_to() {
    let busy = (429, json!({"ok": false, "description": "Too Many Requests", "parameters": {"retry_after": 9}}));
    let (service, address) = service(&[busy]).await;
    let receiver = "  telegram_configs: [{api_url: '{sink}', bot_token: '1:t0ps3cret', chat_id: -42, message: hi}]";
    let (deliverer, delivery) = configured(receiver, &address);
    let outcome = attempt(&deliverer, &delivery, 600.0).await;
    let Outcome::Retry { reason: "rateLimited", message, retry_after } = outcome else { panic!("{outcome:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(9)));
    assert!(!message.contains("t0ps3cret"), "{message}");
    assert_eq!(attempt(&deliverer, &delivery, 610.0).await, Outcome::Delivered);
    assert_eq!(service.requests()[1], "POST /bot1:t0ps3cret/sendMessage");
    let wanted = json!({"chat_id": "-42", "disable_web_page_preview": "true", "parse_mode": "HTML", "text": "hi"});
    assert_eq!(service.body(1), wanted);
}

#[tokio::test]
async fn opsgenie_creates_changes_and_closes() {
    let (service, address) = service(&[(202, json!({})), (202, json!({})), (500, json!({})), (202, json!({}))]).await;
    let receiver = "  opsgenie_configs: [{api_url: '{sink}', api_key: k3y, update_alerts: true}]";
    let (deliverer, delivery) = configured(receiver, &address);
    let outcome = attempt(&deliverer, &delivery, 600.0).await;
    assert!(matches!(outcome, Outcome::Retry { reason: "serverError", .. }), "{outcome:?}");
    let mut resolved = two();
    resolved.alerts.retain(|alert| alert.resolved_at.is_some());
    let delivery = Delivery { notification: Arc::new(resolved), ..delivery };
    assert_eq!(attempt(&deliverer, &delivery, 700.0).await, Outcome::Delivered);
    let alias = service.body(0)["alias"].as_str().unwrap().to_owned();
    let on = |what: &str| format!("/v2/alerts/{alias}/{what}?identifierType=alias");
    let (message, description) = (format!("PUT {}", on("message")), format!("PUT {}", on("description")));
    let wanted = ["POST /v2/alerts".to_owned(), message, description, format!("POST {}", on("close"))];
    assert_eq!(service.requests(), wanted);
    assert_eq!(service.got.lock().unwrap()[3].1, "GenieKey k3y");
}

#[tokio::test]
async fn wechat_logs_in_once_and_again_when_the_token_is_used_up() {
    let token = |token: &str| (200, json!({"errcode": 0, "access_token": token}));
    let ok = (200, json!({"errcode": 0, "errmsg": "ok"}));
    let expired = (200, json!({"errcode": 42001, "errmsg": "access_token expired: t1t1t1t1"}));
    let answers = [token("t1t1t1t1"), ok.clone(), expired, token("t2"), ok.clone(), token("t3"), ok];
    let (service, address) = service(&answers).await;
    let receiver = "  wechat_configs: [{api_url: '{sink}/', api_secret: s3cret, corp_id: c0rp, to_user: '@all'}]";
    let (deliverer, delivery) = configured(receiver, &address);
    assert_eq!(attempt(&deliverer, &delivery, 600.0).await, Outcome::Delivered);
    let outcome = attempt(&deliverer, &delivery, 700.0).await;
    let Outcome::Retry { message, .. } = &outcome else { panic!("{outcome:?}") };
    assert!(message.contains("expired") && !message.contains("t1t1t1t1"), "{message}");
    assert_eq!(attempt(&deliverer, &delivery, 710.0).await, Outcome::Delivered);
    // two hours later
    assert_eq!(attempt(&deliverer, &delivery, 8_000.0).await, Outcome::Delivered);
    let login = "GET /gettoken?corpid=c0rp&corpsecret=s3cret";
    let send = |token: &str| format!("POST /message/send?access_token={token}");
    let wanted = [login, &send("t1t1t1t1"), &send("t1t1t1t1"), login, &send("t2"), login, &send("t3")];
    assert_eq!(service.requests(), wanted);
}

#[tokio::test]
async fn a_login_without_a_token_is_refused() {
    let (_service, address) = service(&[(200, json!({"errcode": 40001, "errmsg": "bad s3cret"}))]).await;
    let receiver = "  wechat_configs: [{api_url: '{sink}/', api_secret: s3cret, corp_id: c0rp}]";
    let (deliverer, delivery) = configured(receiver, &address);
    let outcome = attempt(&deliverer, &delivery, 600.0).await;
    assert!(matches!(&outcome, Outcome::Rejected { message, .. } if !message.contains("s3cret")), "{outcome:?}");
}
