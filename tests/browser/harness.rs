//! The harness notices what it is there for.

use axum::Router;
use axum::http::header;
use axum::response::Html;
use axum::routing::get;

use crate::axe;
use crate::browser::{self, Browser};
use crate::look::{DESK, PHONE};

const BAD: &str = "<!doctype html><title>bad</title><body><script>window.ran = 1</script><img src=/missing.png>\
    <p style='color:#ccc;background:#fff'>pale</p><div style='width:2000px'>wide</div>";

async fn serve() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let policy = [(header::CONTENT_SECURITY_POLICY, "script-src 'self'; style-src 'unsafe-inline'")];
    let router = Router::new().route("/", get(move || async move { (policy, Html(BAD)) }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_page_is_found() {
    if !browser::installed("what_is_wrong_with_a_page_is_found") {
        return;
    }
    let browser = Browser::start().await;
    browser.open(&serve().await).await;
    let complaints = browser.complaints().await;
    assert!(complaints.iter().any(|text| text.contains("Content Security Policy")), "{complaints:?}");
    assert!(complaints.iter().any(|text| text.contains("missing.png")), "{complaints:?}");
    assert!(browser.script("return window.ran === undefined", &[]).await == true);
    browser.look(PHONE).await;
    assert!(
        browser.script("return matchMedia('(prefers-color-scheme: dark)').matches && innerWidth >= 360", &[]).await
            == true
    );
    browser.look(DESK).await;
    assert!(
        browser.script("return matchMedia('(prefers-color-scheme: light)').matches && innerWidth == 1280", &[]).await
            == true
    );
    if axe::installed("what_is_wrong_with_a_page_is_found") {
        let found: Vec<_> = axe::findings(&browser).await.iter().map(|finding| finding["id"].to_string()).collect();
        assert!(found.iter().any(|id| id.contains("color-contrast")), "{found:?}");
        assert!(found.iter().any(|id| id.contains("image-alt")), "{found:?}");
    }
}
