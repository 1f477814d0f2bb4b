//! The mail door: enough SMTP (RFC 5321) to take a message.

use std::sync::Arc;
use std::time::Duration;

use mail_parser::MessageParser;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{Page, Shelf};

/// A client that is silent for longer is let go.
const SILENCE_DEADLINE: Duration = Duration::from_secs(60);
/// Longer messages are refused.
const MESSAGE_BYTES_MAX: usize = 8 << 20;

pub(super) async fn serve(listener: TcpListener, shelf: Arc<Shelf>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shelf = shelf.clone();
        tokio::spawn(async move {
            if let Err(error) = converse(stream, &shelf).await {
                tracing::debug!(%error, "inbox: a mail client left");
            }
        });
    }
}

async fn converse(stream: TcpStream, shelf: &Shelf) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut recipients = Vec::new();
    stream.write_all(b"220 inbox ESMTP\r\n").await?;
    loop {
        let line = read_line(&mut stream).await?;
        if line.is_empty() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line);
        let verb: String = text.chars().take(4).collect::<String>().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-inbox\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "RCPT" => {
                recipients.push(address(&text));
                b"250 ok\r\n"
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let message = read_message(&mut stream).await?;
                shelf.put(page(&message, &std::mem::take(&mut recipients)));
                b"250 taken\r\n"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            "RSET" => {
                recipients.clear();
                b"250 ok\r\n"
            }
            "HELO" | "MAIL" | "NOOP" => b"250 ok\r\n",
            _ => b"502 not understood\r\n",
        };
        stream.write_all(answer).await?;
    }
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    tokio::time::timeout(SILENCE_DEADLINE, stream.read_until(b'\n', &mut line)).await??;
    Ok(line)
}

async fn read_message(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let line = read_line(stream).await?;
        if line.is_empty() || message.len() > MESSAGE_BYTES_MAX {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(message);
        }
        // A leading dot was doubled by the sender.
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

fn address(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(|| line.trim().to_owned(), |(address, _)| address.to_owned())
}

fn page(message: &[u8], recipients: &[String]) -> Page {
    let parsed = MessageParser::default().parse(message);
    let text =
        |read: fn(&mail_parser::Message<'_>) -> Option<String>| parsed.as_ref().and_then(read).unwrap_or_default();
    Page {
        channel: "email",
        to: recipients.join(", "),
        summary: text(|mail| mail.subject().map(str::to_owned)),
        body: text(|mail| mail.body_text(0).map(|body| body.into_owned())),
    }
}
