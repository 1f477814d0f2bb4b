//! The connection to a mail server: no more of it is read than an answer takes, however many its lines are and however long.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a mail server may say before we say something again: certificates after STARTTLS take a few KiB, answers less.
const SAID_MAX: usize = 64 << 10;

/// Lines of it. The library reads an answer anew with each line, so a long one would keep all other deliveries waiting; what is
/// encrypted has a byte that looks like the end of a line now and then.
const LINES_MAX: usize = 512;

/// A connection, in the clear or secured, of which only so much is read at a time.
#[derive(Debug)]
pub(super) struct Bounded<S> {
    stream: S,
    peer: SocketAddr,
    said: usize,
    lines: usize,
}

impl<S> Bounded<S> {
    pub(super) fn new(stream: S, peer: SocketAddr) -> Bounded<S> {
        Bounded { stream, peer, said: 0, lines: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.said > SAID_MAX || self.lines > LINES_MAX {
            return Poll::Ready(Err(io::Error::other("the server says more than an answer takes")));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buf);
        let new = buf.filled().get(before..).unwrap_or_default();
        self.said += new.len();
        self.lines += new.iter().filter(|byte| **byte == b'\n').count();
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        (self.said, self.lines) = (0, 0);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Debug + Send + Sync + Unpin> AsyncTokioStream for Bounded<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
