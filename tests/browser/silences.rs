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

/// Types as people do: the preview follows without a button.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_tells_who_would_be_heard_again_and_what_is_over_is_made_again() {
    if !browser::installed("an_edit_tells_who_would_be_heard_again_and_what_is_over_is_made_again") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    let id = site.silence(r#"alertname="ReplicationLag""#, "a new disk", 7200).await;
    browser.open(&site.url(&format!("/silences/{id}/edit"))).await;
    browser.until_text("h1", "Edit silence").await;
    browser.until_text("#outcome", "3 of").await;
    browser.click("#add-row").await;
    browser.fill("#rows > :last-child [name=name]", "instance").await;
    browser.fill("#rows > :last-child [name=value]", "db-1").await;
    browser.until_text("#outcome", "Heard again: 2").await;
    browser.until_text("#outcome", "Muted as before: 1").await;
    browser.picture("silence-edit-1280-light").await;
    // A pattern that cannot be read is told with its row, and nothing can be saved.
    browser.script("document.querySelector('#rows > :last-child [name=op]').value = '=~'", &[]).await;
    browser.fill("#rows > :last-child [name=value]", "db-(").await;
    browser.until_text("#outcome [role=alert]", "Matcher 2:").await;
    browser
        .until("document.querySelector('#rows > :last-child [name=value]').getAttribute('aria-invalid') === 'true'")
        .await;
    browser.fill("#rows > :last-child [name=value]", "db-(1|2)").await;
    browser.until_text("#outcome", "Heard again: 1").await;
    browser.click("button.main[name=action][value=create]").await;
    browser.until_text("h1", "Silence active").await;
    browser.until_text("main", "2 alerts match now").await;

    // The edit made another silence of it; the one before is over, and is made again for as long.
    browser.open(&site.url(&format!("/silences/{id}"))).await;
    browser.until_text("h1", "expired").await;
    browser.click("a.button.main[href$='/edit']").await;
    browser.until_text("h1", "New silence").await;
    browser.until_text("#outcome", "3 of").await;
    browser.click("button.main[name=action][value=create]").await;
    browser.until_text("h1", "Silence active").await;
    let active = site.list("/api/v2/silences?expired=false").await;
    assert_eq!(active.iter().filter(|silence| silence["comment"] == "a new disk").count(), 2, "{active:?}");
    browser.assert_calm("edit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recurring_silence_shows_what_comes_and_duration_and_end_go_together() {
    if !browser::installed("a_recurring_silence_shows_what_comes_and_duration_and_end_go_together") {
        return;
    }
    let (site, browser) = (Site::start().await, Browser::start().await);
    browser.open(&site.url("/silences/new?filter=job%3D%22backup%22")).await;
    let ends = async || browser.script("return document.querySelector('[name=ends]').value", &[]).await;
    let first = ends().await;
    browser.click("[data-duration='8h']").await;
    assert_ne!(ends().await, first, "the end follows the duration");
    browser.until_text("#outcome", "No alert that fires now matches").await;
    browser.click(".recurring > summary").await;
    browser.click("[name=recurs]").await;
    browser.fill("[name=cron]", "30 2 * * SUN").await;
    browser.fill("[name=timezone]", "Europe/Berlin").await;
    browser.fill("[name=by]", "ann").await;
    browser.until("document.querySelectorAll('#outcome .occurrences li').length === 5").await;
    browser.fill("[name=cron]", "0 0 30 2 *").await;
    browser.until_text("#outcome [role=alert]", "there is no such day").await;
    browser.fill("[name=cron]", "@daily").await;
    browser.until("document.querySelectorAll('#outcome .occurrences li').length === 5").await;
    browser.click("button.main[name=action][value=create]").await;
    browser.until_text("h1", "Recurring silence").await;
    browser.open(&site.url("/silences?state=recurring")).await;
    browser.until_text(".silence", "@daily, Europe/Berlin, for 8h").await;
    // The next form knows who is there.
    browser.open(&site.url("/silences/new")).await;
    browser.until("document.querySelector('[name=by]').value === 'ann'").await;
    browser.assert_calm("recurring").await;
}
