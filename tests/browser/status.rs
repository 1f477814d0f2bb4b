//! The status page: figures, the configuration without secrets, the test of a receiver.

use crate::browser::{self, Browser, SOON};
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_tested_and_no_secret_is_shown() {
    if !browser::installed("a_receiver_is_tested_and_no_secret_is_shown") {
        return;
    }
    let (site, browser) = (Site::start().await, Browser::start().await);
    browser.open(&site.url("/status")).await;
    let figures = browser.texts(".figure-list").await.join("\n");
    for part in ["Records", "Waiting for the writer", "Query server answers", "Peers, this one included", "Memory"] {
        assert!(figures.contains(part), "{part} is not in {figures}");
    }
    let source = browser.script("return document.documentElement.outerHTML", &[]).await;
    assert!(!source.as_str().unwrap().contains("hush-token"));

    let of = |name: &str, how: &str| format!("form:has([name=receiver][value={name}]) button[value={how}]");
    browser.click(&of("video-pager", "show")).await;
    browser.until_text("main", "Nothing was sent").await;
    let messages = browser.texts("pre.config").await.join("\n");
    assert!(messages.contains("ReceiverTest") && !messages.contains("hush"), "{messages}");
    assert!(site.sink.told("/pager").is_empty());

    browser.open(&site.url("/status")).await;
    browser.click(&of("video", "send")).await;
    browser.accept("video").await;
    browser.until_text("main", "The far side took it").await;
    let told = site.sink.wait_told("/video", 1, SOON).await;
    assert!(told.iter().any(|told| told.body["alerts"][0]["labels"]["alertname"] == "ReceiverTest"), "{told:?}");

    browser.open(&site.url("/status")).await;
    browser.click(&of("lost", "send")).await;
    browser.accept("lost").await;
    browser.until_text("main .wrong", "Not everything worked").await;
    browser.picture("status-trial-failed").await;
    browser.assert_calm("status").await;
}
