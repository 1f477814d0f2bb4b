//! Webhook, PagerDuty and Slack in one HTTP server that writes down what it is told and fails where it is told to.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::log::Log;
use super::scenario::Delivery;
use crate::conditions::{nothing_for, unix_now};

/// Opens the sink; its port.
pub async fn open(log: Arc<Log>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let log = log.clone();
            tokio::spawn(async move { converse(BufReader::new(stream), &log).await });
        }
    });
    port
}

struct Request {
    method: String,
    path: String,
    content_type: String,
    authorization: String,
    body: Vec<u8>,
}

/// Reads requests and answers them until either side is done.
async fn converse(mut stream: BufReader<TcpStream>, log: &Log) -> Option<()> {
    loop {
        let request = read(&mut stream).await?;
        let at = unix_now();
        let fault = log.fault("http", |fault| fault.path.as_ref().is_none_or(|path| request.path.starts_with(path)));
        let payload = serde_json::from_slice(&request.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&request.body).into_owned()));
        let (status, answer) = answer(&request.path, &payload);
        let status = fault.as_ref().and_then(|fault| fault.status).unwrap_or(status);
        let (resets, hangs) = fault.map_or((false, None), |fault| (fault.reset, fault.hang));
        let reply = match (resets, hangs) {
            (true, _) => json!("reset"),
            (_, Some(_)) => json!("hang"),
            _ => json!(status),
        };
        let content_type = request.content_type.split(';').next().unwrap_or_default().trim();
        let mut body = json!({"method": request.method, "content_type": content_type, "payload": payload});
        if !request.authorization.is_empty() {
            body["authorization"] = json!(request.authorization);
        }
        log.write(at, Delivery { sequence: sequence(&request.path, &payload), at: 0.0, reply, body });
        if resets {
            drop(stream.get_ref().set_zero_linger());
            return None;
        }
        if let Some(seconds) = hangs {
            nothing_for(std::time::Duration::from_secs_f64(seconds)).await;
            return None;
        }
        let kind = if answer.starts_with('{') { "application/json" } else { "text/plain" };
        let head = format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", answer.len());
        stream.get_mut().write_all(format!("{head}{answer}").as_bytes()).await.ok()?;
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let mut first = lines.first()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |name: &str| {
        let named = lines
            .iter()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let mut body = vec![0; header("content-length").parse().expect("requests say how long they are")];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { method, path, content_type: header("content-type"), authorization: header("authorization"), body })
}

fn sequence(path: &str, payload: &Value) -> Vec<String> {
    let (channel, key) = match path {
        _ if path.starts_with("/pd") => ("pagerduty", Some("dedup_key")),
        _ if path.starts_with("/slack") => ("slack", None),
        _ => ("webhook", Some("groupKey")),
    };
    let key = key.and_then(|key| payload[key].as_str());
    [Some(channel), Some(path), key].into_iter().flatten().map(str::to_owned).collect()
}

/// What a healthy receiver answers.
fn answer(path: &str, payload: &Value) -> (u16, String) {
    if path.ends_with("/v2/enqueue") {
        let text =
            |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        let action = payload["event_action"].as_str().unwrap_or_default();
        let triggers = text("/payload/summary") && text("/payload/source") && text("/payload/severity");
        let good =
            text("/routing_key") && matches!((action, triggers), ("trigger", true) | ("acknowledge" | "resolve", _));
        return match good {
            true => (202, json!({"status": "success", "dedup_key": payload["dedup_key"]}).to_string()),
            false => (400, json!({"status": "invalid event", "errors": ["a field is missing"]}).to_string()),
        };
    }
    if path.starts_with("/slack") { (200, "ok".to_owned()) } else { (200, "{}".to_owned()) }
}
