//! The list of alerts, and one of them.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use model::Alert;

use super::{Site, alert};

fn some() -> Vec<Alert> {
    let disk = |instance| {
        let labels = [("alertname", "DiskFull"), ("cluster", "eu"), ("severity", "critical"), ("instance", instance)];
        let runbook = ("runbook_url", "https://runbooks.example/disk");
        alert(&labels, &[("summary", "The disk is full"), runbook], 600)
    };
    let mut alerts: Vec<Alert> = ["a:1", "b:1", "c:1"].map(disk).into();
    alerts.push(alert(
        &[("alertname", "Slow"), ("cluster", "us"), ("severity", "warning")],
        &[("summary", "It is slow")],
        7200,
    ));
    alerts
}

/// The text of a page without its markup, which is what people see.
pub(super) fn seen(html: &str) -> String {
    let main = html.split("<main").nth(1).unwrap_or(html).split("</main>").next().unwrap_or_default();
    let mut text = String::new();
    for part in main.split('<') {
        let inside = part.split_once('>').map_or("", |(_, text)| text);
        if !inside.trim().is_empty() {
            text.push_str(inside.trim());
            text.push('\n');
        }
    }
    text
}

#[tokio::test]
async fn groups_are_cards_with_what_they_share_said_once() {
    let site = Site::new(some());
    let page = site.get("/alerts").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    insta::assert_snapshot!(seen(&page.text));
    assert_eq!(page.text.matches("The disk is full").count(), 1, "said once for all three");
    assert_eq!(page.text.matches("<article").count(), 2, "groups of the same labels are one card, whoever is told");
}

#[tokio::test]
async fn filters_choose_cards() {
    let site = Site::new(some());
    for (query, cards, alerts) in [
        ("q=cluster%3Deu", 1, 3),
        ("q=cluster%3D~eu%7Cus", 2, 4),
        ("q=%40age%3E1h", 1, 1),
        ("q=%40receiver%3Dpager", 1, 3),
        ("q=%40receiver!%3Dpager", 1, 1),
        ("q=%40state%3Dsilenced", 0, 0),
        ("q=slow", 1, 1),
        ("q=instance%3D%22a%3A1%22", 1, 1),
        ("by=severity", 2, 4),
        ("by=instance", 4, 4),
        ("show=suppressed", 0, 0),
    ] {
        let page = site.get(&format!("/alerts?{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{query}");
        let found = (page.text.matches("<article").count(), page.text.matches("class=\"alert-row\"").count());
        assert_eq!(found, (cards, alerts), "{query}");
    }
    let wrong = site.get("/alerts?q=a%3D~(").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text.contains("role=\"alert\"") && wrong.text.contains("value=\"a=~(\""), "{}", wrong.text);
}

#[tokio::test]
async fn order_and_pages() {
    let many = (0..95).map(|n: i64| alert(&[("alertname", "N"), ("cluster", &format!("c{n:02}"))], &[], n + 1));
    let site = Site::new(many.collect());
    let first = |text: &str| {
        text.split("data-card=").nth(1).unwrap_or_default().split("cluster</b>=").nth(1).unwrap_or_default()[..3]
            .to_owned()
    };
    for (query, expected, cards) in
        [("", "c00", 40), ("sort=oldest", "c94", 40), ("page=3", "c80", 15), ("sort=label:cluster", "c00", 40)]
    {
        let page = site.get(&format!("/alerts?{query}")).await;
        assert_eq!((first(&page.text).as_str(), page.text.matches("<article").count()), (expected, cards), "{query}");
    }
}

#[tokio::test]
async fn one_click_acknowledges_and_one_silences() {
    let site = Site::new(some());
    let page = site.get("/alerts?q=cluster%3Deu").await;
    let card = page.text.split("data-card=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields = [("card", card.as_str()), ("query", "q=cluster%3Deu&done=x"), ("by", "ann")];
    let done = site.send("/alerts/acknowledge", &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    assert_eq!(done.location.as_deref(), Some("../alerts?q=cluster%3Deu&done=acknowledged"));
    let page = site.get("/alerts?q=cluster%3Deu&done=acknowledged").await;
    assert!(page.text.contains("Acknowledged.") && page.text.contains("ann works on it"), "{}", page.text);
    assert!(site.get("/alerts?q=%40acked_by%3Dann").await.text.contains("3 acknowledged"));
    let matchers = "{alertname=\"Slow\"}";
    let fields = [("matchers", matchers), ("duration", "1h"), ("by", "ann"), ("comment", "")];
    assert_eq!(site.send("/alerts/silence", &fields).await.status, StatusCode::SEE_OTHER);
    let page = site.get("/alerts").await;
    assert!(!page.text.contains("It is slow") && page.text.contains("1 silenced"), "{}", page.text);
    assert!(site.get("/alerts?show=suppressed").await.text.contains("badge silenced"));
    for (path, fields, status) in [
        ("/alerts/acknowledge", &[("card", card.as_str())][..], StatusCode::BAD_REQUEST),
        ("/alerts/acknowledge", &[("card", "0000000000000000"), ("by", "ann")], StatusCode::NOT_FOUND),
        ("/alerts/silence", &[("matchers", matchers), ("duration", "40d"), ("by", "ann")], StatusCode::BAD_REQUEST),
        ("/alerts/silence", &[("matchers", "{"), ("duration", "1h"), ("by", "ann")], StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(site.send(path, fields).await.status, status, "{path} {fields:?}");
    }
    let foreign = Request::post("/alerts/acknowledge").header("sec-fetch-site", "cross-site");
    assert_eq!(site.ask(foreign.body(Body::from("by=x")).unwrap()).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn one_alert_tells_all_about_itself() {
    let site = Site::new(some());
    let fingerprint = some().remove(0).labels.fingerprint().to_string();
    let page = site.get(&format!("/alerts/{fingerprint}")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    insta::assert_snapshot!(seen(&page.text).replace(&fingerprint, "FINGERPRINT"));
    assert!(page.text.contains("href=\"https://runbooks.example/disk\""));
    for unknown in ["0000000000000000", "x", "../.."] {
        assert_eq!(site.get(&format!("/alerts/{}", unknown.replace('/', "%2F"))).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn hostile_texts_are_only_texts() {
    let script = "<script>window.ran = 1</script>\"'><img src=x onerror=alert(1)>";
    let link = "javascript:alert(1)";
    let long = "ä".repeat(30_000);
    let labels = [
        ("alertname", script),
        ("cluster", "\u{202e}\u{1b}[31m\0x"),
        ("long", long.as_str()),
        ("{{page}}", "{{page.token}}"),
    ];
    let mut hostile = alert(&labels, &[("summary", script), ("runbook_url", link), ("dashboard", link)], 5);
    hostile.generator_url = link.into();
    let fingerprint = hostile.labels.fingerprint().to_string();
    let site = Site::new(vec![hostile]);
    for path in ["/alerts".to_owned(), "/alerts?by=alertname".to_owned(), format!("/alerts/{fingerprint}")] {
        let page = site.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        let text = &page.text;
        assert!(!text.contains("<script>window") && !text.contains("<img src=x"), "{path}");
        assert!(text.contains("&lt;script&gt;window.ran"), "{path}");
        assert!(!text.contains("href=\"javascript:"), "{path}");
        let seen = seen(text);
        assert!(!seen.contains('\u{202e}') && !seen.contains('\u{1b}') && seen.contains("␛[31m␀x"), "{path}: {seen}");
        assert!(text.len() < 500_000, "{path}: {} bytes", text.len());
    }
    let suggested = site.get("/alerts/suggest?text=alertname%3D").await;
    assert_eq!(suggested.status, StatusCode::OK);
    assert!(site.get(&format!("/alerts?q={}&done=%3Cb%3E", "%22".repeat(3000))).await.text.len() < 100_000);
}

#[tokio::test]
async fn suggestions_follow_what_is_typed() {
    let site = Site::new(some());
    for (text, expected) in [
        ("", "\"alertname\""),
        ("clu", "\"cluster\""),
        ("cluster=", r#"cluster=\"eu\""#),
        ("cluster%3D~u", r#"cluster=~\"us\""#),
        ("%40re", "@receiver"),
        ("%40receiver%3D", r#"@receiver=\"pager\""#),
        ("%40state%3Dsi", r#"@state=\"silenced\""#),
    ] {
        let answer = site.get(&format!("/alerts/suggest?text={text}")).await;
        assert!(answer.text.contains(expected), "{text}: {}", answer.text);
    }
}
