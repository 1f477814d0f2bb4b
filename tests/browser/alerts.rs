//! The list of alerts and one of them.

use serde_json::json;

use crate::browser::{self, Browser};
use crate::look::PHONE;
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_typed_with_suggestions_and_stands_in_the_address() {
    if !browser::installed("a_filter_is_typed_with_suggestions_and_stands_in_the_address") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    browser.open(&site.url("/alerts?show=all")).await;
    browser.until_text("#cards", "ReplicationLag").await;
    browser.fill("#q", "clus").await;
    browser.until_shown(".suggestions li").await;
    browser.press("#q", "\u{e015}\u{e007}").await;
    browser.until("document.querySelector('#q').value.startsWith('cluster')").await;
    browser.fill("#q", "cluster=eu-1, severity=critical").await;
    browser.press("#q", "\u{e007}").await;
    browser.until("document.querySelectorAll('#cards article').length == 2").await;
    assert!(browser.address().await.contains("q=cluster%3Deu-1%2C+severity%3Dcritical"));
    assert_eq!(browser.texts(".terms .value").await, [r#"cluster="eu-1""#, r#"severity="critical""#]);
    // A chip takes its term away, a label adds one.
    browser.click(".terms a").await;
    browser.until("document.querySelectorAll('#cards article').length == 3").await;
    browser.fill("#q", "cluster=~(").await;
    browser.press("#q", "\u{e007}").await;
    browser.until_shown(".wrong").await;
    browser.complaints().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_alert_comes_by_itself_and_the_place_is_kept() {
    if !browser::installed("a_new_alert_comes_by_itself_and_the_place_is_kept") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    browser.open(&site.url("/alerts?show=all")).await;
    browser.until_text("#live", "live").await;
    // Somebody is typing a comment in a card further down.
    let open = "const card = [...document.querySelectorAll('#cards article')].find(card => card.textContent.includes('EncoderStuck')); \
        card.querySelector('details').open = true; const field = card.querySelector('[name=comment]'); \
        field.value = 'looking'; field.focus(); card.scrollIntoView({block: 'center', behavior: 'instant'}); \
        return Math.round(card.getBoundingClientRect().top)";
    let before = browser.script(open, &[]).await;
    site.fire(json!({"alertname": "BrandNew", "team": "video", "severity": "warning", "cluster": "eu-9"})).await;
    browser
        .until("[...document.querySelectorAll('#cards article')].some(card => card.textContent.includes('BrandNew'))")
        .await;
    let after = browser
        .script(
            "const field = document.activeElement; const card = field.closest('article'); \
             return [field.value, card.querySelector('details').open, Math.round(card.getBoundingClientRect().top)]",
            &[],
        )
        .await;
    assert_eq!((&after[0], &after[1]), (&json!("looking"), &json!(true)), "{after}");
    let moved = after[2].as_f64().unwrap() - before.as_f64().unwrap();
    assert!(moved.abs() <= 40.0, "the card moved by {moved} pixels");
    browser.assert_calm("alerts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_click_acknowledges_and_two_silence() {
    if !browser::installed("one_click_acknowledges_and_two_silence") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    browser.look(PHONE).await;
    browser.open(&site.url("/alerts?q=alertname%3DEncoderStuck")).await;
    browser.fill("article form[action$=acknowledge] [name=by]", "ann").await;
    browser.click("article form[action$=acknowledge] button").await;
    browser.until_text("#told", "Acknowledged").await;
    browser.until_text("article", "ann works on it").await;
    assert_eq!(site.list("/api/v2/ack").await[0]["by"], "ann");

    // The name is known now: one click.
    browser.open(&site.url("/alerts?q=alertname%3DStreamDown")).await;
    browser.until_shown("form.knows-who button").await;
    browser.click("article form[action$=acknowledge] button").await;
    browser.until_text("article", "ann works on it").await;

    browser.open(&site.url("/alerts?q=alertname%3DClusterDown")).await;
    browser.click("article details summary").await;
    browser.click("article details button").await;
    browser.until_text("#told", "The silence is set").await;
    browser.until("document.querySelectorAll('#cards article').length == 0").await;
    let silences = site.list("/api/v2/silences").await;
    assert!(silences.iter().any(|silence| silence["createdBy"] == "ann"), "{silences:?}");
    browser.assert_calm("alerts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alert_shows_its_plot_and_its_story() {
    if !browser::installed("one_alert_shows_its_plot_and_its_story") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    browser.open(&site.url("/alerts?q=alertname%3DStreamDown")).await;
    browser.click("article a.open").await;
    browser.until_text("h1", "StreamDown").await;
    browser.until_shown("svg .plot-line").await;
    browser.until("document.querySelector('.plot-threshold-text')?.textContent.includes('< 100')").await;
    browser.until_text(".story", "first evaluation").await;
    browser.until_text(".story", "video webhook[0]").await;
    assert!(browser.texts(".links").await.concat().contains("runbook_url"));
    browser.picture("alert").await;
    browser.fill("form[action$=acknowledge] [name=by]", "ann").await;
    browser.click("form[action$=acknowledge] button").await;
    browser.until_text(".notice", "Acknowledged").await;
    browser.click("form[action$=unacknowledge] button").await;
    browser.accept("Take the acknowledgement back").await;
    browser.until_text(".notice", "taken back").await;
    browser.assert_calm("alert").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_everything_is_there() {
    if !browser::installed("without_scripts_everything_is_there") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    browser.scripts(false).await;
    browser.open(&site.url("/alerts")).await;
    browser.click("select[name=sort] option[value=name]").await;
    browser.click("form.filter button").await;
    assert!(browser.address().await.contains("sort=name"));
    browser.open(&site.url("/alerts?q=alertname%3DEncoderStuck")).await;
    browser.fill("article form[action$=acknowledge] [name=by]", "ben").await;
    browser.click("article form[action$=acknowledge] button").await;
    assert!(browser.address().await.contains("done=acknowledged"), "{}", browser.address().await);
    assert_eq!(site.list("/api/v2/ack").await[0]["by"], "ben");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_the_family_lead_to_our_pages() {
    if !browser::installed("links_of_the_family_lead_to_our_pages") {
        return;
    }
    let (site, browser) = (Site::start().await, Browser::start().await);
    for (old, new) in [
        ("/", "/alerts"),
        (
            "/#/alerts?filter=%7Balertname%3D%22A%22%7D&receiver=video",
            "/alerts?q=alertname%3D%22A%22%2C+%40receiver%3D%7E%22video%22",
        ),
        ("/#/silences/new?filter=%7Balertname%3D%22A%22%7D", "/silences/new?q=alertname%3D%22A%22"),
        ("/#/status", "/status"),
        ("/graph?g0.expr=up_streams&g0.tab=1", "/rules?expr=up_streams"),
    ] {
        browser.open(&site.url(old)).await;
        let expected = site.url(new);
        browser.until(&format!("location.href === {}", json!(expected))).await;
    }
}
