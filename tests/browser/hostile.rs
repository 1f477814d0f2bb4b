//! Texts of strangers: labels, annotations, comments and addresses that would run, mislead or never end are shown as what
//! they are.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::browser::{self, Browser, SOON};
use crate::look::PHONE;
use crate::peers::client;
use crate::site::Site;

const SCRIPT: &str = "<script>window.ran='script'</script>";
const ELEMENT: &str = "\"'><img src=x onerror=\"window.ran='image'\"><svg/onload=window.ran='svg'>";
const LINK: &str = "javascript:window.ran='link'//";
const CONTROLS: &str = "a\u{0}b\u{1b}[31mc\u{7f}\u{202e}drow\u{2066}\u{85}\u{200f}";
const TEMPLATE: &str = "{{page.token}} {{{raw}}} {{> web.head}} ${window.ran=1} </title></textarea></template>--><!--";

/// What no page may have, with the reason; nothing where all is well.
const LOOK: &str = r"
    const found = [];
    if (window.ran) found.push(`ran: ${window.ran}`);
    for (const e of document.querySelectorAll('script')) if (!new URL(e.src || 'x:y', location).pathname.includes('/ui/assets/')) found.push(`script: ${e.outerHTML.slice(0, 200)}`);
    for (const e of document.querySelectorAll('iframe, object, embed, base, style, link:not([rel=stylesheet], [rel=icon])')) found.push(`element: ${e.outerHTML.slice(0, 200)}`);
    for (const e of document.querySelectorAll('img, svg')) if (!e.closest('.brand, figure.plot') ) found.push(`picture: ${e.outerHTML.slice(0, 200)}`);
    for (const e of document.querySelectorAll('*')) for (const a of e.attributes) {
        if (/^on|^style$|^srcdoc$/i.test(a.name)) found.push(`attribute: ${e.outerHTML.slice(0, 200)}`);
        if (/^(href|src|action|formaction|poster|data|ping|xlink:href|cite|background)$/i.test(a.name) && /^[\s\x00-\x20]*(javascript|data|vbscript)/i.test(a.value)) found.push(`address: ${e.outerHTML.slice(0, 200)}`);
    }
    const text = document.body.innerText;
    const unseen = text.match(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/);
    if (unseen) found.push(`character: ${escape(unseen[0])} in ${text.slice(Math.max(0, unseen.index - 40), unseen.index + 40)}`);
    return found;
";

async fn populate(site: &Site) {
    let long = "x".repeat(60_000);
    let labels = |name: &str, more: &[(&str, &str)]| {
        let mut labels = json!({"alertname": name, "team": "video", "severity": "critical"});
        for (name, value) in more {
            labels[*name] = (*value).into();
        }
        labels
    };
    let annotations = json!({
        "summary": format!("{ELEMENT}{CONTROLS}"), "description": SCRIPT, "runbook_url": LINK, "runbook": LINK,
        "dashboard": format!(" \t{LINK}"), "link": "data:text/html,<script>alert(1)</script>", "long": long, ELEMENT: SCRIPT,
    });
    let alerts = json!([
        {"labels": labels(SCRIPT, &[("instance", ELEMENT)]), "annotations": annotations, "generatorURL": LINK},
        {"labels": labels(CONTROLS, &[("instance", "a\nb\tc")]), "annotations": {"summary": CONTROLS}, "generatorURL": "JaVaScRiPt:window.ran=2"},
        {"labels": labels(TEMPLATE, &[("cluster", TEMPLATE)]), "annotations": {"summary": TEMPLATE}, "generatorURL": "http://ok.example.com/\"onmouseover=window.ran=3 "},
        {"labels": labels("Long", &[("value", &long)]), "annotations": {"summary": long}},
        {"labels": labels("Names", &[("a b\"><script>window.ran=4</script>", "1"), ("ключ", "значение")])},
    ]);
    site.post_alerts(&alerts).await;
    for comment in [SCRIPT, ELEMENT, CONTROLS, TEMPLATE, &long[..3000]] {
        // Longer ones, and control characters, may be refused.
        site.try_silence(&[("alertname", SCRIPT)], comment, ELEMENT).await;
    }
    site.try_silence(&[("instance", ELEMENT), ("alertname", "Long"), ("value", &long)], LINK, LINK).await;
    let ack = json!({"matchers": ["alertname=Names"], "by": ELEMENT, "comment": SCRIPT});
    let answer = client().post(site.url("/api/v2/ack")).json(&ack).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_write_is_only_shown() {
    if !browser::installed("what_strangers_write_is_only_shown") {
        return;
    }
    let (site, browser) = (Site::populated().await, Browser::start().await);
    populate(&site).await;
    site.sink.wait_told("/pager", 5, SOON).await;
    let query = |value: &str| url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
    let mut waiting: Vec<String> =
        ["/alerts?show=all", "/silences", "/history", "/rules", "/routing", "/status", "/silences/new"]
            .iter()
            .map(|path| site.url(path))
            .collect();
    for text in [SCRIPT, ELEMENT, CONTROLS, TEMPLATE, LINK] {
        for path in [
            "/alerts?q=",
            "/silences?q=",
            "/history?q=",
            "/history?group=",
            "/history?receiver=",
            "/routing?labels=",
            "/silences/new?filter=",
            "/rules?q=",
            "/rules?expr=",
            "/alerts?by=",
        ] {
            waiting.push(site.url(&format!("{path}{}", query(text))));
        }
        waiting.push(site.url(&format!("/alerts/{}", query(text))));
    }
    let (mut seen, mut wrong, mut at) = (BTreeSet::new(), Vec::new(), 0);
    let first = waiting.len();
    while let Some(address) = waiting.get(at).cloned() {
        at += 1;
        if !seen.insert(address.clone()) {
            continue;
        }
        browser.open(&address).await;
        let found = browser.script(LOOK, &[]).await;
        wrong.extend(found.as_array().unwrap().iter().map(|what| format!("{address:.200}: {what}")));
        // A status that says no is no complaint about what is shown.
        let said = browser.complaints().await;
        wrong.extend(
            said.into_iter()
                .filter(|said| !said.contains("status of 4"))
                .map(|said| format!("{address:.200}: {said:.400}")),
        );
        let bytes = browser.script("return document.documentElement.outerHTML.length", &[]).await.as_u64().unwrap();
        if bytes > 1_500_000 {
            wrong.push(format!("{address:.200} has {bytes} bytes"));
        }
        // From the first pages on to what they lead to.
        if at <= 7 {
            waiting.extend(links(&browser, &site).await.into_iter().take(60));
        }
    }
    assert!(seen.len() > first, "no page leads anywhere");
    browser.look(PHONE).await;
    for (name, path) in [
        ("alerts", "/alerts?q=team%3Dvideo"),
        ("silences", "/silences"),
        ("history", "/history"),
        ("routing", "/routing"),
    ] {
        browser.open(&site.url(path)).await;
        browser.picture(&format!("hostile-{name}-360-dark")).await;
        wrong.extend(browser.too_wide().await.map(|what| format!("{path}: {what}")));
    }
    eprintln!("looked at {} pages", seen.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Pages of ours that the shown one leads to.
async fn links(browser: &Browser, site: &Site) -> BTreeSet<String> {
    let links = browser.script("return [...document.querySelectorAll('main a[href]')].map(a => a.href)", &[]).await;
    let links: Vec<Value> = links.as_array().cloned().unwrap();
    let ours = links.iter().filter_map(Value::as_str).filter(|link| link.starts_with(&site.ours.url));
    let is_page = |link: &&str| !["/api/", "/metrics", "/-/"].iter().any(|part| link.contains(part));
    ours.filter(is_page).map(|link| link.split('#').next().unwrap_or_default().to_owned()).collect()
}
