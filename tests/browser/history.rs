//! The history: over time, by receiver, filtered, exported.

use serde_json::Value;

use crate::browser::{self, Browser};
use crate::peers::client;
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_and_what_failed() {
    if !browser::installed("who_was_told_and_what_failed") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    browser.open(&site.url("/history")).await;
    browser.until_shown("figure.plot svg .plot-line").await;
    browser.until_text(".plot-legend", "video-pager").await;
    let told = browser.texts("table tbody tr").await;
    assert!(told.iter().any(|row| row.contains("video-pager")), "{told:?}");

    browser.script("document.querySelector('[name=what]').value = 'failed'", &[]).await;
    browser.click(".choice button.main").await;
    browser.until("location.search.includes('what=failed')").await;
    browser.until_text(".events", "NobodyHears").await;
    let kinds = browser.texts(".event .badge.bad").await;
    assert!(!kinds.is_empty());
    assert!(browser.texts(".event-head strong").await.iter().all(|receiver| receiver == "lost"));

    // What is shown is what is exported.
    let link = browser.script("return document.querySelector('a[download]').href", &[]).await;
    let text =
        client().get(link.as_str().unwrap()).send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!events.is_empty() && events.iter().all(|event| event["receiver"] == "lost"), "{events:?}");

    browser.fill("[name=q]", "alertname=~\"Encoder.*\"").await;
    browser.script("document.querySelector('[name=what]').value = ''", &[]).await;
    browser.click(".choice button.main").await;
    browser.until("location.search.includes('Encoder')").await;
    browser.until_text(".events", "EncoderStuck").await;
    let alerts = browser.texts(".event-alerts li").await;
    assert!(alerts.iter().any(|alert| alert.contains("EncoderStuck")), "{alerts:?}");
    browser.assert_calm("history").await;

    browser.open(&site.url("/history?q=%7Ba%3D")).await;
    browser.open(&site.url("/history?q=a%3D%7E%28")).await;
    browser.until_text(".wrong", "cannot be read").await;
}
