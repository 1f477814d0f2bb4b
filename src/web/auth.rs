//! Basic authentication against bcrypt hashes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use sha2::{Digest, Sha256};

/// Passwords that were right once are remembered (as a hash), since bcrypt is slow on purpose.
const REMEMBERED_MAX: usize = 100;
/// Longest `Authorization` value looked at.
const CREDENTIALS_BYTES_MAX: usize = 1024;
/// Compared with when the user is unknown, so that the answer takes as long as for a known one.
const NOBODYS_HASH: &str = "$2b$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// Who may come in.
#[derive(Clone)]
pub struct Doorkeeper(Arc<Guarded>);

struct Guarded {
    users: ArcSwap<HashMap<String, String>>,
    remembered: Mutex<HashSet<[u8; 32]>>,
}

impl Doorkeeper {
    /// `users`: name to bcrypt hash; empty lets everybody in.
    pub fn new(users: HashMap<String, String>) -> Self {
        Self(Arc::new(Guarded { users: ArcSwap::from_pointee(users), remembered: Mutex::default() }))
    }

    /// From now on these may come in, and no others.
    pub fn adopt(&self, users: HashMap<String, String>) {
        self.0.users.store(Arc::new(users));
    }

    async fn admits(&self, headers: &HeaderMap) -> bool {
        let users = self.0.users.load_full();
        if users.is_empty() {
            return true;
        }
        let Some((user, password)) = credentials(headers) else { return false };
        let hash = users.get(&user).cloned();
        let key: [u8; 32] = Sha256::digest(format!("{user}\0{password}\0{}", hash.as_deref().unwrap_or(""))).into();
        if self.remembered().contains(&key) {
            return true;
        }
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODYS_HASH.to_owned());
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

/// Lets a request pass or answers 401.
pub async fn authenticate(doorkeeper: Doorkeeper, request: Request<Body>, next: Next) -> Response {
    // The body is not `Sync`: only the headers may be held while the hash is checked.
    let headers = request.headers().clone();
    if doorkeeper.admits(&headers).await {
        return next.run(request).await;
    }
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic")], "Unauthorized\n").into_response()
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
        let doorkeeper = Doorkeeper::new(HashMap::from([("ali".to_owned(), hash)]));
        assert!(doorkeeper.admits(&headers("ali", "sesame")).await);
        assert!(doorkeeper.admits(&headers("ali", "sesame")).await, "and from memory");
        assert!(!doorkeeper.admits(&headers("ali", "simsim")).await);
        assert!(!doorkeeper.admits(&headers("baba", "sesame")).await);
        assert!(!doorkeeper.admits(&HeaderMap::new()).await);
        assert!(Doorkeeper::new(HashMap::new()).admits(&HeaderMap::new()).await);
    }
}
