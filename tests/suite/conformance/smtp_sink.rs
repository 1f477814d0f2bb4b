//! A mail server that writes down what it is told: STARTTLS, AUTH, refusals by stage.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mail_parser::{HeaderForm, HeaderValue, Message, MessageParser, MimeHeaders, PartType};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::log::Log;
use super::scenario::{Delivery, SmtpOptions};
use crate::conditions::unix_now;

/// Headers that only say how a message is packed.
const PACKING: [&str; 3] = ["mime-version", "content-type", "content-transfer-encoding"];

/// Opens the sink; its port.
pub async fn open(options: SmtpOptions, log: Arc<Log>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = acceptor();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let session = Session::new(options.clone(), log.clone());
            let acceptor = acceptor.clone();
            tokio::spawn(async move { serve(stream, session, acceptor).await });
        }
    });
    port
}

fn acceptor() -> TlsAcceptor {
    watchfire::install_crypto();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(stream: TcpStream, mut session: Session, acceptor: TlsAcceptor) {
    let began = unix_now();
    let mut plain = BufReader::new(stream);
    drop(plain.write_all(b"220 sink ESMTP\r\n").await);
    if let Ok(Ended::StartTls) = session.converse(&mut plain).await
        && let Ok(stream) = acceptor.accept(plain.into_inner()).await
    {
        session.tls = true;
        drop(session.converse(&mut BufReader::new(stream)).await);
    }
    if !session.told {
        session.write_refusal(began, "session without message", json!("none"));
    }
}

enum Ended {
    Quit,
    StartTls,
}

struct Session {
    options: SmtpOptions,
    log: Arc<Log>,
    tls: bool,
    helo: String,
    /// Mechanism and user.
    auth: Option<(String, String)>,
    from: String,
    recipients: Vec<String>,
    /// Whether a delivery or a refusal was written down.
    told: bool,
}

impl Session {
    fn new(options: SmtpOptions, log: Arc<Log>) -> Self {
        Self {
            options,
            log,
            tls: false,
            helo: String::new(),
            auth: None,
            from: String::new(),
            recipients: Vec::new(),
            told: false,
        }
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut BufReader<S>,
    ) -> std::io::Result<Ended> {
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(Ended::Quit);
            }
            let line = line.trim_end();
            let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
            let verb = verb.to_ascii_uppercase();
            let stage = if verb == "EHLO" { "helo".to_owned() } else { verb.to_ascii_lowercase() };
            let fault = self.log.fault("smtp", |fault| fault.stage.as_deref() == Some(stage.as_str()));
            if let Some(status) = fault.and_then(|fault| fault.status) {
                self.write_refusal(unix_now(), &stage, json!(status));
                stream.write_all(format!("{status} not now\r\n").as_bytes()).await?;
                continue;
            }
            let answer = match verb.as_str() {
                "QUIT" => {
                    stream.write_all(b"221 bye\r\n").await?;
                    return Ok(Ended::Quit);
                }
                "STARTTLS" if self.options.starttls && !self.tls => {
                    stream.write_all(b"220 go on\r\n").await?;
                    return Ok(Ended::StartTls);
                }
                "EHLO" | "HELO" => self.greet(rest),
                "AUTH" => self.authenticate(stream, rest).await?,
                "MAIL" if self.options.require_auth && self.auth.is_none() => "530 who are you\r\n".to_owned(),
                "MAIL" => {
                    self.from = address(rest);
                    self.recipients.clear();
                    "250 ok\r\n".to_owned()
                }
                "RCPT" => {
                    self.recipients.push(address(rest));
                    "250 ok\r\n".to_owned()
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await?;
                    let message = read_message(stream).await?;
                    self.write_message(&message);
                    "250 taken\r\n".to_owned()
                }
                "RSET" | "NOOP" => "250 ok\r\n".to_owned(),
                _ => "502 not understood\r\n".to_owned(),
            };
            stream.write_all(answer.as_bytes()).await?;
        }
    }

    fn greet(&mut self, name: &str) -> String {
        name.clone_into(&mut self.helo);
        let mut offers = vec!["sink".to_owned(), "8BITMIME".to_owned(), "SMTPUTF8".to_owned()];
        if self.options.starttls && !self.tls {
            offers.push("STARTTLS".to_owned());
        }
        if let Some(auth) = self.options.auth.as_ref().filter(|_| self.tls || !self.options.auth_needs_tls) {
            offers.push(format!("AUTH {}", auth.mechs.join(" ")));
        }
        let last = offers.len() - 1;
        let line =
            |(index, offer): (usize, &String)| format!("250{}{offer}\r\n", if index == last { ' ' } else { '-' });
        offers.iter().enumerate().map(line).collect()
    }

    async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut BufReader<S>,
        rest: &str,
    ) -> std::io::Result<String> {
        let (mechanism, initial) =
            rest.split_once(' ').map_or((rest, None), |(mechanism, initial)| (mechanism, Some(initial)));
        let mechanism = mechanism.to_ascii_uppercase();
        let (user, password) = match mechanism.as_str() {
            "PLAIN" => {
                let text = match initial {
                    Some(initial) => decode(initial),
                    None => ask(stream, "").await?,
                };
                let mut fields = text.split('\0').skip(1).map(str::to_owned);
                (fields.next().unwrap_or_default(), fields.next().unwrap_or_default())
            }
            "LOGIN" => {
                let user = match initial {
                    Some(initial) => decode(initial),
                    None => ask(stream, "Username:").await?,
                };
                (user, ask(stream, "Password:").await?)
            }
            _ => return Ok("504 no such mechanism\r\n".to_owned()),
        };
        let account = self.options.auth.as_ref();
        if account.is_some_and(|account| account.user == user && account.password == password) {
            self.auth = Some((mechanism, user));
            return Ok("235 welcome\r\n".to_owned());
        }
        self.write_refusal(unix_now(), "auth", json!(535));
        Ok("535 no\r\n".to_owned())
    }

    fn write_refusal(&mut self, at: f64, stage: &str, reply: Value) {
        self.told = true;
        let sequence = vec!["smtp".to_owned(), "(refused)".to_owned()];
        self.log.write(at, Delivery { sequence, at: 0.0, reply, body: json!({"stage": stage}) });
    }

    fn write_message(&mut self, raw: &[u8]) {
        self.told = true;
        let message = MessageParser::default().parse(raw).expect("a message that can be read");
        let kind =
            message.content_type().map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()));
        let (mechanism, user) = self.auth.clone().unzip();
        let body = json!({
            "from": self.from,
            "rcpts": self.recipients,
            "tls": self.tls,
            "helo": self.helo,
            "auth": [mechanism, user],
            "headers": headers(&message),
            "content_type": kind,
            "parts": message.parts.iter().filter_map(part).collect::<Vec<_>>(),
        });
        let sequence = vec!["smtp".to_owned(), self.recipients.join(",")];
        self.log.write(unix_now(), Delivery { sequence, at: 0.0, reply: json!(250), body });
    }
}

/// `FROM:<a@b> SIZE=1` and `TO:<a@b>`.
fn address(rest: &str) -> String {
    rest.split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or_else(String::new, |(address, _)| address.to_owned())
}

fn decode(text: &str) -> String {
    String::from_utf8_lossy(&BASE64_STANDARD.decode(text.trim()).unwrap_or_default()).into_owned()
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, question: &str) -> std::io::Result<String> {
    stream.write_all(format!("334 {}\r\n", BASE64_STANDARD.encode(question)).as_bytes()).await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    Ok(decode(&line))
}

async fn read_message<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 || line == b".\r\n" {
            return Ok(message);
        }
        message.extend_from_slice(if line.starts_with(b"..") { &line[1..] } else { &line });
    }
}

fn headers(message: &Message<'_>) -> Value {
    let mut headers = Map::new();
    for (name, _) in message.headers_raw() {
        let lower = name.to_lowercase();
        if PACKING.contains(&lower.as_str()) {
            continue;
        }
        let texts: Vec<String> =
            message.header_as(name.to_owned(), HeaderForm::Text).into_iter().filter_map(text).collect();
        // Only their presence is recorded.
        let value = match lower.as_str() {
            "date" | "message-id" => json!(texts.first()),
            _ => json!(texts),
        };
        headers.insert(lower, value);
    }
    Value::Object(headers)
}

fn text(value: HeaderValue<'_>) -> Option<String> {
    match value {
        HeaderValue::Text(text) => Some(text.into_owned()),
        _ => None,
    }
}

fn part(part: &mail_parser::MessagePart<'_>) -> Option<Value> {
    let text = match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.replace("\r\n", "\n"),
        _ => return None,
    };
    let kind = part.content_type()?;
    let charset = kind.attribute("charset").unwrap_or_default().to_lowercase();
    Some(
        json!({"type": format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()), "charset": charset, "text": text}),
    )
}
