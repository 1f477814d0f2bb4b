//! How many GET requests are answered at the same time: lists of everything are large.

use std::sync::Arc;
use std::thread::available_parallelism;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use tokio::sync::Semaphore;

/// With no limit given: the number of processors, but at least this.
const LEAST_BY_DEFAULT: usize = 8;

/// Marks an answer that refuses a request for this reason.
#[derive(Clone, Copy, Debug)]
pub struct Exceeded;

/// The router with at most `at_once` GET requests at the same time, the others refused with 503; 0 is the default.
pub fn limited(router: Router, at_once: usize) -> Router {
    let by_default = || available_parallelism().map_or(LEAST_BY_DEFAULT, |count| count.get().max(LEAST_BY_DEFAULT));
    let at_once = if at_once == 0 { by_default() } else { at_once };
    let places = Arc::new(Semaphore::new(at_once));
    router.layer(from_fn(move |request, next| admit(places.clone(), at_once, request, next)))
}

async fn admit(places: Arc<Semaphore>, at_once: usize, request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    match places.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => {
            let text = format!("Limit of concurrent GET requests reached ({at_once}), try again later.\n\n");
            (StatusCode::SERVICE_UNAVAILABLE, Extension(Exceeded), text).into_response()
        }
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
