//! Who may come in: basic authentication against bcrypt hashes, within the rate of the web configuration file.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::Entry;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::request_rate::RequestRate;
use super::settings::WebSettings;

/// Passwords that were right once are remembered (as a hash), since bcrypt is slow on purpose.
const REMEMBERED_MAX: usize = 100;
/// Longest `Authorization` value looked at.
const CREDENTIALS_BYTES_MAX: usize = 1024;
/// Compared with when the user is unknown, so that the answer takes as long as for a known one.
const NOBODYS_HASH: &str = "$2b$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
/// Passwords checked at the same time: who guesses takes one core at most.
const CHECKS_MAX: usize = 1;

/// Who may come in, how often, and what every answer carries.
#[derive(Clone)]
pub struct Doorkeeper(Arc<Guarded>);

struct Guarded {
    settings: ArcSwap<WebSettings>,
    rate: Option<RequestRate>,
    remembered: Mutex<HashSet<[u8; 32]>>,
    checks: Semaphore,
}

impl Doorkeeper {
    /// Goes by these settings. Their rate limit stays for good.
    pub fn new(settings: WebSettings) -> Self {
        let rate = settings.rate_limit.map(|limit| RequestRate::new(limit, crate::live::now()));
        let (remembered, checks) = (Mutex::default(), Semaphore::new(CHECKS_MAX));
        Self(Arc::new(Guarded { settings: ArcSwap::from_pointee(settings), rate, remembered, checks }))
    }

    /// From now on these users may come in, and no others, and answers carry these headers.
    pub fn adopt(&self, settings: WebSettings) {
        self.0.settings.store(Arc::new(settings));
    }

    async fn admits(&self, settings: &WebSettings, headers: &HeaderMap) -> bool {
        if settings.users.is_empty() {
            return true;
        }
        let Some((user, password)) = credentials(headers) else { return false };
        let hash = settings.users.get(&user).cloned();
        let key: [u8; 32] = Sha256::digest(format!("{user}\0{password}\0{}", hash.as_deref().unwrap_or(""))).into();
        if self.remembered().contains(&key) {
            return true;
        }
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODYS_HASH.to_owned());
        let Ok(_turn) = self.0.checks.acquire().await else { return false };
        let right = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false));
        let admitted = right.await.unwrap_or(false) && known;
        if admitted {
            let mut remembered = self.remembered();
            if remembered.len() >= REMEMBERED_MAX {
                remembered.clear();
            }
            remembered.insert(key);
        }
        admitted
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets a request pass, or answers 429 or 401. Every answer gets the headers of the settings.
pub async fn authenticate(doorkeeper: Doorkeeper, request: Request<Body>, next: Next) -> Response {
    let settings = doorkeeper.0.settings.load_full();
    let mut response = if doorkeeper.0.rate.as_ref().is_some_and(|rate| !rate.allows(crate::live::now())) {
        (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests\n").into_response()
    } else {
        // The body is not `Sync`: only the headers may be held while the hash is checked.
        let headers = request.headers().clone();
        if doorkeeper.admits(&settings, &headers).await {
            next.run(request).await
        } else {
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic")], "Unauthorized\n").into_response()
        }
    };
    for (name, value) in &settings.headers {
        // A page that says it itself knows better.
        if let Entry::Vacant(vacant) = response.headers_mut().entry(name) {
            vacant.insert(value.clone());
        }
    }
    response
}

fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let encoded = value.strip_prefix("Basic ").filter(|text| text.len() <= CREDENTIALS_BYTES_MAX)?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(user: &str, password: &str) -> HeaderMap {
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        HeaderMap::from_iter([(header::AUTHORIZATION, format!("Basic {encoded}").parse().unwrap())])
    }

    #[tokio::test]
    async fn only_known_users_with_the_right_password_come_in() {
        let hash = bcrypt::hash("sesame", 4).unwrap();
        let doorkeeper = Doorkeeper::new(WebSettings::default());
        let settings = WebSettings { users: [("ali".to_owned(), hash)].into(), ..WebSettings::default() };
        assert!(doorkeeper.admits(&settings, &headers("ali", "sesame")).await);
        assert!(doorkeeper.admits(&settings, &headers("ali", "sesame")).await, "and from memory");
        assert!(!doorkeeper.admits(&settings, &headers("ali", "simsim")).await);
        assert!(!doorkeeper.admits(&settings, &headers("baba", "sesame")).await);
        assert!(!doorkeeper.admits(&settings, &HeaderMap::new()).await);
        assert!(doorkeeper.admits(&WebSettings::default(), &HeaderMap::new()).await);
    }
}
