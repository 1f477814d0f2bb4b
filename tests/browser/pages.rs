//! Every page, in both themes and at both widths: nothing is said on the console, nothing is wider than the screen, and the
//! accessibility checker finds nothing serious.

use crate::axe;
use crate::browser::{self, Browser};
use crate::look;
use crate::site::Site;

/// Name and path of each page.
const PAGES: &[(&str, &str)] = &[
    ("alerts", "/alerts"),
    ("alerts-filtered", "/alerts?q=severity%3Dcritical"),
    ("silences", "/silences"),
    ("silence-new", "/silences/new"),
    ("silence-filled", "/silences/new?filter=%7Bteam%3D%22video%22%7D"),
    ("silence-unread", "/silences/new?filter=%7Bteam"),
    ("rules", "/rules"),
    ("rules-firing", "/rules?state=firing"),
    ("rule", "/rules?expr=up_streams+%3C+100"),
    ("routing", "/routing"),
    ("routing-way", "/routing?labels=alertname%3DStreamDown%2Cteam%3Dvideo%2Cseverity%3Dcritical"),
    ("routing-change", "/routing/change"),
    ("history", "/history"),
    ("history-failed", "/history?what=failed"),
    ("status", "/status"),
    ("not-found", "/alerts/0000000000000000"),
];

/// Name of a page, the page that leads to it, and the link.
const LED_TO: &[(&str, &str, &str)] = &[
    ("alert", "/alerts?q=alertname%3DEncoderStuck", "a.open"),
    ("alert-of-rule", "/alerts?q=alertname%3DStreamDown", "a.open"),
    ("alert-silenced", "/alerts?show=all&q=alertname%3DHighLatency", "a.open"),
    ("silence", "/silences", "main a[href*='/silences/']:not([href$='/new'])"),
    ("silence-expire", "/silences", "main a[href$='/expire']"),
    ("silence-edit", "/silences", "main a[href$='/edit']"),
    ("rule", "/rules", "main a[href*='/rules/']"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_fit_for_everybody() {
    const TEST: &str = "every_page_is_fit_for_everybody";
    if !browser::installed(TEST) {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    let checks = axe::installed(TEST);
    let mut pages: Vec<(String, String)> =
        PAGES.iter().map(|(name, path)| ((*name).to_owned(), site.url(path))).collect();
    for (name, list, link) in LED_TO {
        browser.open(&site.url(list)).await;
        browser.until_shown(link).await;
        let address = browser.script("return document.querySelector(arguments[0]).href", &[(*link).into()]).await;
        pages.push(((*name).to_owned(), address.as_str().expect("a link has an address").to_owned()));
    }
    let mut wrong = Vec::new();
    for look in look::ALL {
        browser.look(look).await;
        for (name, address) in &pages {
            browser.open(address).await;
            browser.until_shown("h1").await;
            let page = format!("{name}-{}", look.name());
            browser.picture(&page).await;
            let is_mistake = name == "not-found";
            wrong.extend(
                browser.complaints().await.into_iter().filter(|_| !is_mistake).map(|said| format!("{page}: {said}")),
            );
            wrong.extend(browser.too_wide().await.map(|what| format!("{page}: {what}")));
            if checks {
                wrong.extend(axe::findings(&browser).await.iter().map(|finding| format!("{page}: {finding:#}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
