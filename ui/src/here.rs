//! Where in the site a request is.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Caller;
use notifier::io::asking::Asking;
use url::form_urlencoded;

/// The path and the query of a request, and who sent it.
#[derive(Clone, Debug)]
pub struct Here {
    path: String,
    query: String,
    user: Option<String>,
    caller: Arc<Caller>,
}

impl Here {
    /// At a path below the prefix of the service.
    pub fn new(path: &str, query: &str) -> Self {
        Self { path: path.to_owned(), query: query.to_owned(), user: None, caller: Arc::new(Caller::anybody()) }
    }

    /// Another place, for the same caller.
    #[must_use]
    pub fn at(&self, path: &str, query: &str) -> Self {
        Self { user: self.user.clone(), caller: self.caller.clone(), ..Self::new(path, query) }
    }

    /// Who asks, where the service asks for names: it has checked the password before.
    pub fn user(&self) -> Option<&str> {
        self.caller.name.as_deref().or(self.user.as_deref())
    }

    /// Who asks, and what they may do.
    pub fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// The way from here to the root of the site, without slash at the end: `.`, `..`, `../..`. Links begin with it, and so hold
    /// under any prefix and behind any proxy.
    pub fn root(&self) -> String {
        match self.path.matches('/').count().saturating_sub(1) {
            0 => ".".to_owned(),
            depth => vec![".."; depth].join("/"),
        }
    }

    /// The path below the prefix, with the slash it begins with.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query as it came.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// The parameters of the query, in their order.
    pub fn parameters(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.query.as_bytes())
    }

    /// The last parameter of a name, unless it is empty.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let last = self.parameters().filter(|(given, _)| given == name).last();
        last.map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty())
    }

    /// Every parameter of a name that is not empty.
    pub fn all(&self, name: &str) -> Vec<String> {
        let wanted = self.parameters().filter(|(given, value)| given == name && !value.is_empty());
        wanted.map(|(_, value)| value.into_owned()).collect()
    }
}

/// A query of these parameters, without `?`; those that are empty are left out.
pub fn query_of<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let given = parameters.into_iter().filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish()
}

impl<S: Send + Sync> FromRequestParts<S> for Here {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let here = Self::new(parts.uri.path(), parts.uri.query().unwrap_or_default());
        let Asking(caller) = Asking::from_request_parts(parts, state).await?;
        Ok(Self { user: user(&parts.headers), caller, ..here })
    }
}

/// The name of basic authentication.
fn user(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = given.split_once(' ')?;
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (name, _) = text.split_once(':')?;
    (scheme.eq_ignore_ascii_case("basic") && !name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_root() {
        for (path, root) in [("/", "."), ("/alerts", "."), ("/alerts/x", ".."), ("/a/b/c", "../..")] {
            assert_eq!(Here::new(path, "").root(), root, "{path}");
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let here = Here::new("/", "q=a%3Db&q=&q=c+d&n=");
        assert_eq!(here.all("q"), ["a=b", "c d"]);
        assert_eq!((here.parameter("q"), here.parameter("n")), (Some("c d".to_owned()), None));
        let headers = [(header::AUTHORIZATION, "Basic YW5uOnNlY3JldA==".parse().unwrap())].into_iter().collect();
        assert_eq!((user(&headers).as_deref(), user(&HeaderMap::new())), (Some("ann"), None));
        assert_eq!(query_of([("q", "a=b & c"), ("n", "")]), "q=a%3Db+%26+c");
    }
}
