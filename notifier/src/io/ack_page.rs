//! The page behind the link of a mail: asks before it acknowledges, as programs that look through mails follow links.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use model::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use templates::handlebars::{Data, Escaping, Registry};

use super::acknowledging::acknowledge;
use super::asking::Asking;
use super::desk::Desk;
use crate::ack_link::{AckLinks, LinkError};
use crate::acknowledgement::{AckDraft, BY_BYTES_MAX, COMMENT_BYTES_MAX};

/// A form is short.
const BODY_BYTES_MAX: usize = 16 << 10;
/// So many alerts are listed.
const ALERTS_SHOWN: usize = 50;

struct Desks<D> {
    desk: Arc<D>,
    links: Arc<AckLinks>,
    pages: Arc<Registry>,
}

impl<D> Clone for Desks<D> {
    fn clone(&self) -> Self {
        Self { desk: self.desk.clone(), links: self.links.clone(), pages: self.pages.clone() }
    }
}

/// What the form sends.
#[derive(Deserialize)]
struct Given {
    by: String,
    #[serde(default)]
    comment: String,
}

/// `/ack/{token}`.
pub fn router<D: Desk>(desk: Arc<D>, links: Arc<AckLinks>) -> Router {
    let pages = Arc::new(Registry::shipped());
    Router::new()
        .route("/ack/{token}", get(ask::<D>).post(take::<D>))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Desks { desk, links, pages })
}

/// `GET`: shows what would be acknowledged, and changes nothing.
async fn ask<D: Desk>(State(desks): State<Desks<D>>, Path(token): Path<String>) -> Response {
    let looked = desks.desk.read(|notifier, now| {
        let target = desks.links.read(&token, now)?;
        let alerts = notifier.would_acknowledge(now, &target);
        let shown = alerts.iter().take(ALERTS_SHOWN).map(|alert| {
            let ack = alert.acknowledged().map(|ack| ack.by.clone());
            json!({ "labels": alert.labels().to_string(), "since": alert.starts_at().to_rfc3339(), "by": ack })
        });
        let more = alerts.len().saturating_sub(ALERTS_SHOWN);
        Ok(json!({ "alerts": shown.collect::<Value>(), "count": alerts.len(), "more": more }))
    });
    match looked {
        Ok(data) => desks.page(StatusCode::OK, data),
        Err(error) => desks.refuse(error),
    }
}

/// `POST`: acknowledges, and says so once it is stored.
async fn take<D: Desk>(
    State(desks): State<Desks<D>>,
    asking: Asking,
    Path(token): Path<String>,
    Form(given): Form<Given>,
) -> Response {
    // The link itself says that its holder may, and of which alerts.
    let caller = asking.with_link();
    let target = match desks.desk.read(|_, now: Timestamp| desks.links.read(&token, now)) {
        Ok(target) => target,
        Err(error) => return desks.refuse(error),
    };
    let by = caller.author(given.by.trim().to_owned());
    if by.is_empty() || by.len() > BY_BYTES_MAX || given.comment.len() > COMMENT_BYTES_MAX {
        let wrong = "Say who you are, in 256 bytes at most, and no more than 4096 bytes beside it.";
        return desks.page(StatusCode::BAD_REQUEST, json!({ "wrong": wrong }));
    }
    let draft = AckDraft { target, by: by.clone(), comment: given.comment, until: None };
    match acknowledge(&*desks.desk, &caller, draft).await {
        Ok(made) => desks.page(StatusCode::OK, json!({ "done": made.len(), "by": by })),
        Err((StatusCode::NOT_FOUND, _)) => desks.page(StatusCode::OK, json!({ "alerts": [], "count": 0 })),
        Err((status, message)) => desks.page(status, json!({ "wrong": message })),
    }
}

impl<D> Desks<D> {
    fn refuse(&self, error: LinkError) -> Response {
        let status = match error {
            LinkError::Unsigned => StatusCode::FORBIDDEN,
            LinkError::Expired => StatusCode::GONE,
        };
        self.page(status, json!({ "wrong": error.to_string() }))
    }

    /// The page. Nothing of it is kept, framed, or told to others, as its address is a secret.
    fn page(&self, status: StatusCode, data: Value) -> Response {
        let text = self.pages.render("ack.page", Escaping::Html, &Data::new(data));
        let text = text.unwrap_or_else(|error| {
            tracing::error!(%error, "the page of an acknowledgement failed");
            "This page failed.".to_owned()
        });
        let mut response = (status, Html(text)).into_response();
        let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
        for (name, value) in [
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CONTENT_SECURITY_POLICY, policy),
            (HeaderName::from_static("x-robots-tag"), "noindex"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
