//! Rules: groups and how they fare, one rule with its plot and its alerts, an expression tried.

use crate::browser::{self, Browser};
use crate::look::PHONE;
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_found_seen_and_tried_otherwise() {
    if !browser::installed("a_rule_is_found_seen_and_tried_otherwise") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    browser.open(&site.url("/rules")).await;
    assert_eq!((browser.count(".rule-group").await, browser.count(".rules .expr").await), (2, 4));
    browser.fill("[name=q]", "streams pod").await;
    browser.press("[name=q]", "\u{e007}").await;
    browser.until_text(".empty", "No rule fits").await;
    browser.fill("[name=q]", "streamdown").await;
    browser.press("[name=q]", "\u{e007}").await;
    browser.until("document.querySelectorAll('.rules .expr').length === 1").await;
    browser.until_text(".rules", "3 firing").await;

    browser.click(".rules a").await;
    browser.until_text("h1", "StreamDown").await;
    browser.until_text(".plot .plot-threshold-text", "< 100").await;
    assert_eq!(browser.count(".plot .plot-line").await, 3);
    assert_eq!(browser.count(".instance").await, 3);
    browser.until_text(".instance", "streams on edge-").await;
    assert!(browser.count(".instance a[href^='https://runbooks.example.com/']").await == 3);

    browser.paste("#try textarea", "up_streams <").await;
    browser.click("#try button").await;
    browser.until_text("#try [role=alert]", "1:13: parse error").await;
    browser.paste("#try textarea", "up_streams < 5").await;
    browser.click("#try button").await;
    browser.until_text("#try [role=status]", "3 series").await;
    browser.until_text("#try table", "edge-1").await;
    browser.assert_calm("rule").await;

    browser.look(PHONE).await;
    browser.reload().await;
    browser.until_shown(".plot svg").await;
    browser.picture("rule-360-dark").await;
    assert_eq!(browser.too_wide().await, None);
}
