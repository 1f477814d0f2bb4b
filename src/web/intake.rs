//! How much memory the bodies of requests take together, and how many of them are worked on at the same time. What is beyond
//! is refused with 503 before it grows; health checks and scrapes need no place here.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use exposition::Page;
use hyper::body::{Frame, SizeHint};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use crate::live;

/// Bodies up to this size share a room of their own, so that large ones keep no sender of alerts waiting: Prometheus posts
/// 256 alerts at a time, some 200 kB.
const SMALL_BYTES: usize = 1 << 20;
/// Most of all small bodies together.
const SMALL_ROOM_KIB: usize = 64 << 10;
/// Most of all others; three of the largest that the API takes.
const LARGE_ROOM_KIB: usize = 192 << 10;
/// Requests whose body is there and that are not answered yet.
const TURNS: usize = 512;
/// Requests without a body whose answer has not begun: pages and lists, which take longer.
const READING_TURNS: usize = 64;
/// A request waits so long for its turn: less than Prometheus does for an answer.
const TURN_PATIENCE: Duration = Duration::from_secs(5);
/// When who was refused may come again, in seconds.
const RETRY_AFTER: &str = "5";
/// Refusals are told so often.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The rooms for bodies, and what was refused.
#[derive(Clone)]
pub struct Intake(Arc<Rooms>);

struct Rooms {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    reading: Arc<Semaphore>,
    sizes: [usize; 4],
    patience: Duration,
    refused: [AtomicU64; 2],
    /// Milliseconds.
    told_at: AtomicI64,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scarce {
    Memory,
    Turns,
}

impl Default for Intake {
    fn default() -> Self {
        Self::new([SMALL_ROOM_KIB, LARGE_ROOM_KIB, TURNS, READING_TURNS], TURN_PATIENCE)
    }
}

impl Intake {
    fn new(sizes: [usize; 4], patience: Duration) -> Self {
        let [small, large, turns, reading] = sizes.map(|size| Arc::new(Semaphore::new(size)));
        Self(Arc::new(Rooms {
            small,
            large,
            turns,
            reading,
            sizes,
            patience,
            refused: Default::default(),
            told_at: AtomicI64::new(0),
        }))
    }

    /// The router, whose requests find room here or are refused.
    pub fn bounded(&self, router: Router) -> Router {
        let rooms = self.0.clone();
        router.layer(from_fn(move |request, next| admit(rooms.clone(), request, next)))
    }
}

async fn admit(rooms: Arc<Rooms>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        let Some(_turn) = turn(rooms.reading.clone(), rooms.patience).await else { return rooms.refuse(Scarce::Turns) };
        return next.run(request).await;
    }
    let held = Arc::new(Held { rooms, taken: Mutex::default() });
    let request = request.map(|body| Body::new(Measured { body, held: held.clone(), turn: None, is_whole: false }));
    let response = next.run(request).await;
    let scarce = held.taken().scarce;
    scarce.map_or(response, |scarce| held.rooms.refuse(scarce))
}

impl Rooms {
    fn refuse(&self, scarce: Scarce) -> Response {
        if let Some(count) = self.refused.get(scarce as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let now = live::now().as_millis();
        let told_at = self.told_at.load(Ordering::Relaxed);
        let is_due = now < told_at || now - told_at >= TOLD_EVERY.as_millis() as i64;
        if is_due && self.told_at.compare_exchange(told_at, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            warn!(reason = scarce.as_str(), "too many requests at the same time: some are refused with 503");
        }
        let text = "Too many requests at the same time, try again later.\n";
        let mut response = (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        response
    }

    fn in_use(&self) -> [usize; 4] {
        let free = [&self.small, &self.large, &self.turns, &self.reading].map(|room| room.available_permits());
        std::array::from_fn(|at| self.sizes[at].saturating_sub(free[at]))
    }
}

/// Waits for a turn, for a while.
async fn turn(turns: Arc<Semaphore>, patience: Duration) -> Option<OwnedSemaphorePermit> {
    if let Ok(turn) = turns.clone().try_acquire_owned() {
        return Some(turn);
    }
    tokio::select! {
        biased;
        turn = turns.acquire_owned() => turn.ok(),
        () = live::wait(patience) => None,
    }
}

impl Scarce {
    const ALL: [Self; 2] = [Self::Memory, Self::Turns];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Turns => "turns",
        }
    }
}

/// What a request has of the rooms, until it is answered.
struct Held {
    rooms: Arc<Rooms>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    bytes: usize,
    room: Option<OwnedSemaphorePermit>,
    is_large: bool,
    _turn: Option<OwnedSemaphorePermit>,
    scarce: Option<Scarce>,
}

impl Held {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for more of the body; false if there is none.
    fn grow(&self, bytes: usize) -> bool {
        let mut taken = self.taken();
        taken.bytes = taken.bytes.saturating_add(bytes);
        let moves = !taken.is_large && taken.bytes > SMALL_BYTES;
        taken.is_large |= moves;
        let has = if moves { 0 } else { taken.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) };
        let more = u32::try_from(taken.bytes.div_ceil(1024).saturating_sub(has)).unwrap_or(u32::MAX);
        let room = if taken.is_large { &self.rooms.large } else { &self.rooms.small };
        let Ok(permits) = room.clone().try_acquire_many_owned(more) else {
            taken.scarce = Some(Scarce::Memory);
            return false;
        };
        match &mut taken.room {
            Some(room) if !moves => room.merge(permits),
            room => *room = Some(permits),
        }
        true
    }
}

/// A turn that is waited for.
type Turn = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

/// A body that takes room as it comes, and ends when it is its request's turn.
struct Measured {
    body: Body,
    held: Arc<Held>,
    turn: Option<Turn>,
    is_whole: bool,
}

impl Measured {
    fn turn(&self) -> Turn {
        Box::pin(turn(self.held.rooms.turns.clone(), self.held.rooms.patience))
    }
}

impl HttpBody for Measured {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let refused = || Poll::Ready(Some(Err(axum::Error::new(io::Error::other("no room for the request")))));
        while !this.is_whole {
            if let Some(turn) = &mut this.turn {
                let turn = ready!(turn.as_mut().poll(cx));
                (this.turn, this.is_whole) = (None, true);
                let mut taken = this.held.taken();
                if turn.is_none() {
                    taken.scarce = Some(Scarce::Turns);
                    drop(taken);
                    return refused();
                }
                taken._turn = turn;
                break;
            }
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                None => this.turn = Some(this.turn()),
                Some(Ok(frame)) if !this.held.grow(frame.data_ref().map_or(0, Bytes::len)) => {
                    this.is_whole = true;
                    return refused();
                }
                other => return Poll::Ready(other),
            }
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Intake")
    }
}

impl Collector for Intake {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        let rooms = &self.0;
        let ([small, large, turns, reading], [small_max, large_max, turns_max, reading_max]) =
            (rooms.in_use(), rooms.sizes);
        let rows = |small: usize, large: usize| {
            [("small", small), ("large", large)].map(|(size, kib)| ([("size", size)], (kib << 10) as f64))
        };
        let kinds = |writing: usize, reading: usize| {
            [("writing", writing), ("reading", reading)].map(|(kind, count)| ([("kind", kind)], count as f64))
        };
        page.gauges("watchfire_http_bodies_bytes", "Bytes of bodies of requests under way", rows(small, large))?;
        page.gauges("watchfire_http_bodies_limit_bytes", "The most there may be", rows(small_max, large_max))?;
        let help = "Requests that are worked on: those with a body, and all others";
        page.gauges("watchfire_http_requests_at_work", help, kinds(turns, reading))?;
        page.gauges("watchfire_http_requests_at_work_limit", "The most there may be", kinds(turns_max, reading_max))?;
        let refused = Scarce::ALL.map(|scarce| {
            let count = rooms.refused.get(scarce as usize).map_or(0, |count| count.load(Ordering::Relaxed));
            ([("reason", scarce.as_str())], count)
        });
        page.counters(
            "watchfire_http_requests_refused",
            "Requests refused with 503 as too many were under way",
            refused,
        )
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use tokio::sync::Notify;
    use tower::ServiceExt;

    use super::*;

    /// A router whose `/held` is answered when told to.
    fn stage(intake: &Intake) -> (Router, Arc<Notify>, Arc<Notify>) {
        let (came, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (signal, wait) = (came.clone(), go.clone());
        let held = move |_: Bytes| async move {
            signal.notify_one();
            wait.notified().await;
        };
        let router =
            Router::new().route("/held", post(held)).route("/", post(async |body: Bytes| body.len().to_string()));
        (intake.bounded(router), came, go)
    }

    async fn send(router: Router, path: &str, bytes: usize) -> Response {
        let body = Body::from(vec![b'x'; bytes]);
        router.oneshot(Request::post(path).body(body).unwrap()).await.unwrap()
    }

    fn refused(intake: &Intake) -> [u64; 2] {
        [0, 1].map(|at| intake.0.refused[at].load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn bodies_find_room_together_or_are_refused() {
        let intake = Intake::new([100, 1500, 10, 1], Duration::from_millis(10));
        let (router, came, go) = stage(&intake);
        let held = tokio::spawn(send(router.clone(), "/held", 90 << 10));
        came.notified().await;
        assert_eq!(intake.0.in_use(), [90, 0, 1, 0]);
        let full = send(router.clone(), "/", 20 << 10).await;
        let later = full.headers()[header::RETRY_AFTER].to_str().unwrap();
        assert_eq!((full.status(), later), (StatusCode::SERVICE_UNAVAILABLE, "5"));
        assert_eq!(send(router.clone(), "/", 10 << 10).await.status(), StatusCode::OK);
        go.notify_one();
        assert_eq!(held.await.unwrap().status(), StatusCode::OK);
        assert_eq!(intake.0.in_use(), [0; 4], "what was held is given back");
        assert_eq!(refused(&intake), [1, 0]);
    }

    #[tokio::test]
    async fn large_bodies_leave_the_small_ones_their_room() {
        let intake = Intake::new([1100, 1500, 10, 1], Duration::from_millis(10));
        let (router, came, go) = stage(&intake);
        let held = tokio::spawn(send(router.clone(), "/held", 1400 << 10));
        came.notified().await;
        assert_eq!(intake.0.in_use(), [0, 1400, 1, 0]);
        assert_eq!(send(router.clone(), "/", 1200 << 10).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(send(router.clone(), "/", 1 << 20).await.status(), StatusCode::OK);
        go.notify_one();
        assert_eq!(held.await.unwrap().status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn who_finds_too_many_at_work_waits_a_little() {
        let intake = Intake::new([1000, 1000, 1, 1], Duration::from_millis(10));
        let (router, came, go) = stage(&intake);
        let held = tokio::spawn(send(router.clone(), "/held", 1));
        came.notified().await;
        assert_eq!(send(router.clone(), "/", 1).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused(&intake), [0, 1]);
        assert_eq!(
            send(router.clone(), "/", 0).await.status(),
            StatusCode::OK,
            "without a body it waits for others of its kind"
        );
        go.notify_one();
        assert_eq!(held.await.unwrap().status(), StatusCode::OK);
        assert_eq!(send(router, "/", 1).await.status(), StatusCode::OK);
    }
}
