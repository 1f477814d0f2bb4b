//! Amazon SNS: Publish, signed with a key of the settings or the surroundings, or with keys of a role that it is exchanged
//! for.

pub(crate) mod ambient;
mod publish;
pub(crate) mod role;
mod settings;
pub(crate) mod sigv4;

use model::Timestamp;
use outbound::{Request, Response, SendError};

use super::{Outcome, reply};
use role::Keys;
pub use settings::{SnsRole, SnsSettings, SnsTarget};

/// What Amazon calls keys of a role that are used up.
const EXPIRED: &str = "ExpiredToken";

/// What it calls too many calls, with a status that means refused.
const THROTTLED: &str = "Throttl";

impl SnsSettings {
    /// Signs a request for a service of Amazon's. Nothing if the address cannot be used.
    fn sign(&self, request: &mut Request, service: &str, keys: &Keys, now: Timestamp) -> Option<()> {
        let scope = sigv4::Scope { region: &keys.region, service };
        sigv4::sign(request, keys, &scope, now)
    }

    /// What the answer means, and whether the keys of a role are to be got anew.
    pub(crate) fn classify(
        &self,
        reply: Result<&Response, &SendError>,
        secrets: &[&str],
        now: Timestamp,
    ) -> (Outcome, bool) {
        let told = reply.map(|response| reply::excerpt(response, secrets)).unwrap_or_default();
        let is_lent = self.role.is_some() || self.keys.is_none();
        let is_expired = is_lent && told.contains(EXPIRED);
        match reply::classify(reply, &told, now) {
            Outcome::Rejected { reason, message } if is_expired || told.contains(THROTTLED) => {
                (Outcome::Retry { reason, message, retry_after: None }, is_expired)
            }
            outcome => (outcome, is_expired),
        }
    }
}

/// The address of a service of Amazon's in a region.
pub(crate) fn host(service: &str, region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{service}.{region}.{domain}/")
}

#[cfg(test)]
mod tests;
