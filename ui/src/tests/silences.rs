//! Silences: made, looked at, changed and ended through forms alone, as browsers without scripts do.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use model::matcher::MatchOp;
use model::{Alert, LabelSet, Matcher};
use notifier::io::desk::Desk;
use notifier::io::silencing;
use notifier::silence::SilenceDraft;

use super::alerts::seen;
use super::{Answer, NOW, Site, alert};

fn some() -> Vec<Alert> {
    let disk = |instance| alert(&[("alertname", "DiskFull"), ("job", "node"), ("instance", instance)], &[], 600);
    let mut alerts: Vec<Alert> = ["a:1", "b:1", "c:1"].map(disk).into();
    alerts.push(alert(&[("alertname", "Slow"), ("job", "web")], &[], 7200));
    alerts
}

const NODE: [(&str, &str); 3] = [("name", "job"), ("op", "="), ("value", "node")];

fn with<'a>(fields: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [fields, more].concat()
}

async fn made(site: &Site, more: &[(&str, &str)]) -> String {
    let base = [("by", "Ada"), ("comment", "TICKET-7"), ("duration", "2h"), ("action", "create")];
    let answer = site.send("/silences/new", &with(&with(&NODE, &base), more)).await;
    id_in(&answer)
}

fn id_in(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", seen(&answer.text));
    let location = answer.location.as_deref().unwrap();
    let id = location.rsplit('/').next().unwrap().split('?').next().unwrap();
    assert_eq!(id.len(), 36, "{location}");
    id.to_owned()
}

/// Numbers of the tabs: active, pending, expired, recurring.
async fn counts(site: &Site, query: &str) -> Vec<usize> {
    let page = site.get(&format!("/silences{query}")).await.text;
    let tabs = page.split("class=\"tabs\"").nth(1).unwrap().split("</ul>").next().unwrap();
    let badges = tabs.split("class=\"badge\">").skip(1);
    badges.map(|rest| rest.split('<').next().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn a_link_fills_the_form_and_shows_what_would_be_muted() {
    let site = Site::new(some());
    for query in ["filter=%7Bjob%3D%22node%22%7D", "q=job%3D%22node%22", "filter=job%3Dnode&duration=45m&createdBy=Bo"]
    {
        let page = site.get(&format!("/silences/new?{query}")).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("name=\"value\" value=\"node\""), "{}", page.text);
        assert!(page.text.contains("data-matching=\"3\" data-newly=\"3\""), "{}", page.text);
    }
    insta::assert_snapshot!(seen(&site.get("/silences/new?filter=job%3D%22node%22").await.text));
    let unread = site.get("/silences/new?filter=%7Bjob").await.text;
    assert!(unread.contains("data-field=\"paste\"") && unread.contains("value=\"{job\""), "{unread}");
}

#[tokio::test]
async fn a_silence_is_made_extended_edited_ended_and_made_again() {
    let site = Site::new(some());
    let id = made(&site, &[]).await;
    assert_eq!(counts(&site, "").await, [1, 0, 0, 0]);
    let list = seen(&site.get("/silences").await.text);
    assert!(list.contains("mutes 3") && list.contains("TICKET-7") && list.contains("ends in 2h"), "{list}");
    let one = site.get(&format!("/silences/{id}?done=silenced")).await.text;
    assert!(one.contains("The silence is set.") && one.contains("3 alerts match now"), "{one}");

    let extended = site.send(&format!("/silences/{id}/extend"), &[("by", "1h")]).await;
    assert_eq!(extended.location.as_deref(), Some(format!("../../silences/{id}?done=extended").as_str()));
    assert!(seen(&site.get("/silences").await.text).contains("ends in 3h"));
    assert_eq!(site.send(&format!("/silences/{id}/extend"), &[("by", "soon")]).await.status, StatusCode::BAD_REQUEST);

    let form = site.get(&format!("/silences/{id}/edit")).await.text;
    assert!(form.contains("<h1>Edit silence</h1>") && form.contains("value=\"3h\""), "{form}");
    // Other matchers make another silence of it: these alerts would be heard again.
    let narrower =
        [("id", id.as_str()), ("name", "instance"), ("op", "="), ("value", "a:1"), ("by", "Bo"), ("duration", "1h")];
    let preview = site.send("/silences/new", &with(&with(&NODE, &narrower), &[("action", "preview")])).await.text;
    assert!(preview.contains("Heard again: 2") && preview.contains("Muted as before: 1"), "{preview}");
    let edited = id_in(&site.send("/silences/new", &with(&with(&NODE, &narrower), &[("action", "create")])).await);
    assert_ne!(edited, id);
    assert_eq!(counts(&site, "").await, [1, 0, 1, 0]);

    let asks = seen(&site.get(&format!("/silences/{edited}/expire")).await.text);
    assert!(asks.contains("Expire this silence?") && asks.contains("1 alert that fire"), "{asks}");
    let ended = site.send(&format!("/silences/{edited}/expire"), &[]).await;
    assert_eq!(ended.location.as_deref(), Some(format!("../../silences/{edited}?done=expired").as_str()));
    assert_eq!(counts(&site, "").await, [0, 0, 2, 0]);
    let again = site.get(&format!("/silences/{edited}/edit")).await.text;
    assert!(again.contains("<h1>New silence</h1>") && again.contains("value=\"a:1\""), "{again}");
}

#[tokio::test]
async fn what_comes_is_shown_before_the_name_is_typed() {
    let site = Site::new(some());
    let fields = [("recurs", "yes"), ("cron", "@daily"), ("timezone", "UTC"), ("duration", "1h")];
    let nameless = site.send("/silences/preview", &with(&NODE, &fields)).await.text;
    assert!(nameless.contains("Say who you are"), "{nameless}");
    let named = site.send("/silences/preview", &with(&with(&NODE, &fields), &[("by", "Ada")])).await.text;
    let occurrences = |page: &str| page.split("plain occurrences").nth(1).map(|list| list.matches("<li").count());
    assert_eq!((occurrences(&nameless), occurrences(&named)), (Some(5), Some(5)), "{nameless}");
}

#[tokio::test]
async fn annotations_that_came_through_the_api_outlast_an_edit() {
    let site = Site::new(some());
    let draft = SilenceDraft {
        id: None,
        matchers: vec![Matcher::new("job", MatchOp::Equal, "node").unwrap()],
        starts_at: NOW,
        ends_at: NOW.plus(std::time::Duration::from_secs(3600)),
        created_by: "api".into(),
        comment: "deploy".into(),
        annotations: LabelSet::from_pairs([("ticket", "OPS-7")]),
        until_resolved: None,
    };
    let id = silencing::set_silence(&*site.desk, &model::Caller::anybody(), draft).await.unwrap().to_string();
    let edited = id_in(
        &site
            .send(
                "/silences/new",
                &with(
                    &NODE,
                    &[
                        ("id", &id),
                        ("by", "Bo"),
                        ("comment", "longer"),
                        ("duration", "2h"),
                        ("sure", "on"),
                        ("action", "create"),
                    ],
                ),
            )
            .await,
    );
    let kept = site.desk.read(|notifier, _| {
        let silence = notifier.silence(edited.parse().unwrap()).unwrap();
        (silence.comment.clone(), silence.annotations.get("ticket").map(str::to_owned))
    });
    assert_eq!(kept, ("longer".to_owned(), Some("OPS-7".to_owned())));
}

#[tokio::test]
async fn without_scripts_every_button_comes_back_with_the_form() {
    let site = Site::new(some());
    let rows = |page: &str| page.split("<template").next().unwrap().matches("data-row").count();
    let added = site.send("/silences/new", &with(&NODE, &[("action", "add")])).await;
    assert_eq!((added.status, rows(&added.text)), (StatusCode::OK, 2));
    let removed = site
        .send("/silences/new", &with(&NODE, &[("name", "x"), ("op", "!="), ("value", "y"), ("action", "remove-1")]))
        .await;
    assert!(
        rows(&removed.text) == 1 && removed.text.contains("value=\"y\"") && !removed.text.contains("value=\"node\"")
    );
    assert!(removed.text.contains("<option selected>!=</option>"), "{}", removed.text);
    let pasted = site
        .send(
            "/silences/new",
            &[("paste", "{job=\"web\",instance=~\"a.*\"}"), ("action", "preview"), ("by", "x"), ("duration", "1h")],
        )
        .await;
    assert_eq!(rows(&pasted.text), 2);
    assert!(pasted.text.contains("No alert that fires now matches"), "{}", pasted.text);
    let wrong = site.send("/silences/new", &[("name", "a"), ("op", "=~"), ("value", "("), ("action", "create")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("data-field=\"matcher-1\""), "{}", wrong.text);
    let fragment = site.send("/silences/preview", &with(&NODE, &[("by", "x"), ("duration", "1h")])).await;
    assert!(fragment.text.contains("data-matching=\"3\"") && !fragment.text.contains("<html"), "{}", fragment.text);
}

#[tokio::test]
async fn broad_silences_want_a_word_more() {
    let site = Site::new(some());
    let broad =
        [("name", "alertname"), ("op", "=~"), ("value", ".+"), ("by", "Ada"), ("duration", "1h"), ("action", "create")];
    let asked = site.send("/silences/new", &broad).await;
    assert_eq!(asked.status, StatusCode::OK, "not made yet");
    assert!(
        asked.text.contains("name=\"sure\"") && asked.text.contains("It mutes every one of the 4 alerts there are."),
        "{}",
        asked.text
    );
    assert_eq!(counts(&site, "").await, [0, 0, 0, 0]);
    id_in(&site.send("/silences/new", &with(&broad, &[("sure", "yes")])).await);
    assert_eq!(counts(&site, "").await, [1, 0, 0, 0]);
    let refused = site
        .send(
            "/silences/new",
            &[
                ("name", "alertname"),
                ("op", "=~"),
                ("value", ".*"),
                ("by", "x"),
                ("duration", "1h"),
                ("action", "create"),
                ("sure", "yes"),
            ],
        )
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("at least one matcher must not match the empty string"), "{}", refused.text);
}

#[tokio::test]
async fn recurring_silences_are_listed_with_what_comes() {
    let site = Site::new(some());
    let schedule = [("recurs", "yes"), ("cron", "30 2 * * *"), ("timezone", "Europe/Berlin")];
    let preview =
        site.send("/silences/preview", &with(&with(&NODE, &[("by", "x"), ("duration", "1h")]), &schedule)).await.text;
    assert_eq!(preview.matches("+01:00").count(), 5, "{preview}");
    let id = made(&site, &schedule).await;
    assert_eq!(counts(&site, "").await, [0, 1, 0, 1], "its first occurrence is pending");
    let recurring = seen(&site.get("/silences?state=recurring").await.text);
    assert!(recurring.contains("30 2 * * *, Europe/Berlin, for 2h") && recurring.contains("next"), "{recurring}");
    let pending = seen(&site.get("/silences?state=pending").await.text);
    assert!(pending.contains("occurrence of") && pending.contains("begins in"), "{pending}");
    let one = site.get(&format!("/silences/{id}")).await.text;
    assert!(one.contains("Next occurrences") && one.contains("2026-01-03T02:30:00+01:00"), "{one}");
    let form = site.get(&format!("/silences/{id}/edit")).await.text;
    assert!(form.contains("value=\"30 2 * * *\"") && form.contains("Edit recurring silence"), "{form}");
    let ended = site.send(&format!("/silences/{id}/expire"), &[]).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER);
    assert_eq!(counts(&site, "").await, [0, 0, 1, 1]);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let site = Site::new(some());
    for n in 0..60 {
        let value = format!("node-{n}");
        let fields = [
            ("name", "job"),
            ("op", "="),
            ("value", value.as_str()),
            ("by", "Ada"),
            ("duration", "2h"),
            ("action", "create"),
        ];
        id_in(&site.send("/silences/new", &fields).await);
    }
    made(&site, &[("name", "instance"), ("op", "=~"), ("value", "a.*")]).await;
    let cards = |text: &str| text.matches("<article").count();
    for (query, active, shown) in [
        ("", 61, 50),
        ("?page=2", 61, 11),
        ("?page=99", 61, 11),
        ("?q=instance%3D%22a%3A1%22", 1, 1),
        ("?q=%7Bjob%3D%22node-7%22%7D", 1, 1),
        ("?q=ticket-7", 1, 1),
        ("?filter=job%3D~%22node-1.%22", 10, 10),
        ("?state=expired", 61, 0),
        ("?state=nonsense", 61, 50),
    ] {
        assert_eq!(counts(&site, query).await[0], active, "{query}");
        assert_eq!(cards(&site.get(&format!("/silences{query}")).await.text), shown, "{query}");
    }
}

#[tokio::test]
async fn only_our_own_forms_are_taken() {
    let site = Site::new(some());
    let id = made(&site, &[]).await;
    for path in [
        "/silences/new".to_owned(),
        "/silences/preview".to_owned(),
        format!("/silences/{id}/expire"),
        format!("/silences/{id}/extend"),
    ] {
        let bare = Request::post(path.as_str()).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer =
            site.ask(bare.body(Body::from("action=create&by=1h&name=a&op==&value=b&duration=1h")).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(counts(&site, "").await, [1, 0, 0, 0]);
    for path in [
        "/silences/00000000-0000-0000-0000-000000000000",
        "/silences/x",
        "/silences/x/edit",
        "/silences/%3Cscript%3E/expire",
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.text.contains("<script>"), "{path}");
    }
}

#[tokio::test]
async fn hostile_texts_are_texts() {
    let script = "\"><script>alert(1)</script>\u{0}\u{1b}[31m\u{202e}javascript:alert(1)";
    let long = format!("{script}{}", "x".repeat(60_000));
    let labels = [("alertname", script), ("job", long.as_str())];
    let site = Site::new(vec![alert(&labels, &[("summary", script)], 60)]);
    let fields = [
        ("name", "job"),
        ("op", "="),
        ("value", long.as_str()),
        ("by", script),
        ("comment", long.as_str()),
        ("duration", "1h"),
    ];
    let harmless = |answer: &Answer| {
        assert!(
            !answer.text.contains("<script>alert") && !answer.text.contains("href=\"javascript:"),
            "{}",
            answer.text
        );
    };
    let preview = site.send("/silences/new", &with(&fields, &[("action", "preview")])).await;
    harmless(&preview);
    assert!(preview.text.contains("data-matching=\"1\""));
    harmless(&site.send("/silences/preview", &fields).await);
    let id = id_in(&site.send("/silences/new", &with(&fields, &[("action", "create")])).await);
    for path in [
        "/silences".to_owned(),
        format!("/silences/{id}"),
        format!("/silences/{id}/edit"),
        format!("/silences/{id}/expire"),
    ] {
        let page = site.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        harmless(&page);
        if !path.ends_with("/edit") {
            assert!(!seen(&page.text).contains(['\u{0}', '\u{1b}', '\u{202e}']), "{path}");
            assert!(page.text.len() < 200_000, "{path}: {} bytes", page.text.len());
        }
    }
    let encoded =
        crate::here::query_of([("q", script), ("comment", script), ("createdBy", script), ("duration", script)]);
    for path in ["/silences", "/silences/new"] {
        harmless(&site.get(&format!("{path}?{encoded}")).await);
    }
}
