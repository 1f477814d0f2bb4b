//! Without JavaScript everything can be read, and every form sent.

use crate::browser::{self, Browser};
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn pages_work_without_scripts() {
    if !browser::installed("pages_work_without_scripts") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    browser.scripts(false).await;
    for (path, text) in [
        ("/alerts", "EncoderStuck"),
        ("/silences", "edge-2 is being replaced"),
        ("/routing", "video-pager"),
        ("/history", "NobodyHears"),
        ("/status", "Receivers"),
        ("/rules", "StreamDown"),
    ] {
        browser.open(&site.url(path)).await;
        browser.until_text("main", text).await;
        assert_eq!(
            browser.script("return document.documentElement.classList.contains('js')", &[]).await,
            false,
            "{path}"
        );
    }
    // The way in leads on by itself.
    browser.open(&site.url("/")).await;
    browser.until("location.pathname === '/alerts'").await;

    browser.fill("#q", "team=storage").await;
    browser.click("form.filter button.main").await;
    browser.until_text("#cards", "ReplicationLag").await;
    assert!(!browser.texts("#cards").await.join("").contains("EncoderStuck"));

    browser.open(&site.url("/silences/new")).await;
    browser.fill("#rows input[name=name]", "alertname").await;
    browser.fill("#rows input[name=value]", "StreamDown").await;
    browser.fill("[name=by]", "bob").await;
    browser.fill("[name=comment]", "by hand").await;
    browser.click("#preview").await;
    browser.until("document.querySelector('.effect')?.dataset.newly === '3'").await;
    browser.click("button.main[name=action][value=create]").await;
    browser.until_text("h1", "Silence").await;
    let silences = site.list("/api/v2/silences").await;
    assert!(
        silences.iter().any(|silence| silence["comment"] == "by hand" && silence["createdBy"] == "bob"),
        "{silences:?}"
    );
    browser.click("a.danger[href$='/expire']").await;
    browser.click("button.danger").await;
    browser.until_shown(".notice").await;
    let silences = site.list("/api/v2/silences").await;
    assert!(silences.iter().any(|silence| silence["comment"] == "by hand" && silence["status"]["state"] == "expired"));
    browser.assert_calm("plain").await;
}
