//! A request on its way through: its body is waited for with patience, and its connection knows that it is served until the
//! answer is written.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use axum::response::IntoResponse;
use futures_util::future::BoxFuture;
use hyper::body::{Frame, Incoming, SizeHint};
use tower::ServiceExt;

use super::connections::seat::Visit;
use super::connections::{Connections, Place};
use super::patience::Patience;
use crate::live;

/// Has a request answered. 408 where its body does not come.
pub(super) fn answered(
    router: Router,
    place: &Place,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Served>, Infallible>> + Send + use<> {
    let visit = place.seat().visit(request.version() == Version::HTTP_2);
    let connections = place.connections().clone();
    let (request, is_late) = awaited(request, &visit);
    async move {
        if let Some(refusal) = without_host(&request) {
            return Ok(refusal.map(|body| Served { body, visit }));
        }
        let mut response = router.oneshot(request).await?;
        if is_late.is_some_and(|is_late| is_late.load(Ordering::Relaxed)) {
            response = too_slow(&connections);
        }
        Ok(response.map(|body| Served { body, visit }))
    }
}

/// HTTP/1.1 wants to be told the host once: others would take a second one for something else. In the words of Go's server.
fn without_host(request: &Request<Body>) -> Option<axum::response::Response> {
    if request.version() != Version::HTTP_11 {
        return None;
    }
    let text = match request.headers().get_all(header::HOST).iter().count() {
        0 => "400 Bad Request: missing required Host header",
        1 => return None,
        _ => "400 Bad Request: too many Host headers",
    };
    Some((StatusCode::BAD_REQUEST, [(header::CONNECTION, "close")], text).into_response())
}

fn too_slow(connections: &Connections) -> axum::response::Response {
    connections.body_was_slow();
    let mut response = (StatusCode::REQUEST_TIMEOUT, "Request Timeout: the body came too slowly\n").into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The request with a body that is waited for, and whether that took too long. None of it where there is no body.
fn awaited(request: Request<Incoming>, visit: &Visit) -> (Request<Body>, Option<Arc<AtomicBool>>) {
    if request.body().is_end_stream() {
        return (request.map(|_| Body::empty()), None);
    }
    let is_late = Arc::new(AtomicBool::new(false));
    let request = request.map(|body| {
        Body::new(Awaited {
            body,
            visit: visit.clone(),
            is_whole: false,
            is_late: is_late.clone(),
            patience: Patience::default(),
            waits: None,
        })
    });
    (request, Some(is_late))
}

/// The body of a request.
struct Awaited {
    body: Incoming,
    visit: Visit,
    is_whole: bool,
    is_late: Arc<AtomicBool>,
    patience: Patience,
    /// Since when it is waited for, and until it no longer is.
    waits: Option<(Instant, BoxFuture<'static, ()>)>,
}

impl HttpBody for Awaited {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
                if let Some((since, _)) = this.waits.take() {
                    this.patience.passed(live::instant().duration_since(since), bytes);
                    this.visit.moved();
                } else if !this.patience.is_whole() {
                    this.patience.passed(Duration::ZERO, bytes);
                }
                this.is_whole |= frame.is_none() || this.body.is_end_stream();
                Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)))
            }
            Poll::Pending => {
                let left = this.patience.left();
                let (_, until) = this.waits.get_or_insert_with(|| (live::instant(), Box::pin(live::wait(left))));
                ready!(until.as_mut().poll(cx));
                this.is_late.store(true, Ordering::Relaxed);
                let error = io::Error::new(io::ErrorKind::TimedOut, "the body came too slowly");
                Poll::Ready(Some(Err(axum::Error::new(error))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if !self.is_whole && !self.body.is_end_stream() {
            self.visit.left_over();
        }
    }
}

/// The body of an answer; its connection is busy for as long as it is there.
pub(super) struct Served {
    body: Body,
    visit: Visit,
}

impl HttpBody for Served {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.visit.moved();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
