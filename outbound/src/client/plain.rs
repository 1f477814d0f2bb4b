//! The short way: HTTP/1.1 without TLS and without a proxy, as servers of the same cluster are reached. Same headers, same
//! bounds and same words for failures as the long way through reqwest, for half of its CPU time.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue, USER_AGENT};
use tower::Service;
use tower_http::decompression::{Decompression, DecompressionBody};

use super::body::Gathered;
use super::error::SendError;
use super::{IDLE, IDLE_CONNECTIONS_MAX, Limits, NAME, Response};
use crate::guard::{Guard, GuardedResolver};
use crate::http_config::{HttpConfig, ProxyServer};

/// What connections are probed with while nothing comes, as on the long way.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Keeps its connections.
#[derive(Clone)]
pub(super) struct Plain {
    client: Decompression<Client<Patient, Full<Bytes>>>,
    body_bytes: usize,
}

/// Connects within a limit.
#[derive(Clone)]
struct Patient {
    connector: HttpConnector<GuardedResolver>,
    limit: Duration,
}

type BoxError = Box<dyn Error + Send + Sync>;

/// Whether a configuration leaves this way open: no proxy stands in it, and no file has to be read for TLS.
pub(super) fn is_open(config: &HttpConfig) -> bool {
    config.proxy.server == ProxyServer::Direct && !config.tls.has_files()
}

impl Plain {
    pub(super) fn new(limits: Limits, guard: &Arc<Guard>) -> Plain {
        let mut connector = HttpConnector::new_with_resolver(GuardedResolver(guard.clone()));
        connector.set_nodelay(true);
        connector.set_keepalive(Some(KEEPALIVE));
        connector.set_connect_timeout(Some(limits.connect));
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(Patient { connector, limit: limits.connect });
        Plain { client: Decompression::new(client), body_bytes: limits.body_bytes }
    }

    /// Sends one request; redirects are answers. `place` is what may be told about the URL.
    pub(super) async fn send(
        &self,
        method: Method,
        uri: http::Uri,
        mut headers: HeaderMap,
        body: Bytes,
        place: &str,
    ) -> Result<Response, SendError> {
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(NAME));
        let mut request = http::Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
        let answered = self.client.clone().call(request).await;
        let response = answered.map_err(|error| SendError::from_plain(&error, error.is_connect(), place))?;
        self.receive(response, place).await
    }

    async fn receive(
        &self,
        response: http::Response<DecompressionBody<hyper::body::Incoming>>,
        place: &str,
    ) -> Result<Response, SendError> {
        let (head, mut body) = response.into_parts();
        let mut gathered = Gathered::new(self.body_bytes);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| SendError::from_plain(&*error, false, place))?;
            if frame.into_data().is_ok_and(|chunk| gathered.is_full_with(chunk)) {
                break;
            }
            // a small answer that inflates to a large one: others on this thread have their turn in between
            tokio::task::coop::consume_budget().await;
        }
        let (body, truncated) = gathered.finish();
        Ok(Response { status: head.status, headers: head.headers, body, truncated })
    }
}

impl Service<http::Uri> for Patient {
    type Response = <HttpConnector<GuardedResolver> as Service<http::Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        let (connecting, limit) = (self.connector.call(uri), self.limit);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => Ok(connected?),
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "operation timed out").into()),
            }
        })
    }
}
