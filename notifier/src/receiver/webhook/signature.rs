//! Signed webhooks, after the Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`. Not of
//! Alertmanager's.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use outbound::secret::{SHOWN, decode_secret, resolve_path};
use outbound::{Request, Secret, SecretText};
use reqwest::header::{HeaderName, HeaderValue};
use ring::hmac;
use sha2::{Digest, Sha256};
use yaml::{Decoder, Node};
use zeroize::Zeroizing;

use crate::notification::Notification;

/// What a key in base64 begins with.
const PREFIX: &str = "whsec_";

/// A shorter key is not taken, as the standard has it.
const KEY_BYTES_MIN: usize = 24;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// `signature` of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Each makes a signature, so that a receiver may know the old one, the new one or both. Never empty.
    pub secrets: Vec<Secret>,
}

impl Signature {
    /// Decodes `secret` or `secret_file`, and `secrets` and `secret_files` for more than one.
    pub(crate) fn decode(node: &Node, decoder: &Decoder, base: &Path) -> Option<Signature> {
        let mut fields = decoder.mapping(node, "a signature")?;
        let first = decode_secret(&mut fields, decoder, base, ("secret", "secret_file"));
        let inline = fields.optional("secrets").secret().string_list().unwrap_or_default();
        let files = fields.optional("secret_files").string_list().unwrap_or_default();
        if let Some(Secret::Inline(text)) = &first {
            check(text, node.get("secret").map_or(fields.span(), |node| node.span), decoder);
        }
        inline.iter().for_each(|text| check(&text.value, text.span, decoder));
        let files = files.into_iter().map(|path| Secret::File(resolve_path(base, &path.value)));
        let inline = inline.into_iter().map(|text| Secret::inline(text.value));
        let secrets: Vec<Secret> = first.into_iter().chain(inline).chain(files).collect();
        if secrets.is_empty() {
            decoder
                .error(fields.span(), "a signature needs \"secret\", \"secret_file\", \"secrets\" or \"secret_files\"");
        }
        fields.finish();
        Some(Signature { secrets })
    }
}

/// A configuration as a notifier shows it is read, too: for its routes.
fn check(text: &str, span: yaml::Span, decoder: &Decoder) {
    if text != SHOWN
        && let Err(reason) = key(text)
    {
        decoder.error(span, reason).hint(HINT).without_excerpt();
    }
}

const HINT: &str = "make one with: echo whsec_$(openssl rand -base64 32)";

/// Signs a request for a notification. The id is the same for all attempts at a notification, and for no other.
///
/// # Errors
/// A secret cannot be used.
pub(crate) fn sign(
    request: &mut Request,
    notification: &Notification,
    secrets: &[SecretText],
    now: Timestamp,
) -> Result<(), String> {
    let (id, second) = (id(notification), now.as_millis().div_euclid(1000).to_string());
    let mut signatures = Vec::new();
    for secret in secrets {
        let key = key(secret).map_err(|reason| format!("cannot sign: {reason}"))?;
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
        [id.as_bytes(), b".", second.as_bytes(), b".", &request.body].iter().for_each(|part| context.update(part));
        signatures.push(format!("v1,{}", STANDARD.encode(context.sign())));
    }
    for (name, text) in [(ID, id), (TIMESTAMP, second), (SIGNATURE, signatures.join(" "))] {
        let value =
            HeaderValue::try_from(text).map_err(|_| "cannot sign: no header can carry the signature".to_owned())?;
        request.headers.insert(name, value);
    }
    Ok(())
}

/// Of what makes a notification another one: a later attempt at it has the same receiver, group, instant and reason.
fn id(notification: &Notification) -> String {
    let digest = Sha256::digest(format!(
        "{}\0{}\0{}\0{}",
        notification.receiver,
        notification.group_key,
        notification.at.as_nanos(),
        notification.reason.as_str(),
    ));
    let hex = hex::encode(digest);
    format!("msg_{}", hex.get(..32).unwrap_or(&hex))
}

/// The bytes of a secret: base64 behind `whsec_`, or the text itself.
fn key(secret: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let bytes = match secret.strip_prefix(PREFIX) {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| format!("what stands behind {PREFIX} is no base64"))?,
        None => secret.as_bytes().to_vec(),
    };
    let bytes = Zeroizing::new(bytes);
    if bytes.len() < KEY_BYTES_MIN {
        return Err(format!("a signing secret has at least {KEY_BYTES_MIN} bytes, this one has {}", bytes.len()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::post_json;
    use crate::receiver::sample::config;
    use crate::rendering::sample::{t, two};

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn signed(notification: &Notification, secrets: &[&str], at: f64) -> [String; 3] {
        let secrets: Vec<SecretText> = secrets.iter().map(|secret| (*secret).into()).collect();
        let mut request = post_json("http://h/".to_owned(), br#"{"test": 2432232314}"#.to_vec());
        sign(&mut request, notification, &secrets, t(at)).unwrap();
        [ID, TIMESTAMP, SIGNATURE].map(|name| request.headers[name].to_str().unwrap().to_owned())
    }

    /// The example of the standard's own text.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let key = key(SECRET).unwrap();
        let said = b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        let made = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), said);
        assert_eq!(STANDARD.encode(made), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn attempts_share_an_id_and_notifications_do_not() {
        let [id, second, signature] = signed(&two(), &[SECRET], 600.0);
        let [again, later, other] = signed(&two(), &[SECRET], 660.0);
        assert_eq!((&id, second == later, signature == other), (&again, false, false));
        let next = Notification { at: t(900.0), ..two() };
        assert_ne!(signed(&next, &[SECRET], 600.0)[0], id);
        assert!(id.starts_with("msg_") && id.len() == 36, "{id}");
        let both = &signed(&two(), &[SECRET, "a text of thirty-two characters."], 600.0)[2];
        let both: Vec<&str> = both.split(' ').collect();
        assert_eq!((both[0], both.len()), (signature.as_str(), 2));
    }

    #[test]
    fn settings_are_checked_without_being_shown() {
        let found = |signature: &str| {
            let text = format!("  webhook_configs: [{{url: 'http://h/', signature: {signature}}}]");
            config(text.trim()).map(drop).map_err(|mistakes| mistakes.to_string())
        };
        for good in [
            format!("{{secret: {SECRET}}}"),
            "{secret_file: key}".to_owned(),
            "{secret: <secret>, secrets: [<secret>]}".to_owned(),
            format!("{{secrets: [{SECRET}, a text of thirty-two characters.]}}"),
            format!("{{secret: {SECRET}, secret_files: [old]}}"),
        ] {
            found(&good).unwrap();
        }
        for (bad, wanted) in [
            ("{}", "a signature needs"),
            ("{secret: hunter2}", "at least 24 bytes, this one has 7"),
            ("{secrets: [hunter2]}", "at least 24 bytes, this one has 7"),
            ("{secret: whsec_hunter2!}", "no base64"),
            ("{secret: whsec_aHVudGVyMg==}", "at least 24 bytes, this one has 7"),
            ("{secret: a text of thirty-two characters., secret_file: hunter}", "are given"),
        ] {
            let error = found(bad).unwrap_err();
            assert!(error.contains(wanted), "{bad}: {error}");
            assert!(!error.contains("hunter2") && !error.contains("aHVudGVyMg"), "{error}");
        }
    }
}
