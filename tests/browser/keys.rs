//! Everything by the keyboard.

use crate::browser::{self, Browser};
use crate::site::Site;

const ESCAPE: &str = "\u{e00c}";

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_cards_are_reached_by_keys() {
    if !browser::installed("pages_and_cards_are_reached_by_keys") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    browser.open(&site.url("/alerts")).await;
    browser.press("body", "?").await;
    browser.until_text("#keys", "Routing").await;
    browser.picture("keys-1280-light").await;
    browser.press("#keys", ESCAPE).await;
    browser.until("!document.getElementById('keys').open").await;

    browser.press("body", "j").await;
    browser.until("document.activeElement.matches('[data-card]')").await;
    let first = browser.script("return document.activeElement.dataset.card", &[]).await;
    browser.press("[data-card]:focus", "j").await;
    let second = browser.script("return document.activeElement.dataset.card", &[]).await;
    assert_ne!(first, second);

    browser.press("body", "/").await;
    browser.until("document.activeElement.id === 'q'").await;
    browser.press("#q", ESCAPE).await;
    browser.press("body", ESCAPE).await;
    for (keys, path) in [
        ("gs", "/silences"),
        ("gr", "/rules"),
        ("go", "/routing"),
        ("gh", "/history"),
        ("gt", "/status"),
        ("ga", "/alerts"),
    ] {
        browser.press("body", keys).await;
        browser.until(&format!("location.pathname === '{path}'")).await;
        browser.until("document.readyState === 'complete'").await;
    }
    browser.press("body", "t").await;
    browser.until("document.documentElement.dataset.theme === 'dark'").await;
    browser.assert_calm("keys").await;
}
