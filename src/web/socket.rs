//! A socket that tells its seat what goes on: that bytes came, and that the client does not take what it was sent.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connections::seat::Seat;
use super::patience::Patience;
use crate::live;

/// After an answer that ended a request early, what the client still sends is read for so long: to close at once would take the
/// answer from it.
const LINGER: Duration = Duration::from_secs(1);
/// And no more than this.
const LINGER_BYTES_MAX: usize = 4 << 20;

/// A socket, or TLS over one.
pub(super) struct Socket<S> {
    stream: S,
    seat: Arc<Seat>,
    /// Since when a write waits.
    waits: Option<Instant>,
    patience: Patience,
    lingering: Option<Lingering>,
}

struct Lingering {
    until: Pin<Box<dyn Future<Output = ()> + Send>>,
    bytes_left: usize,
}

impl<S> Socket<S> {
    pub(super) fn new(stream: S, seat: Arc<Seat>) -> Self {
        Self { stream, seat, waits: None, patience: Patience::default(), lingering: None }
    }

    /// A write was tried.
    fn wrote(&mut self, outcome: &Poll<io::Result<usize>>) {
        match outcome {
            Poll::Pending if self.waits.is_none() => {
                let now = live::instant();
                self.waits = Some(now);
                self.seat.unread_by(Some(now + self.patience.left()));
            }
            Poll::Ready(Ok(bytes)) if self.waits.is_some() || !self.patience.is_whole() => {
                let waited = self.waits.take().map_or(Duration::ZERO, |since| live::instant().duration_since(since));
                self.patience.passed(waited, *bytes);
                self.seat.unread_by(None);
            }
            _ => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if let Some(bytes) = buf.filled().get(before..).filter(|bytes| !bytes.is_empty()) {
            self.seat.heard(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if !this.seat.has_left_over() {
                return Poll::Ready(Ok(()));
            }
        }
        let lingering = this
            .lingering
            .get_or_insert_with(|| Lingering { until: Box::pin(live::wait(LINGER)), bytes_left: LINGER_BYTES_MAX });
        let mut scratch = [0; 4096];
        while lingering.bytes_left > 0 {
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(&mut this.stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    lingering.bytes_left = lingering.bytes_left.saturating_sub(buf.filled().len());
                }
                // It has gone, or hung up.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return lingering.until.as_mut().poll(cx).map(Ok),
            }
        }
        Poll::Ready(Ok(()))
    }
}
