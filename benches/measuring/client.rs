//! A plain HTTP client on one kept connection: next to no CPU of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};

/// A kept connection.
pub(crate) struct Client(BufReader<TcpStream>);

/// What came back; of the body only its size.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) bytes: usize,
}

impl Client {
    pub(crate) fn connect(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self(BufReader::with_capacity(1 << 16, stream)))
    }

    pub(crate) fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n");
        self.exchange(request.as_bytes(), &mut std::io::sink())
    }

    /// Posts JSON; anything but 200 is an error.
    pub(crate) fn post(&mut self, path: &str, body: &[u8]) -> anyhow::Result<()> {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        let answer = self.exchange(&request, &mut std::io::sink())?;
        if answer.status != 200 {
            bail!("POST {path} is answered with {}", answer.status);
        }
        Ok(())
    }

    /// Sends a whole request; the answer's body goes where it is wanted.
    pub(crate) fn exchange(&mut self, request: &[u8], body: &mut impl Write) -> anyhow::Result<Answer> {
        self.0.get_mut().write_all(request)?;
        let status = self.line()?.split(' ').nth(1).and_then(|code| code.parse().ok()).context("a status line")?;
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            is_chunked |= line.starts_with("transfer-encoding:") && line.ends_with("chunked");
        }
        let mut bytes = 0;
        while is_chunked {
            let chunk = usize::from_str_radix(self.line()?.trim(), 16)?;
            self.pass(chunk, body)?;
            self.pass(2, &mut std::io::sink())?;
            bytes += chunk;
            is_chunked = chunk > 0;
        }
        self.pass(length, body)?;
        Ok(Answer { status, bytes: bytes + length })
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        anyhow::ensure!(self.0.read_line(&mut line)? > 0, "the connection is closed");
        Ok(line.trim_end().to_owned())
    }

    fn pass(&mut self, bytes: usize, into: &mut impl Write) -> anyhow::Result<()> {
        let passed = std::io::copy(&mut self.0.by_ref().take(bytes as u64), into)?;
        anyhow::ensure!(passed == bytes as u64, "the answer ends before its end");
        Ok(())
    }
}
