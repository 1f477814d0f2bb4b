//! Silences: made with a preview of what they mute, extended, ended.

use crate::browser::{self, Browser, SOON};
use crate::conditions::eventually;
use crate::look::PHONE;
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_shows_what_it_would_mute_before_it_does() {
    if !browser::installed("a_silence_shows_what_it_would_mute_before_it_does") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    browser.open(&site.url("/silences/new")).await;
    browser.fill("#rows input[name=name]", "alertname").await;
    browser.fill("#rows input[name=value]", "StreamDown").await;
    browser.fill("[name=duration]", "2h").await;
    browser.fill("[name=by]", "ann").await;
    browser.fill("[name=comment]", "new encoder").await;
    browser.click("#preview").await;
    browser.until("document.querySelector('.effect')?.dataset.newly === '3'").await;
    browser.until_text("#outcome", "StreamDown").await;
    browser.picture("silence-preview-1280-light").await;
    browser.look(PHONE).await;
    browser.picture("silence-preview-360-dark").await;
    assert!(!site.list("/api/v2/silences").await.iter().any(|silence| silence["comment"] == "new encoder"));

    browser.click("button.main[name=action][value=create]").await;
    browser.until_text("h1", "Silence active").await;
    browser.until_text("main", "3 alerts match now").await;
    let silences = site.list("/api/v2/silences").await;
    let ours = silences.iter().find(|silence| silence["comment"] == "new encoder").unwrap();
    assert_eq!((&ours["createdBy"], &ours["status"]["state"]), (&"ann".into(), &"active".into()));
    let ends = ours["endsAt"].as_str().unwrap().to_owned();

    browser.click("form[action$='/extend'] button").await;
    eventually("it ends later", SOON, || async {
        let silences = site.list("/api/v2/silences").await;
        silences
            .iter()
            .any(|silence| silence["comment"] == "new encoder" && silence["endsAt"].as_str() > Some(&ends))
            .then_some(())
    })
    .await;
    browser.until_shown(".notice").await;
    browser.click("a.danger[href$='/expire']").await;
    browser.until_text("h1", "Expire").await;
    browser.until_text("main", "3 alerts").await;
    browser.click("button.danger").await;
    eventually("it is over", SOON, || async {
        let silences = site.list("/api/v2/silences").await;
        let ours = silences.iter().filter(|silence| silence["comment"] == "new encoder");
        ours.clone().all(|silence| silence["status"]["state"] == "expired").then_some(())
    })
    .await;
    browser.assert_calm("silence").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_broad_a_silence_is_asked_about() {
    if !browser::installed("too_broad_a_silence_is_asked_about") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    browser.open(&site.url("/silences/new")).await;
    browser.fill("#rows input[name=name]", "alertname").await;
    browser.script("document.querySelector('#rows select[name=op]').value = '=~'", &[]).await;
    browser.fill("#rows input[name=value]", ".+").await;
    browser.fill("[name=by]", "ann").await;
    browser.fill("[name=comment]", "everything").await;
    browser.click("button.main[name=action][value=create]").await;
    browser.until_shown(".caution [name=sure]").await;
    assert!(!site.list("/api/v2/silences").await.iter().any(|silence| silence["comment"] == "everything"));
}
