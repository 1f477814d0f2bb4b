//! A plain HTTP server on a thread of its own that answers from prepared bytes.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The answer to a request whose sender only wants to know that it came.
pub(crate) const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Gives the whole answer to a whole request, head and body.
type Answer = Arc<dyn Fn(&[u8]) -> Arc<[u8]> + Send + Sync>;

/// Begins to listen; gives the port.
pub(crate) fn listen(answer: impl Fn(&[u8]) -> Arc<[u8]> + Send + Sync + 'static) -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let answer: Answer = Arc::new(answer);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone()));
            }
        });
    });
    Ok(port)
}

async fn serve(mut stream: TcpStream, answer: Answer) {
    let mut buffer = Vec::with_capacity(8192);
    loop {
        while let Some(size) = complete(&buffer) {
            let answered = answer(&buffer[..size]);
            buffer.drain(..size);
            if stream.write_all(&answered).await.is_err() {
                return;
            }
        }
        if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
            return;
        }
    }
}

/// The size of the first request, if it is there as a whole.
fn complete(buffer: &[u8]) -> Option<usize> {
    let head = find(buffer, b"\r\n\r\n")? + 4;
    let lines = std::str::from_utf8(buffer.get(..head)?).ok()?.lines();
    let length =
        lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let size = head + length.map_or(Some(0), |(_, length)| length.trim().parse::<usize>().ok())?;
    (buffer.len() >= size).then_some(size)
}

/// Where a part begins.
pub(crate) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
