//! Every page, in both themes and at both widths: nothing is said on the console, nothing is wider than the screen, and the
//! accessibility checker finds nothing serious.

use crate::axe;
use crate::browser::{self, Browser};
use crate::look;
use crate::site::Site;

/// Name and path of each page. What is in braces is looked up in the site.
const PAGES: &[(&str, &str)] = &[
    ("alerts", "/alerts"),
    ("alerts-filtered", "/alerts?q=severity%3Dcritical"),
    ("routing", "/routing"),
    ("routing-way", "/routing?labels=alertname%3DStreamDown%2Cteam%3Dvideo%2Cseverity%3Dcritical"),
    ("routing-change", "/routing/change"),
    ("history", "/history"),
    ("history-failed", "/history?what=failed"),
    ("status", "/status"),
    ("not-found", "/alerts/0000000000000000"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_fit_for_everybody() {
    const TEST: &str = "every_page_is_fit_for_everybody";
    if !browser::installed(TEST) {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    let checks = axe::installed(TEST);
    let mut wrong = Vec::new();
    for look in look::ALL {
        browser.look(look).await;
        for (name, path) in PAGES {
            browser.open(&site.url(path)).await;
            browser.until_shown("h1").await;
            let page = format!("{name}-{}", look.name());
            browser.picture(&page).await;
            let is_mistake = *name == "not-found";
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
