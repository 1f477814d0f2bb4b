//! The routing tree: the way of an alert, and what another configuration would change.

use crate::browser::{self, Browser};
use crate::look::PHONE;
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn the_way_of_an_alert_lights_up() {
    if !browser::installed("the_way_of_an_alert_lights_up") {
        return;
    }
    let (site, browser) = (Site::start().await, Browser::start().await);
    browser.open(&site.url("/routing")).await;
    assert_eq!(browser.count(".tree .route").await, 7);
    assert_eq!(browser.count(".tree .taken").await, 0);

    browser.fill("#way-labels", "alertname=EncoderStuck, team=video, severity=critical").await;
    browser.click("#way button.main").await;
    browser.until_text(".tree .taken .route-receiver", "video-pager").await;
    assert_eq!(browser.count(".tree .taken").await, 1);
    let refused = browser.texts(".tree .refused .route-reason").await;
    assert!(refused.iter().any(|text| text.contains(r#"team="storage" does not hold for "video""#)), "{refused:?}");
    browser.until_text(".tree .not-asked .route-reason", "a route before it took the alert").await;
    browser.until_text(".told", "first after 200ms, news after 2s, again after 30m").await;
    assert!(browser.address().await.contains("labels=alertname"));

    // A route that is mute says so, and at which time.
    browser.fill("#way-labels", "alertname=Lag, team=night").await;
    browser.click("#way [name=only]").await;
    browser.press("#way-labels", "\u{e007}").await;
    browser.until_text(".told", "muted by always").await;
    assert_eq!(browser.count(".tree .route").await, 2);
    browser.assert_calm("routing").await;

    browser.look(PHONE).await;
    browser.open(&site.url("/routing?labels=team%3D~x")).await;
    browser.until_text(".wrong", "no label").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_configuration_is_compared_over_the_alerts_that_fire() {
    if !browser::installed("a_pasted_configuration_is_compared_over_the_alerts_that_fire") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    browser.open(&site.url("/status")).await;
    let shown = browser.texts("pre.config").await.remove(0);
    assert!(shown.contains("<secret>") && !shown.contains("hush-token"), "{shown}");

    // What is in force, as it is shown, changes nothing.
    browser.open(&site.url("/routing/change")).await;
    browser.paste("#config", &shown).await;
    browser.click("form[action$='/routing/change'] button.main").await;
    browser.until_text("#result .notice", "Nothing changes").await;

    browser.paste("#config", &shown.replacen("receiver: storage", "receiver: everybody", 1)).await;
    browser.click("form[action$='/routing/change'] button.main").await;
    browser.until_text("#result h2", "3 of 12 alerts change").await;
    let lines = browser.texts("#result tbody tr").await;
    assert!(lines.iter().any(|line| line.contains("storage") && line.contains("nobody")), "{lines:?}");
    browser.picture("routing-changed").await;
    browser.assert_calm("change").await;

    browser.paste("#config", "route: {receiver: nowhere}\nreceivers: []\n").await;
    browser.click("form[action$='/routing/change'] button.main").await;
    browser.until_text(".detail", "alertmanager.yml:1:").await;
}
