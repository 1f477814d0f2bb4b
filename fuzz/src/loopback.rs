//! One runtime of one thread, and a peer on the loopback interface that answers each request with what it is told.

use std::cell::RefCell;
use std::future::Future;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

thread_local! {
    static RUNTIME: Runtime = {
        watchfire::install_crypto();
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
    };
}

/// Runs to the end.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// What is sent to whoever asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    /// As it stands on the wire; the whole answer if there is no head.
    pub(crate) head: Option<String>,
    pub(crate) body: Bytes,
}

thread_local! {
    static REPLY: RefCell<Reply> = RefCell::default();
    static ASKED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ADDRESS: String = listen();
}

/// What is answered from now on.
pub(crate) fn answers(reply: Reply) {
    REPLY.set(reply);
}

/// A good answer with this body.
pub(crate) fn answers_with(status: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
    answers(Reply { head: Some(head), body: Bytes::copy_from_slice(body) });
}

/// The body of what was asked last.
pub(crate) fn asked() -> Vec<u8> {
    ASKED.take()
}

/// Where the peer listens.
pub(crate) fn url() -> String {
    ADDRESS.with(|address| format!("http://{address}"))
}

fn listen() -> String {
    let listener = run(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    RUNTIME.with(|runtime| {
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // How the other side leaves is its affair.
                tokio::spawn(async move { drop(converse(stream).await) });
            }
        })
    });
    address
}

async fn converse(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    loop {
        let Some(body) = whole_request(&mut stream, &mut request).await? else { return Ok(()) };
        ASKED.set(body);
        let Reply { head, body } = REPLY.with_borrow(Clone::clone);
        if let Some(head) = &head {
            stream.write_all(head.as_bytes()).await?;
        }
        stream.write_all(&body).await?;
        // What has no length ends with the connection.
        if head.is_none() {
            return stream.shutdown().await;
        }
    }
}

/// The body of the next request; none at the end.
async fn whole_request(stream: &mut TcpStream, read: &mut Vec<u8>) -> std::io::Result<Option<Vec<u8>>> {
    loop {
        let text = String::from_utf8_lossy(read).to_ascii_lowercase();
        if let Some(head) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
            if read.len() >= head + 4 + length {
                let rest = read.split_off(head + 4 + length);
                let body = std::mem::replace(read, rest).split_off(head + 4);
                return Ok(Some(body));
            }
        }
        if stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
}
