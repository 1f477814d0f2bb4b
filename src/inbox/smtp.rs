//! The mail door: enough of a mail server (RFC 5321) to be sent mail. It has no TLS, no authentication and no queue: for the
//! loopback interface.

use std::sync::Arc;
use std::time::Duration;

use mail_parser::MessageParser;
use smtp_proto::request::receiver::{DataReceiver, RequestReceiver};
use smtp_proto::{Error, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{Arrival, CONNECTIONS_MAX, Shelf, Tells};

/// A client that is silent for longer is let go.
const SILENCE_DEADLINE: Duration = Duration::from_secs(60);
/// Longer messages are refused.
const MESSAGE_BYTES_MAX: usize = 8 << 20;
/// More recipients of one message are refused.
const RECIPIENTS_MAX: usize = 100;

const GREETING: &[u8] = b"220 inbox ESMTP\r\n";

pub(super) async fn serve(listener: TcpListener, shelf: Arc<Shelf>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let (Ok(place), Ok((stream, _))) = (places.clone().acquire_owned().await, listener.accept().await) {
        let shelf = shelf.clone();
        tokio::spawn(async move {
            if let Err(error) = converse(stream, &shelf).await {
                tracing::debug!(%error, "inbox: a mail client left");
            }
            drop(place);
        });
    }
}

async fn converse(mut stream: TcpStream, shelf: &Shelf) -> std::io::Result<()> {
    let mut conversation = Conversation::default();
    let mut buffer = vec![0; 8192];
    stream.write_all(GREETING).await?;
    while !conversation.is_over {
        let count = tokio::time::timeout(SILENCE_DEADLINE, stream.read(&mut buffer)).await??;
        if count == 0 {
            return Ok(());
        }
        conversation.hear(buffer.get(..count).unwrap_or_default());
        // Taken before it is acknowledged.
        conversation.letters.drain(..).for_each(|letter| shelf.put(arrival(&letter)));
        stream.write_all(&std::mem::take(&mut conversation.answers)).await?;
    }
    Ok(())
}

/// One client's side of the story: bytes in, answers and letters out.
#[derive(Default)]
struct Conversation {
    requests: RequestReceiver,
    recipients: Vec<String>,
    message: Option<(DataReceiver, Vec<u8>)>,
    letters: Vec<Letter>,
    answers: Vec<u8>,
    is_over: bool,
}

#[derive(Debug, Default, PartialEq)]
struct Letter {
    recipients: Vec<String>,
    message: Vec<u8>,
}

impl Conversation {
    fn hear(&mut self, bytes: &[u8]) {
        let mut bytes = bytes.iter();
        while !self.is_over && bytes.len() > 0 {
            let before = bytes.len();
            match &mut self.message {
                Some((receiver, message)) => {
                    let is_complete = receiver.ingest(&mut bytes, message);
                    self.take(is_complete);
                }
                None => {
                    let answer = match self.requests.ingest(&mut bytes) {
                        Ok(request) => answer_to(request, &mut self.recipients, &mut self.message),
                        Err(Error::NeedsMoreData { .. }) => return,
                        Err(Error::UnknownCommand) => "502 not understood",
                        Err(_) => "501 not understood",
                    };
                    self.answer(answer);
                    // A line that is too long is not passed over.
                    self.is_over = answer.starts_with("221") || bytes.len() == before;
                }
            }
        }
    }

    fn take(&mut self, is_complete: bool) {
        let is_long = self.message.as_ref().is_some_and(|(_, message)| message.len() > MESSAGE_BYTES_MAX);
        if is_long {
            self.answer("552 too long");
            self.is_over = true;
        } else if is_complete && let Some((_, message)) = self.message.take() {
            self.letters.push(Letter { recipients: std::mem::take(&mut self.recipients), message });
            self.answer("250 taken");
        }
    }

    fn answer(&mut self, text: &str) {
        self.answers.extend_from_slice(text.as_bytes());
        self.answers.extend_from_slice(b"\r\n");
    }
}

fn answer_to(
    request: Request<std::borrow::Cow<'_, str>>,
    recipients: &mut Vec<String>,
    message: &mut Option<(DataReceiver, Vec<u8>)>,
) -> &'static str {
    match request {
        Request::Ehlo { .. } => "250-inbox\r\n250-8BITMIME\r\n250 SMTPUTF8",
        Request::Rcpt { .. } if recipients.len() == RECIPIENTS_MAX => "452 too many recipients",
        Request::Rcpt { to } => {
            recipients.push(to.address.into_owned());
            "250 ok"
        }
        Request::Data if recipients.is_empty() => "503 to whom?",
        Request::Data => {
            *message = Some((DataReceiver::new(), Vec::new()));
            "354 go on"
        }
        Request::Rset | Request::Mail { .. } | Request::Helo { .. } => {
            recipients.clear();
            "250 ok"
        }
        Request::Noop { .. } => "250 ok",
        Request::Quit => "221 bye",
        _ => "502 not understood",
    }
}

fn arrival(letter: &Letter) -> Arrival {
    let parsed = MessageParser::default().parse(&letter.message);
    let text =
        |read: fn(&mail_parser::Message<'_>) -> Option<String>| parsed.as_ref().and_then(read).unwrap_or_default();
    let summary = text(|mail| mail.subject().map(str::to_owned));
    // The shipped subjects begin so.
    let tells = match summary.as_str() {
        subject if subject.starts_with("[FIRING") => Tells::Firing,
        subject if subject.starts_with("[RESOLVED") => Tells::Resolved,
        _ => Tells::Other,
    };
    Arrival {
        channel: "email",
        to: letter.recipients.join(", "),
        tells,
        summary,
        body: text(|mail| mail.body_text(0).map(|body| body.into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALK: &str = "EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n\
        Subject: [FIRING:1] A\r\n\r\n..dotted\r\n.\r\nQUIT\r\n";

    #[test]
    fn a_letter_is_taken_however_the_bytes_come() {
        for piece in [1, 7, TALK.len()] {
            let mut conversation = Conversation::default();
            TALK.as_bytes().chunks(piece).for_each(|bytes| conversation.hear(bytes));
            let recipients = vec!["b@example.org".to_owned(), "c@example.org".to_owned()];
            let message = b"Subject: [FIRING:1] A\r\n\r\n.dotted\r\n".to_vec();
            assert_eq!(conversation.letters, [Letter { recipients, message }], "{piece} bytes at a time");
            let answers = String::from_utf8(conversation.answers).unwrap();
            let codes: Vec<&str> = answers.lines().filter_map(|line| line.get(..4)).collect();
            assert_eq!(codes, ["250-", "250-", "250 ", "250 ", "250 ", "250 ", "354 ", "250 ", "221 "]);
            assert!(conversation.is_over);
            let arrival = arrival(&conversation.letters[0]);
            assert_eq!((arrival.tells, arrival.to.as_str()), (Tells::Firing, "b@example.org, c@example.org"));
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_and_bounded() {
        let mut conversation = Conversation::default();
        conversation.hear(b"DATA\r\nWHAT\r\nRCPT FROM\r\nSTARTTLS\r\nNOOP\r\n");
        let answers = String::from_utf8(std::mem::take(&mut conversation.answers)).unwrap();
        let codes: Vec<&str> = answers.lines().filter_map(|line| line.get(..3)).collect();
        assert_eq!(codes, ["503", "502", "501", "502", "250"]);
        conversation.hear(b"RCPT TO:<b@example.org>\r\nDATA\r\n");
        let line = [b'x'; 8192];
        for _ in 0..=MESSAGE_BYTES_MAX / line.len() {
            conversation.hear(&line);
        }
        assert!(conversation.is_over && conversation.letters.is_empty());
        let mut conversation = Conversation::default();
        (0..10).for_each(|_| conversation.hear(&line));
        assert!(conversation.answers.len() < 1000, "a line without end");
    }
}
