//! The demo in a browser, beside the web UI: `/demo` is a page, `/inbox` the same as JSON, `/inbox/1` what the first message says.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use templates::handlebars::{Data, Escaping, Registry};

use super::watch::Board;
use crate::inbox::{Inbox, Page};

/// The page, in Watchfire's own template language.
const TEMPLATE: &str = include_str!("../../templates/pages/demo.hbs");
const NAME: &str = "pages.demo";

/// Pages shown, the latest ones.
const PAGES_MAX: usize = 100;

/// Nothing but the page's own style is loaded or run, whatever a message says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// The routes.
pub fn router(board: Arc<Board>, inbox: Inbox) -> Router {
    let mut registry = Registry::shipped();
    let compiled = registry.add(NAME, TEMPLATE).map(|()| Arc::new(registry)).map_err(|error| error.to_string());
    let as_page = {
        let (board, inbox) = (board.clone(), inbox.clone());
        move || {
            let page = compiled.clone().and_then(|registry| {
                let data = Data::new(shown(&board, &inbox));
                registry.render(NAME, Escaping::Html, &data).map_err(|error| error.to_string())
            });
            async move { answer(page) }
        }
    };
    let of_one = inbox.clone();
    let body = move |Path(number): Path<u64>| {
        let page = of_one.page(number);
        async move { page.map(|page| page.body).ok_or((StatusCode::NOT_FOUND, "this message is not there\n")) }
    };
    let as_json = move || {
        let (pages, story) = (inbox.pages(), board.story().chapters());
        async move { axum::Json(json!({"story": story, "pages": pages})) }
    };
    Router::new().route("/demo", get(as_page)).route("/inbox", get(as_json)).route("/inbox/{number}", get(body))
}

fn answer(page: Result<String, String>) -> Response {
    match page {
        Ok(page) => ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot show the page: {error}\n")).into_response(),
    }
}

fn shown(board: &Board, inbox: &Inbox) -> Value {
    let started = board.story().started();
    let page = |page: &Page| {
        let after = format!("{:.1} s", page.at.since(started).as_secs_f64());
        let channel = if page.channel == "email" { "e-mail" } else { page.channel };
        json!({"number": page.number, "after": after, "channel": channel, "to": page.to, "tells": page.tells, "summary": page.summary})
    };
    let pages: Vec<Value> = inbox.pages().iter().rev().take(PAGES_MAX).map(page).collect();
    json!({"news": board.news(), "alerts": board.alerts(), "pages": pages})
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use model::Timestamp;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn what_a_message_says_is_shown_and_not_run() {
        crate::install_crypto();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let inbox = Inbox::open(any, any).await.unwrap();
        let hook = format!("http://{}/<b>", inbox.http);
        let body = json!({"status": "firing", "groupKey": "<script>alert(1)</script>", "alerts": [{}]});
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.post(hook).json(&body).send().await.unwrap().error_for_status().unwrap();
        let router = router(Arc::new(Board::at_start(Timestamp::EPOCH)), inbox);
        let get = async |path: &str| {
            let response = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
            let policy = response.headers().contains_key(header::CONTENT_SECURITY_POLICY);
            (String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap(), policy)
        };
        let (page, has_policy) = get("/demo").await;
        assert!(has_policy && !page.contains("<script>") && page.contains("&lt;script&gt;alert(1)"), "{page}");
        let (text, _) = get("/inbox").await;
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (told["pages"][0]["channel"].as_str(), told["pages"][0]["tells"].as_str()),
            (Some("webhook"), Some("firing"))
        );
        assert!(page.contains("<a href=\"inbox/1\">"), "{page}");
        assert!(get("/inbox/1").await.0.contains("<script>"), "as plain text");
        assert_eq!(get("/inbox/2").await.0, "this message is not there\n");
        assert_eq!(told["story"][0], json!({"chapter": "pending", "after_ms": null}));
    }
}
