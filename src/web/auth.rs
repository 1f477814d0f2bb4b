//! Who may come in, and what they may do there: passwords, tokens, certificates and a trusted proxy, within the rate of the web
//! configuration file.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::Entry;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use exposition::Page;
use model::Caller;
use model::caller::{Deed, KnownBy, Role};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::access::audit::AuditBook;
use super::access::policy::{self, Ask, Rule};
use super::access::{Access, Peer, Stranger};
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
/// Passwords that wait to be checked: of more, people are asked to come back.
const WAITING_MAX: usize = 64;
/// What a proxy says of where a request comes from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Who may come in, how often, and what every answer carries.
#[derive(Clone)]
pub struct Doorkeeper(Arc<Guarded>);

struct Guarded {
    settings: ArcSwap<WebSettings>,
    rate: Option<RequestRate>,
    remembered: Mutex<HashSet<[u8; 32]>>,
    checks: Semaphore,
    waiting: Semaphore,
    book: Arc<AuditBook>,
}

impl Doorkeeper {
    /// Goes by these settings, and notes in this book. Their rate limit stays for good.
    pub fn new(settings: WebSettings, book: Arc<AuditBook>) -> Self {
        let rate = settings.rate_limit.map(|limit| RequestRate::new(limit, crate::live::now()));
        Self(Arc::new(Guarded {
            settings: ArcSwap::from_pointee(settings),
            rate,
            remembered: Mutex::default(),
            checks: Semaphore::new(CHECKS_MAX),
            waiting: Semaphore::new(WAITING_MAX),
            book,
        }))
    }

    /// From now on these may come in, and no others, and answers carry these headers.
    pub fn adopt(&self, settings: WebSettings) {
        self.0.settings.store(Arc::new(settings));
    }

    /// The files that tokens are in.
    pub fn files(&self) -> Vec<PathBuf> {
        self.0.settings.load().access.as_ref().map(|access| access.files.clone()).unwrap_or_default()
    }

    /// Where changes are noted.
    pub fn book(&self) -> &Arc<AuditBook> {
        &self.0.book
    }

    /// Who sent a request.
    async fn who(&self, settings: &WebSettings, headers: &HeaderMap, peer: Option<&Peer>) -> Result<Caller, Stranger> {
        let Some(access) = &settings.access else {
            if settings.users.is_empty() {
                return Ok(Caller::anybody());
            }
            let (user, password) = basic(headers).ok_or(Stranger::Unnamed)?;
            self.check(settings, &user, password).await?;
            return Ok(Caller { name: Some(user), known_by: KnownBy::Password, ..Caller::anybody() });
        };
        if let (Some(proxy), Some(peer)) = (&access.proxy, peer)
            && let Some(caller) = proxy.caller(peer.address, headers)?
        {
            return Ok(caller);
        }
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            if let Some(text) = bearer(value) {
                let token = access.token(text, crate::live::now())?;
                return Ok(token.grant.caller(token.name.clone(), KnownBy::Token));
            }
            let (user, password) = basic(headers).ok_or(Stranger::Wrong)?;
            self.check(settings, &user, password).await?;
            let grant = access.users.get(&user).ok_or(Stranger::Wrong)?;
            return Ok(grant.caller(user, KnownBy::Password));
        }
        if let Some((name, grant)) = peer.and_then(|peer| access.certificate(&peer.names)) {
            return Ok(grant.caller(name.to_owned(), KnownBy::Certificate));
        }
        let Some(grant) = &access.anonymous else { return Err(Stranger::Unnamed) };
        Ok(Caller { role: grant.role, scope: grant.scope.clone(), ..Caller::anybody() })
    }

    /// Whether a password is right.
    async fn check(&self, settings: &WebSettings, user: &str, password: String) -> Result<(), Stranger> {
        let hash = settings.users.get(user).cloned();
        let key: [u8; 32] = Sha256::digest(format!("{user}\0{password}\0{}", hash.as_deref().unwrap_or(""))).into();
        if self.remembered().contains(&key) {
            return Ok(());
        }
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODYS_HASH.to_owned());
        let Ok(_place) = self.0.waiting.try_acquire() else { return Err(Stranger::Busy) };
        let Ok(_turn) = self.0.checks.acquire().await else { return Err(Stranger::Busy) };
        let right = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false));
        if !(right.await.unwrap_or(false) && known) {
            return Err(Stranger::Wrong);
        }
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(key);
        Ok(())
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who sent a request that may be answered.
    ///
    /// # Errors
    /// The answer it gets instead.
    async fn admit(&self, settings: &WebSettings, asked: &Asked) -> Result<Caller, Response> {
        // What everybody may have needs no name; one that is right is known all the same.
        let is_open = settings.access.is_some() && asked.rule.ask == Ask::Open;
        let found = self.who(settings, &asked.headers, asked.peer.as_ref()).await;
        let caller = match found {
            Ok(caller) => caller,
            Err(_) if is_open => Caller { role: Role::Viewer, ..Caller::anybody() },
            Err(stranger) => return Err(self.refuse_stranger(settings, asked, stranger)),
        };
        let (address, book) = (asked.address(settings), self.0.book.clone());
        let caller = Caller { address, book: Some(book), ..caller };
        if settings.access.is_none() || is_open {
            return Ok(caller);
        }
        if let Some(why) = asked.forbidden(&caller) {
            if caller.known_by == KnownBy::Nothing && can_log_in(settings) {
                return Err(self.refuse_stranger(settings, asked, Stranger::Unnamed));
            }
            self.0.book.refused(&caller, 403, &asked.to_string(), &why);
            return Err(asked.refusal(StatusCode::FORBIDDEN, &why));
        }
        Ok(caller)
    }

    fn refuse_stranger(&self, settings: &WebSettings, asked: &Asked, stranger: Stranger) -> Response {
        let (status, why) = match stranger {
            Stranger::Unnamed => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Stranger::Wrong => (StatusCode::UNAUTHORIZED, "Unauthorized: the name, password or token is not right"),
            Stranger::Expired => (StatusCode::UNAUTHORIZED, "Unauthorized: the token has expired"),
            Stranger::Busy => (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests: many passwords are being checked"),
        };
        // That somebody has not logged in yet is how every login begins.
        if stranger != Stranger::Unnamed {
            let nobody = Caller { address: asked.address(settings), role: Role::Viewer, ..Caller::anybody() };
            self.0.book.refused(&nobody, status.as_u16(), &asked.to_string(), why);
        }
        let mut response = match &settings.access {
            None if status == StatusCode::UNAUTHORIZED => (status, "Unauthorized\n").into_response(),
            _ => asked.refusal(status, why),
        };
        if status == StatusCode::UNAUTHORIZED {
            for challenge in challenges(settings, stranger) {
                response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
        }
        response
    }
}

fn can_log_in(settings: &WebSettings) -> bool {
    !settings.users.is_empty() || settings.access.as_ref().is_some_and(|access| !access.tokens.is_empty())
}

fn challenges(settings: &WebSettings, stranger: Stranger) -> Vec<&'static str> {
    let Some(access) = &settings.access else { return vec!["Basic"] };
    let basic = (!settings.users.is_empty()).then_some("Basic realm=\"Watchfire\"");
    let bearer = match stranger {
        Stranger::Expired => "Bearer realm=\"Watchfire\", error=\"invalid_token\", error_description=\"expired\"",
        Stranger::Wrong => "Bearer realm=\"Watchfire\", error=\"invalid_token\"",
        _ => "Bearer realm=\"Watchfire\"",
    };
    let bearer = (!access.tokens.is_empty() || basic.is_none()).then_some(bearer);
    basic.into_iter().chain(bearer).collect()
}

/// What of a request says whether it may be answered.
struct Asked {
    method: Method,
    /// Below the prefix of the service.
    path: String,
    rule: Rule,
    headers: HeaderMap,
    peer: Option<Peer>,
}

impl Asked {
    fn of(request: &Request<Body>, prefix: &str) -> Self {
        let path = request.uri().path();
        let below = path.strip_prefix(prefix).filter(|rest| rest.starts_with('/'));
        let method = request.method().clone();
        Self {
            rule: policy::rule(&method, below.unwrap_or("")),
            method,
            path: below.unwrap_or(path).to_owned(),
            headers: request.headers().clone(),
            peer: request.extensions().get::<Peer>().cloned(),
        }
    }

    /// Why somebody may not have it.
    fn forbidden(&self, caller: &Caller) -> Option<String> {
        let who = caller.name.as_deref().unwrap_or("who is not logged in");
        if !self.rule.ask.is_for(caller.role) {
            return Some(format!("{who} has the role {}: this needs {}", caller.role.as_str(), self.rule.ask.needs()));
        }
        if caller.is_scoped() && !self.rule.in_scope {
            let scope = model::matcher::parse::print_matchers(&caller.scope);
            return Some(format!("{who} may only see {scope}: this is about other alerts too"));
        }
        // Browsers send passwords and certificates, and proxies names, for whatever page asks.
        let is_ambient = matches!(caller.known_by, KnownBy::Password | KnownBy::Certificate | KnownBy::Proxy);
        let site = self.headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
        let from_elsewhere = matches!(site, Some("cross-site" | "same-site"));
        let changes = !matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS);
        (is_ambient && from_elsewhere && changes).then(|| "a page of another site asks for this".to_owned())
    }

    /// Where it comes from: the peer, or whom a proxy that is trusted names as its own.
    fn address(&self, settings: &WebSettings) -> Option<IpAddr> {
        let peer = self.peer.as_ref()?.address;
        let proxy = settings.access.as_ref().and_then(|access| access.proxy.as_ref());
        let is_trusted = proxy.is_some_and(|proxy| proxy.trusts(peer));
        let forwarded = self.headers.get_all(FORWARDED_FOR).iter().next_back().filter(|_| is_trusted);
        let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        last.or(Some(peer))
    }

    /// In the form of those who are asked here.
    fn refusal(&self, status: StatusCode, why: &str) -> Response {
        if self.path.starts_with("/api/v2/") {
            let text = serde_json::to_string(why).unwrap_or_default();
            return (status, [(header::CONTENT_TYPE, "application/json")], format!("{text}\n")).into_response();
        }
        (status, format!("{why}\n")).into_response()
    }

    /// Whether somebody's name or business may matter to who answers: not where nobody is asked for it.
    fn needs_caller(&self, access: Option<&Access>) -> bool {
        access.is_some() || !matches!(self.rule.ask, Ask::Read | Ask::Send)
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Links are secrets.
        let path = if self.path.starts_with("/ack/") { "/ack/…" } else { &self.path };
        write!(f, "{} {path}", self.method)
    }
}

/// A change that the doorkeeper itself notes: also where who asked did not wait for the outcome.
struct Noting {
    caller: Arc<Caller>,
    deed: Option<Deed>,
}

impl Noting {
    fn of(caller: &Arc<Caller>, asked: &Asked) -> Self {
        let deed = asked.rule.action.map(|action| Deed::new(action, asked.to_string()));
        Self { caller: caller.clone(), deed }
    }

    fn answered(mut self, status: StatusCode) {
        if let Some(deed) = self.deed.take() {
            let is_done = status.is_success() || status.is_redirection();
            self.caller.note(if is_done { deed } else { deed.failed(format!("answered {status}")) });
        }
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        if let Some(deed) = self.deed.take() {
            self.caller.note(deed.failed("who asked did not wait: it may have been done"));
        }
    }
}

/// Lets a request pass, or answers 429, 401 or 403. Every answer gets the headers of the settings.
pub async fn authenticate(doorkeeper: Doorkeeper, prefix: &str, request: Request<Body>, next: Next) -> Response {
    let settings = doorkeeper.0.settings.load_full();
    let mut response = if doorkeeper.0.rate.as_ref().is_some_and(|rate| !rate.allows(crate::live::now())) {
        (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests\n").into_response()
    } else {
        // The body is not `Sync`: only the rest may be held while the hash is checked.
        let asked = Asked::of(&request, prefix);
        match doorkeeper.admit(&settings, &asked).await {
            Ok(caller) => doorkeeper.answer(&settings, &asked, caller, request, next).await,
            Err(refusal) => refusal,
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

impl Doorkeeper {
    async fn answer(
        &self,
        settings: &WebSettings,
        asked: &Asked,
        caller: Caller,
        mut request: Request<Body>,
        next: Next,
    ) -> Response {
        if !asked.needs_caller(settings.access.as_ref()) {
            return next.run(request).await;
        }
        let caller = Arc::new(caller);
        request.extensions_mut().insert(caller.clone());
        let noting = Noting::of(&caller, asked);
        let response = next.run(request).await;
        noting.answered(response.status());
        if !matches!(asked.rule.ask, Ask::Read | Ask::Send) && asked.method != Method::GET {
            // What is told to be done is in the book.
            self.0.book.settled().await;
        }
        response
    }
}

/// What happened at the door.
impl Collector for Doorkeeper {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let [strangers, forbidden, lines, lost] = self.0.book.counts();
        let mut page = Page::new(encoder);
        let help = "Requests with a wrong password or token, or an expired one";
        page.counter("watchfire_access_strangers", help, strangers)?;
        let help = "Requests of those who are known and may not have what they ask for";
        page.counter("watchfire_access_forbidden", help, forbidden)?;
        page.counter("watchfire_audit_lines", "Changes and refusals that were noted", lines)?;
        page.counter(
            "watchfire_audit_lost_lines",
            "Of them, those that are not in --audit.file, though there is one",
            lost,
        )
    }
}

impl fmt::Debug for Doorkeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Doorkeeper")
    }
}

/// `Authorization: Bearer TOKEN`.
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let is_token = scheme.eq_ignore_ascii_case("bearer") && token.len() <= CREDENTIALS_BYTES_MAX;
    is_token.then(|| token.trim())
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
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
    use crate::web::access::Grant;
    use crate::web::access::token::{Token, hash};

    fn headers(user: &str, password: &str) -> HeaderMap {
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        HeaderMap::from_iter([(header::AUTHORIZATION, format!("Basic {encoded}").parse().unwrap())])
    }

    fn doorkeeper() -> Doorkeeper {
        Doorkeeper::new(WebSettings::default(), AuditBook::open(None, 1).unwrap())
    }

    #[tokio::test]
    async fn only_known_users_with_the_right_password_come_in() {
        let hash = bcrypt::hash("sesame", 4).unwrap();
        let doorkeeper = doorkeeper();
        let settings = WebSettings { users: [("ali".to_owned(), hash)].into(), ..WebSettings::default() };
        let admits =
            async |settings: &WebSettings, headers: &HeaderMap| doorkeeper.who(settings, headers, None).await.is_ok();
        assert!(admits(&settings, &headers("ali", "sesame")).await);
        assert!(admits(&settings, &headers("ali", "sesame")).await, "and from memory");
        assert!(!admits(&settings, &headers("ali", "simsim")).await);
        assert!(!admits(&settings, &headers("baba", "sesame")).await);
        assert!(!admits(&settings, &HeaderMap::new()).await);
        assert!(admits(&WebSettings::default(), &HeaderMap::new()).await);
    }

    #[tokio::test]
    async fn tokens_are_somebodys_until_they_expire() {
        let token = |expires: Option<i64>| Token {
            name: "ci".to_owned(),
            grant: Grant::of(Role::Operator),
            expires: expires.map(model::Timestamp::from_secs),
        };
        let tokens = [(hash("valid"), token(None)), (hash("over"), token(Some(1_700_000_000)))];
        let access = Access { tokens: tokens.into(), ..Access::default() };
        let settings = WebSettings { access: Some(access), ..WebSettings::default() };
        let doorkeeper = doorkeeper();
        let who = async |value: &str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            doorkeeper.who(&settings, &headers, None).await.map(|caller| (caller.name, caller.role, caller.signs))
        };
        assert_eq!(who("Bearer valid").await, Ok((Some("ci".to_owned()), Role::Operator, true)));
        assert_eq!(who("bearer  valid ").await, Ok((Some("ci".to_owned()), Role::Operator, true)));
        assert_eq!(who("Bearer over").await, Err(Stranger::Expired));
        for wrong in ["Bearer x", "Bearer ", "Bearer", "Basic valid", "Token valid"] {
            assert_eq!(who(wrong).await, Err(Stranger::Wrong), "{wrong}");
        }
        assert_eq!(doorkeeper.who(&settings, &HeaderMap::new(), None).await.map(drop), Err(Stranger::Unnamed));
    }
}
