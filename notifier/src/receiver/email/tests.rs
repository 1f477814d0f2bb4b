use outbound::http_config::TlsConfig;

use super::*;
use crate::receiver::TemplateText;
use crate::rendering::sample::{alert, notification, two};

fn go(text: &str) -> TemplateText {
    TemplateText::Go(text.to_owned())
}

fn settings() -> EmailSettings {
    EmailSettings {
        to: go("Ops <ops@example.org>, b@example.org"),
        from: go("Watch <watch@example.org>"),
        smarthost: "127.0.0.1:25".parse().unwrap(),
        hello: "wf.example.org".to_owned(),
        auth: None,
        require_tls: false,
        implicit_tls: false,
        tls: TlsConfig::default(),
        headers: Vec::new(),
        html: None,
        text: None,
        threading: Threading::Off,
    }
}

fn render(settings: &EmailSettings, notification: &Notification) -> Rendered<EmailMessage> {
    settings.render(notification, &Renderer::shipped("http://wf:9093")).unwrap()
}

fn header<'m>(mail: &'m EmailMessage, name: &str) -> Option<&'m str> {
    mail.headers.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
}

#[test]
fn both_parts_by_default() {
    let Rendered { request: mail, degraded } = render(&settings(), &two());
    assert_eq!(degraded, None);
    assert_eq!(mail.recipients, ["ops@example.org", "b@example.org"]);
    assert_eq!(header(&mail, "Subject"), Some("[FIRING:1] Hot (ü)"));
    assert_eq!(header(&mail, "Date"), Some("Sat, 21 Nov 2026 03:10:00 +0000"));
    assert_eq!(header(&mail, "Auto-Submitted"), Some("auto-generated"));
    assert!(mail.html.unwrap().contains("CPU &amp; &lt;mem&gt; high é"));
    let text = mail.text.unwrap();
    assert!(text.starts_with("FIRING  CPU & <mem> high é\n  runbook: https://r.example/hot\n"), "{text}");
}

#[test]
fn parts_are_those_configured() {
    let parts = |html: Option<&str>, text: Option<&str>| {
        let mail = render(&EmailSettings { html: html.map(go), text: text.map(go), ..settings() }, &two()).request;
        (mail.html.is_some(), mail.text.is_some())
    };
    assert_eq!(parts(None, None), (true, true));
    assert_eq!(parts(Some("<p>"), None), (true, false));
    assert_eq!(parts(None, Some("t")), (true, true));
    assert_eq!(parts(Some(""), Some("t")), (false, true));
    // Alertmanager would send a mail with nothing in it
    assert_eq!(parts(Some(""), None), (false, true));
    assert_eq!(parts(Some(""), Some("")), (false, true));
}

#[test]
fn a_failed_template_leaves_a_plain_mail() {
    let broken = EmailSettings {
        html: Some(go("<p>{{ .Nothing }}</p>")),
        headers: vec![("Subject".to_owned(), go("{{ .Nope }}")), ("X-Team".to_owned(), go("{{ .Nor }}"))],
        ..settings()
    };
    let Rendered { request: mail, degraded } = render(&broken, &two());
    let degraded = degraded.unwrap();
    assert_eq!(mail.html, None);
    assert_eq!(header(&mail, "Subject"), Some("[FIRING:1] alertname=Hot"));
    assert_eq!(header(&mail, "X-Team"), None);
    assert_eq!(header(&mail, FAILURE_HEADER), Some(degraded.as_str()));
    let text = mail.text.unwrap();
    for told in [
        "template: :1:6: executing",
        "instance = i<1>",
        "summary: CPU & <mem> high é",
        "RESOLVED Hot\n",
        "http://prom/graph",
    ] {
        assert!(text.contains(told), "{told} is not in {text}");
    }
}

#[test]
fn nobody_to_write_to_is_an_error() {
    for to in ["", "{{ .Nothing }}", "not an address", "a@[10.0.0.1]"] {
        let rendered = EmailSettings { to: go(to), ..settings() }.render(&two(), &Renderer::shipped(""));
        assert!(rendered.is_err(), "{to:?}");
    }
}

#[test]
fn the_same_content_is_the_same_mail() {
    let (first, again) = (render(&settings(), &two()).request, render(&settings(), &two()).request);
    assert_eq!(first.to_bytes(), again.to_bytes());
    let later = Notification { at: crate::rendering::sample::t(9_000.0), ..two() };
    assert_ne!(header(&first, "Message-Id"), header(&render(&settings(), &later).request, "Message-Id"));
    assert!(header(&first, "Message-Id").unwrap().ends_with("@example.org>"));
}

#[test]
fn threads() {
    let root = |threading| {
        let mail = render(&EmailSettings { threading, ..settings() }, &two()).request;
        assert_eq!(header(&mail, "References"), header(&mail, "In-Reply-To"));
        header(&mail, "References").map(str::to_owned)
    };
    let group = &hex::encode(Sha256::digest("{}:{alertname=\"Hot\"}"))[..16];
    assert_eq!(root(Threading::Off), None);
    assert_eq!(root(Threading::Daily), Some(format!("<alert-{group}-2026-11-21@alertmanager>")));
    assert_eq!(root(Threading::Forever), Some(format!("<alert-{group}-@alertmanager>")));
}

#[test]
fn bytes_are_ascii_and_headers_stay_one_line_each() {
    let hostile = notification(vec![alert("alertname=A\r\nBcc: evil@example.org,x=日本語 🔥", "", None)]);
    let settings = EmailSettings {
        to: go("Störung Zürich <ops@example.org>"),
        html: Some(go("<p>日本語 🔥 = …</p>\n.\n")),
        text: Some(go("Zürich ✓\n.\n..\n")),
        ..settings()
    };
    let bytes = render(&settings, &hostile).request.to_bytes();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.is_ascii());
    assert!(text.lines().all(|line| line.len() < 998), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
    assert!(text.contains("<ops@example.org>"), "{text}");
    assert!(text.contains("Content-Type: multipart/alternative;"), "{text}");
    assert_eq!(text.matches("Content-Transfer-Encoding: quoted-printable").count(), 2);
}
