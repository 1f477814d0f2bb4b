//! Takes webhooks and notes when each group's first one came.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// When each group's webhook came, by the number of its pod.
type Arrivals = Arc<Mutex<Vec<Option<Instant>>>>;

/// A web server on a thread of its own.
pub(crate) struct Sink {
    pub(crate) port: u16,
    arrivals: Arrivals,
}

impl Sink {
    pub(crate) fn open() -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let arrivals = Arrivals::default();
        let noted = arrivals.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, noted.clone()));
                }
            });
        });
        Ok(Self { port, arrivals })
    }

    /// Forgets what came, and expects so many groups.
    pub(crate) fn expect(&self, groups: usize) {
        *lock(&self.arrivals) = vec![None; groups];
    }

    /// Waits until every group has come, and answers when each did; less if some do not come within a long time.
    pub(crate) fn wait(&self) -> Vec<Option<Instant>> {
        let deadline = Instant::now() + Duration::from_secs(240);
        loop {
            let arrivals = lock(&self.arrivals).clone();
            if arrivals.iter().all(Option::is_some) || Instant::now() > deadline {
                return arrivals;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

async fn serve(mut stream: TcpStream, arrivals: Arrivals) {
    let mut buffer = Vec::with_capacity(8192);
    loop {
        while let Some(size) = complete(&buffer) {
            if let Some(pod) = pod(&buffer[..size])
                && let Some(arrival) = lock(&arrivals).get_mut(pod)
            {
                arrival.get_or_insert_with(Instant::now);
            }
            buffer.drain(..size);
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.is_err() {
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
    let size = head + length?.1.trim().parse::<usize>().ok()?;
    (buffer.len() >= size).then_some(size)
}

fn pod(request: &[u8]) -> Option<usize> {
    const BEFORE: &[u8] = b"\"pod\":\"pod-";
    let text = request.get(find(request, BEFORE)? + BEFORE.len()..)?;
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
