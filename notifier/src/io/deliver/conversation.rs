//! One SMTP conversation: connect, greet, secure, log in, hand in mails. Every answer has a deadline.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::{Error, response::Response};
use outbound::guard::{Guard, NotAllowed};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::login;
use super::mail_stream::Bounded;
use super::mail_tls::{self, SystemRoots, Trust};
use crate::receiver::Outcome;
use crate::receiver::email::{EmailMessage, EmailSettings, Smarthost};

/// Longest wait for one answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(pub(super) Duration);

/// A connection to a mail server that takes mails.
pub(super) struct Conversation {
    connection: AsyncSmtpConnection,
    /// Host and port, for messages.
    server: String,
    is_tls: bool,
}

/// How much an error says about the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before the mail: whatever went wrong, it is not the mail's fault.
    Before,
    /// Sender, recipients and content: a permanent refusal is meant for this mail.
    Mail,
    /// Logging in.
    Login,
}

impl Conversation {
    /// Connects and logs in as the settings say.
    ///
    /// # Errors
    /// Always worth another attempt.
    pub(super) async fn open(
        settings: &EmailSettings,
        roots: &SystemRoots,
        guard: &Guard,
        limit: Limit,
    ) -> Result<Conversation, Outcome> {
        let server = settings.smarthost.to_string();
        let mut conversation = if settings.implicit_tls {
            Conversation::over_tls(settings, guard, limit).await?
        } else {
            let mut plain = Conversation::in_the_clear(settings, guard, limit).await?;
            match plain.secure(settings, roots, limit).await {
                Ok(()) => plain,
                Err(outcome) if settings.require_tls => return Err(outcome),
                // what needs no TLS goes out without where TLS fails
                Err(_) => Conversation::in_the_clear(settings, guard, limit).await?,
            }
        };
        if let Some(auth) = &settings.auth {
            let is_private = conversation.is_tls || is_local(&settings.smarthost.host);
            let hello = hello(settings);
            login::log_in(&mut conversation.connection, auth, &hello, is_private, &server, limit).await?;
        }
        Ok(conversation)
    }

    async fn in_the_clear(settings: &EmailSettings, guard: &Guard, limit: Limit) -> Result<Conversation, Outcome> {
        let (stream, peer) = connect(settings, guard, limit).await?;
        Conversation::greet(settings, Bounded::new(stream, peer), false, limit).await
    }

    async fn over_tls(settings: &EmailSettings, guard: &Guard, limit: Limit) -> Result<Conversation, Outcome> {
        let server = settings.smarthost.to_string();
        let (stream, peer) = connect(settings, guard, limit).await?;
        let secured = outbound::client::secured(&settings.tls, &settings.smarthost.host, stream);
        let stream = match timeout(limit.0, secured).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(later("other", format!("TLS failed with {server}: {error}"))),
            Err(_) => return Err(too_late(&server, "TLS", limit)),
        };
        Conversation::greet(settings, Bounded::new(stream, peer), true, limit).await
    }

    async fn greet(
        settings: &EmailSettings,
        stream: impl AsyncTokioStream + 'static,
        is_tls: bool,
        limit: Limit,
    ) -> Result<Conversation, Outcome> {
        let (server, hello) = (settings.smarthost.to_string(), hello(settings));
        let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello);
        let connection = step(&server, "greeting", Stage::Before, limit, greeted).await?;
        Ok(Conversation { connection, server, is_tls })
    }

    /// STARTTLS, if the server has it. Where the settings insist, one that has not is refused.
    async fn secure(&mut self, settings: &EmailSettings, roots: &SystemRoots, limit: Limit) -> Result<(), Outcome> {
        if !self.connection.can_starttls() {
            if !settings.require_tls {
                return Ok(());
            }
            let message = format!("{} offers no STARTTLS, which require_tls asks for", self.server);
            return Err(later("other", message));
        }
        // better than nothing, and all one can have from servers that were never meant to be verified
        let trust = if settings.require_tls { Trust::Verified } else { Trust::Opportunistic };
        let tls = mail_tls::parameters(settings, roots, trust).await?;
        let hello = hello(settings);
        step(&self.server, "STARTTLS", Stage::Before, limit, self.connection.starttls(tls, &hello)).await?;
        self.is_tls = true;
        Ok(())
    }

    /// Whether the far side still answers.
    pub(super) async fn is_alive(&mut self, limit: Limit) -> bool {
        !self.connection.has_broken() && matches!(timeout(limit.0, self.connection.command(Noop)).await, Ok(Ok(_)))
    }

    /// Hands one mail in. A recipient who is refused for good does not keep it from the others.
    ///
    /// # Errors
    /// Nobody has it, as far as can be known: the same mail may be tried again.
    pub(super) async fn hand_in(&mut self, mail: &EmailMessage, limit: Limit) -> Result<(), Outcome> {
        let sender = address(&mail.sender)?;
        let recipients: Vec<Address> = mail.recipients.iter().map(|text| address(text)).collect::<Result<_, _>>()?;
        let parameters = self.parameters(mail)?;
        self.tell("MAIL FROM", Mail::new(Some(sender), parameters), limit).await?;
        let mut refused = None;
        let mut taken = 0;
        for recipient in recipients {
            match self.tell("RCPT TO", Rcpt::new(recipient, Vec::new()), limit).await {
                Ok(_) => taken += 1,
                Err(Outcome::Rejected { reason, message }) => refused = Some(Outcome::Rejected { reason, message }),
                Err(outcome) => return Err(outcome),
            }
        }
        match refused {
            Some(outcome) if taken == 0 => return Err(outcome),
            Some(outcome) => tracing::warn!(?outcome, "a recipient was refused, the others get the mail"),
            None => {}
        }
        self.tell("DATA", Data, limit).await?;
        let bytes = mail.to_bytes();
        step(&self.server, "the mail", Stage::Mail, limit, self.connection.message(&bytes)).await?;
        Ok(())
    }

    fn parameters(&self, mail: &EmailMessage) -> Result<Vec<MailParameter>, Outcome> {
        let is_ascii = std::iter::once(&mail.sender).chain(&mail.recipients).all(|address| address.is_ascii());
        if is_ascii {
            return Ok(Vec::new());
        }
        if self.connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Ok(vec![MailParameter::SmtpUtfEight]);
        }
        let message = format!("{} takes no addresses beyond ASCII", self.server);
        Err(Outcome::Rejected { reason: "clientError", message })
    }

    async fn tell(
        &mut self,
        what: &'static str,
        command: impl std::fmt::Display,
        limit: Limit,
    ) -> Result<Response, Outcome> {
        step(&self.server, what, Stage::Mail, limit, self.connection.command(command)).await
    }
}

/// To one of the addresses that the mail server may be reached at.
async fn connect(settings: &EmailSettings, guard: &Guard, limit: Limit) -> Result<(TcpStream, SocketAddr), Outcome> {
    let Smarthost { host, port } = &settings.smarthost;
    let connect = async {
        let stream = TcpStream::connect(&*guard.resolve(host, *port).await?).await?;
        let peer = stream.peer_addr()?;
        Ok((stream, peer))
    };
    match timeout(limit.0, connect).await {
        Ok(connected) => connected.map_err(|error| unreachable(&settings.smarthost.to_string(), &error)),
        Err(_) => Err(too_late(&settings.smarthost.to_string(), "a connection", limit)),
    }
}

/// A host that is not allowed stays so; everything else may be mended.
fn unreachable(server: &str, error: &io::Error) -> Outcome {
    match error.get_ref() {
        Some(refused) if refused.is::<NotAllowed>() => {
            Outcome::Rejected { reason: "other", message: refused.to_string() }
        }
        _ => later("other", format!("cannot connect to {server}: {error}")),
    }
}

/// One exchange with the server, under its deadline.
pub(super) async fn step<T>(
    server: &str,
    what: &str,
    stage: Stage,
    limit: Limit,
    exchange: impl Future<Output = Result<T, Error>>,
) -> Result<T, Outcome> {
    match timeout(limit.0, exchange).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(failed(server, what, stage, &error)),
        Err(_) => Err(too_late(server, what, limit)),
    }
}

/// Permanent refusals of a mail are final; everything else, also a wrong password, may be mended on the other side.
fn failed(server: &str, what: &str, stage: Stage, error: &Error) -> Outcome {
    let Some(code) = error.status() else {
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        return later("other", format!("{what} failed with {server}: {cause}"));
    };
    let code = u16::from(code);
    let said = error.source().map(|said| format!(" {said}")).unwrap_or_default();
    let message = format!("{server} answered {what} with {code}{said}");
    let wants_login = matches!(code, 530 | 534 | 535 | 538);
    match stage {
        Stage::Login => later("authError", message),
        Stage::Mail if wants_login => later("authError", message),
        Stage::Mail if error.is_permanent() => Outcome::Rejected { reason: "clientError", message },
        _ => later("serverError", message),
    }
}

pub(super) fn later(reason: &'static str, message: String) -> Outcome {
    Outcome::Retry { reason, message, retry_after: None }
}

fn too_late(server: &str, what: &str, limit: Limit) -> Outcome {
    later("contextDeadlineExceeded", format!("no answer from {server} within {:?}: {what}", limit.0))
}

fn address(text: &str) -> Result<Address, Outcome> {
    let unusable =
        |error| Outcome::Rejected { reason: "clientError", message: format!("{text:?} is no address: {error}") };
    text.parse().map_err(unusable)
}

fn hello(settings: &EmailSettings) -> ClientId {
    ClientId::Domain(settings.hello.clone())
}

/// Where a password may go without TLS.
fn is_local(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}
