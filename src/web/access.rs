//! Who may do what: `access:` of the web configuration file.
//!
//! - `settings`: the key as it is written
//! - [`policy`]: what each request asks for, and which role may
//! - [`token`], [`proxy`]: bearer tokens; a proxy that says who somebody is
//! - [`audit`]: who changed what

pub mod audit;
pub mod policy;
pub mod proxy;
mod settings;
pub mod token;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use model::caller::Role;
use model::{Caller, Matcher, Timestamp};

pub(super) use settings::read;

use proxy::Proxy;
use token::Token;

/// A role, and the alerts it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What may be done.
    pub role: Role,
    /// What alerts must satisfy; all alerts if empty.
    pub scope: Arc<[Matcher]>,
}

/// `access:`
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Of those who do not say who they are; they are refused if there is none.
    pub anonymous: Option<Grant>,
    /// By the name in `basic_auth_users`.
    pub users: HashMap<String, Grant>,
    /// By the SHA-256 hash of the token. Who looks a hash up learns nothing of another by the time that takes: what they choose is
    /// the token, not its hash.
    pub tokens: HashMap<[u8; 32], Token>,
    /// By a name in the certificate of a TLS client, in the order in which they count.
    pub certificates: Vec<(String, Grant)>,
    /// The proxy in front.
    pub proxy: Option<Proxy>,
    /// The files that tokens are in.
    pub files: Vec<PathBuf>,
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address; one of IPv4 as such.
    pub address: IpAddr,
    /// The names in its certificate, where that comes from an authority that was asked for.
    pub names: Arc<[String]>,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// They do not say who they are.
    Unnamed,
    /// Name, password or token is not right.
    Wrong,
    /// The token was right until it expired.
    Expired,
    /// Too many ask at once to have their passwords checked.
    Busy,
}

impl Grant {
    /// A role for all alerts.
    pub fn of(role: Role) -> Self {
        Self { role, scope: Arc::default() }
    }

    /// Somebody who has it.
    pub fn caller(&self, name: String, known_by: model::caller::KnownBy) -> Caller {
        let (role, scope) = (self.role, self.scope.clone());
        Caller { name: Some(name), known_by, role, scope, signs: true, ..Caller::anybody() }
    }
}

impl Access {
    /// Whose token it is.
    ///
    /// # Errors
    /// Nobody's, or it has expired.
    pub fn token(&self, text: &str, now: Timestamp) -> Result<&Token, Stranger> {
        let token = self.tokens.get(&token::hash(text)).ok_or(Stranger::Wrong)?;
        if token.expires.is_some_and(|at| at <= now) { Err(Stranger::Expired) } else { Ok(token) }
    }

    /// Whose certificate it is.
    pub fn certificate(&self, names: &[String]) -> Option<(&str, &Grant)> {
        let known = self.certificates.iter().find(|(name, _)| names.contains(name));
        known.map(|(name, grant)| (name.as_str(), grant))
    }
}
