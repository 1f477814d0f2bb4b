//! Who sent a request: what the doorkeeper in front of the API found out, or anybody where there is none.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use model::Caller;

/// The caller of a request.
#[derive(Clone, Debug)]
pub struct Asking(pub Arc<Caller>);

impl<S: Sync> FromRequestParts<S> for Asking {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Arc<Caller>>().cloned();
        Ok(Self(known.unwrap_or_else(|| Arc::new(Caller::anybody()))))
    }
}

impl Deref for Asking {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}
