//! Signed links that acknowledge: whoever holds one may take on what it was sent about, and nothing else.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use model::labels::Fingerprint;
use ring::hmac;

use crate::acknowledgement::AckTarget;
use crate::notification::{Notification, NotifiedAlert};
use crate::record::group_digest;

/// A link is good for so long after the notification that it came with.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// A shorter key is not taken.
pub const KEY_BYTES_MIN: usize = 16;

/// Makes and reads the links of one key. The text behind `/ack/` is `g.DIGEST.MILLISECONDS.SIGNATURE` for a group, or
/// `a.FINGERPRINT.…` for an alert: what was told, when, and an HMAC (SHA-256) of the two.
pub struct AckLinks {
    key: hmac::Key,
}

/// Why a link is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It is none of ours, or somebody changed it.
    #[error("this link is not one that was sent")]
    Unsigned,
    /// It is older than [`LIFETIME`].
    #[error("this link is too old")]
    Expired,
}

impl AckLinks {
    /// Links signed with this key.
    pub fn new(key: &[u8]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// Acknowledges what fires of a notification; none if nothing does, or there is no address to link to.
    pub fn of_group(&self, external_url: &str, notification: &Notification) -> Option<String> {
        let fires = notification.alerts.iter().any(|alert| alert.resolved_at.is_none());
        let what = format!("g.{}", group_digest(&notification.group_key));
        self.link(external_url, &what, notification.at).filter(|_| fires)
    }

    /// Acknowledges one alert, if it fires.
    pub fn of_alert(&self, external_url: &str, alert: &NotifiedAlert, at: Timestamp) -> Option<String> {
        self.link(external_url, &format!("a.{}", alert.fingerprint), at).filter(|_| alert.resolved_at.is_none())
    }

    fn link(&self, external_url: &str, what: &str, at: Timestamp) -> Option<String> {
        let said = format!("{what}.{}", at.as_millis());
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, said.as_bytes()));
        (!external_url.is_empty()).then(|| format!("{external_url}/ack/{said}.{signature}"))
    }

    /// What a link acknowledges: episodes that had begun when it was sent. The signature is compared in constant time.
    ///
    /// # Errors
    /// It is not signed with this key, or too old.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<AckTarget, LinkError> {
        let (said, signature) = token.rsplit_once('.').ok_or(LinkError::Unsigned)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| LinkError::Unsigned)?;
        hmac::verify(&self.key, said.as_bytes(), &signature).map_err(|_| LinkError::Unsigned)?;
        let mut parts = said.split('.');
        let (Some(kind), Some(name), Some(at)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(LinkError::Unsigned);
        };
        let at = Timestamp::from_millis(at.parse().map_err(|_| LinkError::Unsigned)?);
        if at.plus(LIFETIME) <= now {
            return Err(LinkError::Expired);
        }
        let target = match kind {
            "g" => AckTarget::GroupDigest(name.to_owned()),
            "a" => {
                let hash = u64::from_str_radix(name, 16).map_err(|_| LinkError::Unsigned)?;
                AckTarget::Alerts(vec![Fingerprint(hash)])
            }
            _ => return Err(LinkError::Unsigned),
        };
        Ok(AckTarget::BegunBy(at, Box::new(target)))
    }
}

/// The key is a secret.
impl fmt::Debug for AckLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AckLinks")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rendering::sample::two;

    #[test]
    fn a_link_is_taken_as_it_was_sent_and_not_otherwise() {
        let links = AckLinks::new(b"0123456789abcdef");
        let notification = two();
        let now = notification.at.plus(Duration::from_secs(60));
        let url = links.of_group("https://w.example", &notification).unwrap();
        let token = url.strip_prefix("https://w.example/ack/").unwrap();
        match links.read(token, now).unwrap() {
            AckTarget::BegunBy(at, target) => {
                assert_eq!(at, notification.at);
                assert!(
                    matches!(*target, AckTarget::GroupDigest(digest) if digest == group_digest(&notification.group_key))
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(links.read(token, notification.at.plus(LIFETIME)).unwrap_err(), LinkError::Expired);
        let changed = [
            token.replacen("g.", "a.", 1),
            token.replacen(&notification.at.as_millis().to_string(), "9999999999999", 1),
            token.get(..token.len() - 1).unwrap_or_default().to_owned(),
            format!("{token}x"),
            String::new(),
            "..".to_owned(),
        ];
        for changed in changed {
            assert_eq!(links.read(&changed, now).unwrap_err(), LinkError::Unsigned, "{changed}");
        }
        assert_eq!(AckLinks::new(b"another key, as long").read(token, now).unwrap_err(), LinkError::Unsigned);
    }

    #[test]
    fn what_is_over_or_cannot_be_reached_has_no_link() {
        let links = AckLinks::new(b"0123456789abcdef");
        let mut notification = two();
        assert_eq!(links.of_group("", &notification), None);
        let [firing, resolved] = &notification.alerts[..] else { panic!("two") };
        assert!(links.of_alert("https://w.example", firing, notification.at).is_some());
        assert_eq!(links.of_alert("https://w.example", resolved, notification.at), None);
        notification.alerts.remove(0);
        assert_eq!(links.of_group("https://w.example", &notification), None);
    }
}
