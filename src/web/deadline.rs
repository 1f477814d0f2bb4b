//! How long a request may take (`--web.timeout`).

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;

/// The router whose requests are answered with 503 where they take longer; zero is no limit.
pub fn within(router: Router, deadline: Duration) -> Router {
    if deadline.is_zero() {
        return router;
    }
    let layer = from_fn(move |request: Request, next: Next| async move {
        let too_late = || {
            let text = format!("Exceeded configured timeout of {}.\n", go_duration(deadline));
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        };
        tokio::time::timeout(deadline, next.run(request)).await.unwrap_or_else(|_| too_late())
    });
    router.layer(layer)
}

/// As Go prints durations: `1m30s`, `1.5s`, `500ms`.
fn go_duration(duration: Duration) -> String {
    let secs = duration.as_secs();
    if secs == 0 {
        return format!("{duration:?}");
    }
    let seconds = format!("{:?}", duration - Duration::from_secs(secs - secs % 60));
    let seconds =
        if seconds.ends_with("ms") { format!("{}s", f64::from(duration.subsec_millis()) / 1000.0) } else { seconds };
    let seconds = if seconds.starts_with("0n") { "0s".to_owned() } else { seconds };
    match (secs / 3600, secs / 60 % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn durations_are_printed_as_go_does() {
        let cases = [
            (500, "500ms"),
            (1500, "1.5s"),
            (5000, "5s"),
            (60_000, "1m0s"),
            (90_500, "1m30.5s"),
            (3_600_000, "1h0m0s"),
            (60_500, "1m0.5s"),
        ];
        for (ms, text) in cases {
            assert_eq!(go_duration(Duration::from_millis(ms)), text);
        }
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_gets_alertmanagers_words() {
        let never = Router::new().route("/", get(std::future::pending::<()>));
        let request = Request::builder().uri("/").body(Body::empty()).unwrap();
        let response = within(never, Duration::from_millis(5)).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), "Exceeded configured timeout of 5ms.\n");
    }
}
