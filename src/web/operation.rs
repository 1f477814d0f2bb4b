//! Endpoints every service of the family has: health, readiness, reload, metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use prometheus_client::registry::Registry;
use tokio::sync::Notify;

use crate::reload::{Reloader, Trigger};

/// Turns true once state is restored and the first configuration is in force.
#[derive(Clone, Debug, Default)]
pub struct Ready(Arc<AtomicBool>);

impl Ready {
    /// From now on `/-/ready` answers 200.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Ends the process when somebody asks for it, where that is allowed.
#[derive(Clone, Debug)]
pub struct Quit {
    is_allowed: bool,
    asked: Arc<Notify>,
}

impl Quit {
    /// Nobody has asked yet.
    pub fn new(is_allowed: bool) -> Self {
        Self { is_allowed, asked: Arc::default() }
    }

    /// Resolves once somebody has asked.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Somebody in the process asks, who needs no permission.
    pub fn now(&self) {
        // Kept if nobody waits yet.
        self.asked.notify_one();
    }

    async fn ask(self) -> Response {
        if !self.is_allowed {
            let why = "Ending the process by request is not enabled: start it with --web.enable-lifecycle\n";
            return (StatusCode::FORBIDDEN, why).into_response();
        }
        self.now();
        "The process ends.\n".into_response()
    }
}

/// `/-/healthy`, `/-/ready`, `/-/reload`, `/-/quit`, `/metrics`.
pub fn router(ready: Ready, reloader: Arc<Reloader>, registry: Arc<Registry>, quit: Quit) -> Router {
    let quit = move || quit.clone().ask();
    let reload = move || {
        let reloader = reloader.clone();
        async move {
            match reloader.reload(Trigger::Request).await {
                Ok(()) => StatusCode::OK.into_response(),
                Err(error) => {
                    (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {error:#}\n")).into_response()
                }
            }
        }
    };
    let readiness = move || {
        let ready = ready.get();
        async move { if ready { (StatusCode::OK, "OK") } else { (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable") } }
    };
    Router::new()
        .route("/-/healthy", get(|| async { "OK" }))
        .route("/-/ready", get(readiness))
        .route("/-/reload", post(reload.clone()).put(reload))
        .route("/-/quit", post(quit.clone()).put(quit))
        .route("/metrics", get(move || metrics(registry.clone())))
}

async fn metrics(registry: Arc<Registry>) -> Response {
    match exposition::text(&registry) {
        Ok(text) => ([(header::CONTENT_TYPE, exposition::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot write metrics: {error}\n")).into_response(),
    }
}
