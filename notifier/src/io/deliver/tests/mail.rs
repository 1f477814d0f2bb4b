//! Mails against servers that are scripted, and against a real one (aiosmtpd) where it is installed.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::*;
use super::http::configured;
use crate::rendering::sample::t;

const MAIL: &str = "  email_configs: [{to: 'ops@example.org, b@example.org', from: 'Watch <watch@example.org>', smarthost: '{sink}', require_tls: false, EXTRA}]";

fn mail(extra: &str, address: &str) -> (Deliverer, Delivery) {
    configured(&MAIL.replace("EXTRA", extra), address)
}

async fn attempt(deliverer: &Deliverer, delivery: &Delivery, allowed_ms: u64) -> Outcome {
    deliverer.deliver(delivery, t(600.0), Duration::from_millis(allowed_ms)).await
}

/// A server that answers each line by the first rule its beginning fits; the one of "" is the greeting, that of "." ends
/// a mail. What has no rule is taken.
async fn scripted(rules: &'static [(&'static str, &'static str)]) -> (String, Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            log.lock().unwrap().push("connect".to_owned());
            tokio::spawn(converse(stream, rules, log.clone()));
        }
    });
    (address, seen)
}

pub(super) async fn converse(
    stream: impl AsyncRead + AsyncWrite,
    rules: &[(&str, &str)],
    log: Arc<std::sync::Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let answer =
        |line: &str| rules.iter().find(|(start, _)| line.starts_with(start) && start.is_empty() == line.is_empty());
    let (read, mut write) = tokio::io::split(stream);
    let mut lines = tokio::io::BufReader::new(read).lines();
    let greeting = answer("").map_or("220 hi", |(_, text)| text);
    write.write_all(format!("{greeting}\r\n").as_bytes()).await?;
    let mut in_mail = false;
    while let Some(line) = lines.next_line().await? {
        if in_mail && line != "." {
            continue;
        }
        log.lock().unwrap().push(line.clone());
        let usual = match line.as_str() {
            "DATA" => "354 go on",
            _ if line.starts_with("EHLO") => "250-me\r\n250 AUTH CRAM-MD5 PLAIN LOGIN",
            _ => "250 fine",
        };
        let said = answer(&line).map_or(usual, |(_, text)| text);
        in_mail = said.starts_with("354");
        write.write_all(format!("{said}\r\n").as_bytes()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_never_greets_costs_its_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (deliverer, delivery) = mail("", &listener.local_addr().unwrap().to_string());
    let outcome = attempt(&deliverer, &delivery, 300).await;
    let Outcome::Retry { reason: "contextDeadlineExceeded", message, .. } = &outcome else { panic!("{outcome:?}") };
    assert!(message.contains("greeting"), "{message}");
}

#[tokio::test]
async fn nobody_listening_is_worth_another_attempt() {
    let (deliverer, delivery) = mail("", "127.0.0.1:1");
    let outcome = attempt(&deliverer, &delivery, 5_000).await;
    assert!(
        matches!(&outcome, Outcome::Retry { reason: "other", message, .. } if message.contains("cannot connect")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_each_answer_means() {
    for (rules, wanted) in [
        (&[("MAIL", "451 later")] as &'static [_], "Retry serverError"),
        (&[("MAIL", "530 log in first")], "Retry authError"),
        (&[("MAIL", "550 not you")], "Rejected clientError"),
        (&[("RCPT TO:<ops@", "451 grey")], "Retry serverError"),
        (&[("RCPT", "550 nobody here")], "Rejected clientError"),
        (&[("RCPT TO:<b@", "550 gone")], "Delivered"),
        (&[("DATA", "554 no")], "Rejected clientError"),
        (&[(".", "452 full")], "Retry serverError"),
        (&[(".", "554 spam")], "Rejected clientError"),
        (&[("", "554 go away")], "Retry serverError"),
        (&[("EHLO", "500 what?")], "Retry serverError"),
        (&[("RCPT", "bonjour")], "Retry other"),
        (&[], "Delivered"),
    ] {
        let (address, _) = scripted(rules).await;
        let (deliverer, delivery) = mail("", &address);
        let outcome = attempt(&deliverer, &delivery, 5_000).await;
        let shown = match &outcome {
            Outcome::Delivered | Outcome::DeliveredAs(_) => "Delivered".to_owned(),
            Outcome::Retry { reason, .. } => format!("Retry {reason}"),
            Outcome::Rejected { reason, .. } => format!("Rejected {reason}"),
        };
        assert_eq!(shown, wanted, "{rules:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn missing_starttls_is_told_where_it_is_required() {
    let (address, seen) = scripted(&[]).await;
    let (deliverer, delivery) = configured(&MAIL.replace("false, EXTRA", "true"), &address);
    let outcome = attempt(&deliverer, &delivery, 5_000).await;
    assert!(
        matches!(&outcome, Outcome::Retry { message, .. } if message.contains("offers no STARTTLS")),
        "{outcome:?}"
    );
    assert!(!seen.lock().unwrap().iter().any(|line| line.starts_with("MAIL")));
}

#[tokio::test]
async fn ways_to_log_in() {
    const CHALLENGE: &str = "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
    let both = "auth_username: tim, auth_password: pass word, auth_secret: tanstaaftanstaaf, auth_identity: me";
    let password = "auth_username: tim, auth_password: pass word, auth_identity: me";
    for (rules, auth, wanted) in [
        (
            &[("AUTH CRAM-MD5", CHALLENGE)] as &'static [_],
            both,
            &["AUTH CRAM-MD5", "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"] as &[&str],
        ),
        (&[], password, &["AUTH PLAIN bWUAdGltAHBhc3Mgd29yZA=="]),
        (
            &[("EHLO", "250-me\r\n250 AUTH LOGIN"), ("AUTH LOGIN", "334 VXNlcm5hbWU6"), ("dGlt", "334 UGFzc3dvcmQ6")],
            password,
            &["AUTH LOGIN", "dGlt", "cGFzcyB3b3Jk"],
        ),
        (&[("EHLO", "250 me")], password, &[]),
    ] {
        let (address, seen) = scripted(rules).await;
        let (deliverer, delivery) = mail(auth, &address);
        assert_eq!(attempt(&deliverer, &delivery, 5_000).await, Outcome::Delivered, "{rules:?}");
        let seen = seen.lock().unwrap();
        let start = seen.iter().rposition(|line| line.starts_with("EHLO")).unwrap() + 1;
        let end = seen.iter().position(|line| line.starts_with("MAIL")).unwrap();
        assert_eq!(&seen[start..end], wanted);
    }
}

#[tokio::test]
async fn a_wrong_password_is_not_told() {
    let (address, _) = scripted(&[("AUTH PLAIN", "535 cannot use hunter22 or aHVudGVyMjI=")]).await;
    let (deliverer, delivery) = mail("auth_username: tim, auth_password: hunter22", &address);
    let outcome = attempt(&deliverer, &delivery, 5_000).await;
    let Outcome::Retry { reason: "authError", message, .. } = &outcome else { panic!("{outcome:?}") };
    assert!(message.contains("535 cannot use <secret> or <secret>"), "{message}");
}

#[tokio::test]
async fn connections_are_used_again_while_they_are_fresh() {
    let (address, seen) = scripted(&[]).await;
    let (deliverer, delivery) = mail("", &address);
    let connects = || seen.lock().unwrap().iter().filter(|line| *line == "connect").count();
    for _ in 0..3 {
        assert_eq!(attempt(&deliverer, &delivery, 5_000).await, Outcome::Delivered);
    }
    assert_eq!(connects(), 1);
    assert_eq!(deliverer.deliver(&delivery, t(700.0), Duration::from_secs(5)).await, Outcome::Delivered);
    assert_eq!(connects(), 2);
}

#[tokio::test]
async fn what_needs_no_tls_goes_out_where_tls_fails() {
    let rules = &[("EHLO", "250-me\r\n250 STARTTLS"), ("STARTTLS", "454 not today")];
    let (address, seen) = scripted(rules).await;
    let (deliverer, delivery) = mail("", &address);
    assert_eq!(attempt(&deliverer, &delivery, 5_000).await, Outcome::Delivered);
    assert_eq!(seen.lock().unwrap().iter().filter(|line| *line == "STARTTLS").count(), 1);
    let (deliverer, delivery) = configured(&MAIL.replace("false, EXTRA", "true"), &address);
    let outcome = attempt(&deliverer, &delivery, 5_000).await;
    assert!(matches!(&outcome, Outcome::Retry { message, .. } if message.contains("454 not today")), "{outcome:?}");
}

#[tokio::test]
async fn tls_from_the_first_byte() {
    let made = rcgen::generate_simple_self_signed(["mail.test".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            tokio::spawn(converse(stream, &[], Arc::default()));
        }
    });
    for (tls, wanted) in [(format!("ca_file: {}, server_name: mail.test", ca.display()), true), (String::new(), false)]
    {
        let (deliverer, delivery) = mail(&format!("force_implicit_tls: true, tls_config: {{{tls}}}"), &address);
        let outcome = attempt(&deliverer, &delivery, 5_000).await;
        assert_eq!(outcome == Outcome::Delivered, wanted, "{outcome:?}");
        assert!(!matches!(outcome, Outcome::Rejected { .. }), "{outcome:?}");
    }
}

/// A real mail server, ended with the test.
struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Server {
    /// Starts it, or says why not.
    fn start(test: &str, arguments: &[&str]) -> Option<Server> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers/smtp_server.py");
        let has = Command::new("/usr/bin/python3").args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
        if !has.is_ok_and(|status| status.success()) {
            assert!(std::env::var_os("CI").is_none(), "{test} needs python3-aiosmtpd, and CI has to have it");
            eprintln!("skipped {test}: python3-aiosmtpd is not installed");
            return None;
        }
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-u", script, "0"]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        Some(Server { child, lines, address: format!("127.0.0.1:{}", first["listening"]) })
    }

    /// The next mail it got.
    fn mail(&mut self) -> serde_json::Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

#[tokio::test]
async fn peer_takes_a_plain_mail() {
    let Some(mut server) = Server::start("peer_takes_a_plain_mail", &["--plain"]) else { return };
    let extra = "headers: {Subject: 'Störung 🔥 {{ .CommonAnnotations.summary }}', To: 'Zürich Ops <ops@example.org>'}, \
                 text: \"Zürich ✓\\n.\\n..dots\\n\", html: '<p>日本語 {{ .CommonAnnotations.summary }}</p>'";
    let (deliverer, delivery) = mail(extra, &server.address);
    assert_eq!(attempt(&deliverer, &delivery, 10_000).await, Outcome::Delivered);
    let mail = server.mail();
    assert_eq!(mail["from"], "watch@example.org");
    assert_eq!(mail["to"], serde_json::json!(["ops@example.org", "b@example.org"]));
    assert_eq!(mail["headers"]["subject"], "Störung 🔥 CPU & <mem> high é");
    assert_eq!(mail["headers"]["to"], "Zürich Ops <ops@example.org>");
    assert_eq!(mail["headers"]["from"], "Watch <watch@example.org>");
    assert_eq!(mail["content_type"], "multipart/alternative");
    assert_eq!(mail["parts"][0]["text"], "Zürich ✓\r\n.\r\n..dots\r\n");
    assert_eq!(mail["parts"][1]["text"], "<p>日本語 CPU &amp; &lt;mem&gt; high é</p>");
}

#[tokio::test]
async fn peer_wants_starttls_and_a_login() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::generate_simple_self_signed(["mail.test".to_owned()]).unwrap();
    let (cert_file, key_file) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert_file, key.cert.pem()).unwrap();
    std::fs::write(&key_file, key.signing_key.serialize_pem()).unwrap();
    let (cert, private) = (cert_file.to_str().unwrap(), key_file.to_str().unwrap());
    let Some(mut server) = Server::start("peer_wants_starttls_and_a_login", &[cert, private, "bob", "s3cret"]) else {
        return;
    };
    let configured = |tls: &str, password: &str| {
        let extra = format!("auth_username: bob, auth_password: {password}, tls_config: {{{tls}}}");
        super::http::configured(&MAIL.replace("false, EXTRA", &format!("true, {extra}")), &server.address)
    };
    let trusting = format!("ca_file: {cert}, server_name: mail.test");
    let (deliverer, delivery) = configured(&trusting, "s3cret");
    assert_eq!(attempt(&deliverer, &delivery, 10_000).await, Outcome::Delivered);
    let (deliverer, delivery) = configured("insecure_skip_verify: true", "s3cret");
    assert_eq!(attempt(&deliverer, &delivery, 10_000).await, Outcome::Delivered);
    for (tls, password, wanted) in [
        (trusting.as_str(), "wrong-one", "535"),
        ("server_name: mail.test", "s3cret", "STARTTLS failed"),
        (&format!("ca_file: {cert}"), "s3cret", "STARTTLS failed"),
    ] {
        let (deliverer, delivery) = configured(tls, password);
        let outcome = attempt(&deliverer, &delivery, 10_000).await;
        let Outcome::Retry { message, .. } = &outcome else { panic!("{outcome:?}") };
        assert!(message.contains(wanted) && !message.contains(password), "{message}");
    }
    let mail = server.mail();
    assert_eq!((&mail["tls"], &mail["user"]), (&true.into(), &"bob".into()));
    assert_eq!(mail["parts"].as_array().unwrap().len(), 2);
}
