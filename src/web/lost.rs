//! Requests that no handler takes: the words of Go's web server, which clients of the family know. Paths that are not in
//! their plain form lead to it.

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Redirect, Response};
use tower::ServiceExt;

/// Plain 404 and 405 for paths and methods that nobody answers.
pub fn answered(router: Router) -> Router {
    router.fallback(not_found).method_not_allowed_fallback(method_not_allowed)
}

/// The router below a prefix; the root of the server leads there. No prefix changes nothing.
pub fn prefixed(router: Router, prefix: &str) -> Router {
    let root = prefix.to_owned();
    let with_slash = move |request: Request, next: Next| {
        // Links of the page at the root are relative.
        let moved = (!root.is_empty() && request.uri().path() == root).then(|| format!("{root}/"));
        async move {
            match moved {
                Some(target) => Redirect::permanent(&target).into_response(),
                None => next.run(request).await,
            }
        }
    };
    below(router, prefix).layer(from_fn(with_slash)).layer(from_fn(tidied))
}

fn below(router: Router, prefix: &str) -> Router {
    if prefix.is_empty() {
        return answered(router);
    }
    let target = prefix.to_owned();
    let inner = answered(router);
    let at_root = inner.clone();
    let stray = move |mut request: Request| async move {
        if request.uri().path() == "/" {
            let page = Html(format!("<a href=\"{target}\">Found</a>.\n\n"));
            return (StatusCode::FOUND, [(header::LOCATION, target)], page).into_response();
        }
        if request.uri().path().strip_suffix('/') == Some(&target) {
            // Nesting does not take the path that ends with the slash.
            *request.uri_mut() = request.uri().query().and_then(root_with).unwrap_or(Uri::from_static("/"));
            let Ok(response) = at_root.oneshot(request).await;
            return response;
        }
        not_found().await
    };
    Router::new().nest(prefix, inner).fallback(stray)
}

fn root_with(query: &str) -> Option<Uri> {
    format!("/?{query}").parse().ok()
}

/// `//api/v2/./alerts` leads to `/api/v2/alerts`, as clients find it whose address ends in a slash.
async fn tidied(request: Request, next: Next) -> Response {
    let uri = request.uri();
    match tidy(uri.path()) {
        Some(path) => {
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            moved(request.method(), &format!("{path}{query}"))
        }
        None => next.run(request).await,
    }
}

/// The plain form of a path, if that is another one.
fn tidy(path: &str) -> Option<String> {
    let mut kept = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    let slash = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    let plain = format!("/{}{slash}", kept.join("/"));
    (path.starts_with('/') && plain != path).then_some(plain)
}

fn moved(method: &Method, target: &str) -> Response {
    let page = match *method {
        Method::GET => Html(format!("<a href=\"{}\">Moved Permanently</a>.\n\n", escaped(target))).into_response(),
        _ => ().into_response(),
    };
    (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, target)], page).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&#34;").replace('\'', "&#39;")
}

async fn not_found() -> Response {
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}

async fn method_not_allowed() -> Response {
    plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n")
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], text).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::extract::Request;
    use axum::routing::get;

    use super::*;

    async fn ask(prefix: &str, method: &str, path: &str) -> (u16, Option<String>, String) {
        let root = get(async |uri: Uri| format!("root {uri}"));
        let router = Router::new().route("/x", get(|| async { "x" })).route("/", root);
        let router = prefixed(router, prefix);
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let location = response.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        (status, location, String::from_utf8(to_bytes(response.into_body(), 1000).await.unwrap().to_vec()).unwrap())
    }

    #[test]
    fn plain_paths() {
        for (path, plain) in [
            ("/", None),
            ("/api/v2/alerts", None),
            ("/api/v2/", None),
            ("//", Some("/")),
            ("//api/v2/alerts", Some("/api/v2/alerts")),
            ("/api//v2/./x/../alerts//", Some("/api/v2/alerts/")),
            ("/../..", Some("/")),
            ("/a/..", Some("/")),
            ("/a/...", None),
            ("*", None),
        ] {
            assert_eq!(tidy(path).as_deref(), plain, "{path}");
        }
    }

    #[tokio::test]
    async fn other_forms_of_a_path_lead_to_the_plain_one() {
        let (status, location, body) = ask("/am", "GET", "//am/./x?a=1&b='c'").await;
        assert_eq!((status, location.as_deref()), (301, Some("/am/x?a=1&b='c'")));
        assert_eq!(body, "<a href=\"/am/x?a=1&amp;b=&#39;c&#39;\">Moved Permanently</a>.\n\n");
        assert_eq!(ask("", "POST", "//x").await, (301, Some("/x".into()), String::new()));
    }

    #[tokio::test]
    async fn the_root_leads_to_the_prefix_and_all_else_is_not_found() {
        assert_eq!(ask("/am", "GET", "/").await, (302, Some("/am".into()), "<a href=\"/am\">Found</a>.\n\n".into()));
        assert_eq!(ask("/am", "GET", "/am/x").await, (200, None, "x".into()));
        assert_eq!(ask("/am", "GET", "/am").await.1.as_deref(), Some("/am/"));
        assert_eq!(ask("/am", "GET", "/am/?a=1").await, (200, None, "root /?a=1".into()));
        assert_eq!(ask("", "GET", "/?a=1").await.2, "root /?a=1");
        for (prefix, path) in [("/am", "/x"), ("/am", "/am/y"), ("", "/y")] {
            assert_eq!(ask(prefix, "GET", path).await, (404, None, "404 page not found\n".into()), "{prefix} {path}");
        }
        assert_eq!(ask("", "POST", "/x").await, (405, None, "Method Not Allowed\n".into()));
    }
}
