//! How many GET requests are answered at the same time: lists of everything are large, and who reads slowly keeps them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::available_parallelism;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// With no limit given: the number of processors, but at least this.
const LEAST_BY_DEFAULT: usize = 8;

/// Answers that are still written, beside those that are made: so many times as many.
const WRITTEN: usize = 2;

/// Marks an answer that refuses a request for this reason.
#[derive(Clone, Copy, Debug)]
pub struct Exceeded;

/// The router with at most `at_once` GET requests at the same time, the others refused with 503; 0 is the default.
pub fn limited(router: Router, at_once: usize) -> Router {
    let by_default = || available_parallelism().map_or(LEAST_BY_DEFAULT, |count| count.get().max(LEAST_BY_DEFAULT));
    let at_once = if at_once == 0 { by_default() } else { at_once };
    let places = Arc::new(Semaphore::new(at_once));
    let written = Arc::new(Semaphore::new(at_once.saturating_mul(WRITTEN).min(Semaphore::MAX_PERMITS)));
    router.layer(from_fn(move |request, next| admit(places.clone(), written.clone(), at_once, request, next)))
}

async fn admit(
    places: Arc<Semaphore>,
    written: Arc<Semaphore>,
    at_once: usize,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let Ok(_place) = places.try_acquire() else { return exceeded(at_once) };
    let response = next.run(request).await;
    // What is there as a whole is the kernel's soon; of a long list the rest is made while the client reads.
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    match written.try_acquire_owned() {
        Ok(place) => response.map(|body| Body::new(Written { body, _place: place })),
        Err(_) => exceeded(at_once),
    }
}

fn exceeded(at_once: usize) -> Response {
    let text = format!("Limit of concurrent GET requests reached ({at_once}), try again later.\n\n");
    (StatusCode::SERVICE_UNAVAILABLE, Extension(Exceeded), text).into_response()
}

/// An answer that is written piece by piece, with its place.
struct Written {
    body: Body,
    _place: OwnedSemaphorePermit,
}

impl HttpBody for Written {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use tokio::sync::Notify;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn who_reads_slowly_keeps_a_place() {
        let endless =
            || async { Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>("x"))) };
        let router = limited(Router::new().route("/", get(endless)), 1);
        let ask = || router.clone().oneshot(Request::get("/").body(Body::empty()).unwrap());
        let (first, second) = (ask().await.unwrap(), ask().await.unwrap());
        assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK));
        assert_eq!(ask().await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(second);
        assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
        drop(first);
    }

    #[tokio::test]
    async fn one_get_too_many_is_refused_and_a_post_is_not() {
        let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (signal, wait) = (entered.clone(), leave.clone());
        let slow = move || async move {
            signal.notify_one();
            wait.notified().await;
        };
        let router = limited(Router::new().route("/slow", get(slow)).route("/", get(|| async {}).post(|| async {})), 1);
        let ask = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            let router = router.clone();
            async move { router.oneshot(request).await.unwrap().status() }
        };
        let held = tokio::spawn(ask("GET", "/slow"));
        entered.notified().await;
        assert_eq!(ask("GET", "/").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask("POST", "/").await, StatusCode::OK);
        leave.notify_one();
        assert_eq!(held.await.unwrap(), StatusCode::OK);
        assert_eq!(ask("GET", "/").await, StatusCode::OK);
    }
}
