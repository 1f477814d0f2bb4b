//! Style, scripts and the icon: embedded, under an address with a hash of them all, so that browsers keep them for good.

use std::sync::OnceLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Name, type and content of each. Modules import each other by name: they are in one folder.
const ALL: &[(&str, &str, &str)] = &[
    ("site.css", CSS, include_str!("../assets/site.css")),
    ("icon.svg", SVG, include_str!("../assets/icon.svg")),
    ("theme.js", JS, include_str!("../assets/theme.js")),
    ("site.js", JS, include_str!("../assets/site.js")),
    ("keys.js", JS, include_str!("../assets/keys.js")),
    ("times.js", JS, include_str!("../assets/times.js")),
    ("alerts.js", JS, include_str!("../assets/alerts.js")),
    ("alert.js", JS, include_str!("../assets/alert.js")),
    ("suggest.js", JS, include_str!("../assets/suggest.js")),
    ("quick.js", JS, include_str!("../assets/quick.js")),
    ("live.js", JS, include_str!("../assets/live.js")),
    ("home.js", JS, include_str!("../assets/home.js")),
    ("silence_form.js", JS, include_str!("../assets/silence_form.js")),
];

/// A file under the hash of all does not change.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Under another hash, such as of the version before, it may.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// The folder of the assets, below the root of the site.
pub(crate) fn folder() -> String {
    format!("ui/assets/{}", hash())
}

fn hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let mut all = Sha256::new();
        for (name, _, content) in ALL {
            all.update(name.as_bytes());
            all.update(content.as_bytes());
        }
        hex::encode(all.finalize().get(..8).unwrap_or_default())
    })
}

pub(crate) fn routes() -> Router {
    Router::new().route("/ui/assets/{hash}/{name}", get(serve))
}

async fn serve(Path((asked, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some((_, kind, content)) = ALL.iter().find(|(known, ..)| *known == name) else {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    };
    let tag = format!("\"{}\"", hash());
    let is_known = headers.get_all(header::IF_NONE_MATCH).iter().any(|given| given.as_bytes() == tag.as_bytes());
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { (*content).into_response() };
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.insert(header::CACHE_CONTROL, if asked == hash() { FOR_GOOD } else { ASK_AGAIN });
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.insert(header::ETAG, tag);
    }
    response
}
