//! Keys of a role, got from Amazon's token service for a while.

use std::time::Duration;

use model::Timestamp;
use outbound::{Request, SecretText};

use super::SnsSettings;
use super::publish::form_post;

/// How long they are asked for: as short as the service grants.
const SECONDS: &str = "900";

/// The name of a session in the logs of Amazon's.
pub(super) const SESSION: &str = "watchfire";

/// They are got anew so long before they end.
pub(super) const EARLY: Duration = Duration::from_secs(60);

/// Whose request it is, and what it is signed with.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) access_key: SecretText,
    pub(crate) secret_key: SecretText,
    /// Of a role's keys.
    pub(crate) session_token: Option<SecretText>,
    /// Where they are used.
    pub(crate) region: std::sync::Arc<str>,
}

impl Keys {
    /// What nobody may be told.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        [Some(&self.access_key), Some(&self.secret_key), self.session_token.as_ref()]
            .into_iter()
            .flatten()
            .map(|text| &**text)
            .collect()
    }
}

impl SnsSettings {
    /// The signed request for the keys of the role. Nothing if there is no role.
    pub(crate) fn assume_role(&self, sts_url: String, own: &Keys, now: Timestamp) -> Option<Request> {
        let role = self.role.as_ref()?;
        let mut parameters = vec![("Action", "AssumeRole"), ("DurationSeconds", SECONDS)];
        parameters.extend(role.external_id.as_deref().map(|id| ("ExternalId", id)));
        parameters.extend([("RoleArn", role.arn.as_str()), ("RoleSessionName", SESSION)]);
        parameters.push(("Version", "2011-06-15"));
        let parameters: Vec<_> =
            parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut request = form_post(sts_url, &parameters);
        self.sign(&mut request, "sts", own, now)?;
        Some(request)
    }
}

/// The keys in an answer, and until when they are used.
pub(crate) fn keys_in(answer: &str, region: &str) -> Option<(Keys, Timestamp)> {
    let keys = Keys {
        access_key: element(answer, "AccessKeyId")?.into(),
        secret_key: element(answer, "SecretAccessKey")?.into(),
        session_token: Some(element(answer, "SessionToken")?.into()),
        region: region.into(),
    };
    let end = Timestamp::parse_rfc3339(element(answer, "Expiration")?).ok()?;
    Some((keys, end.minus(EARLY)))
}

/// The text of an element. These hold letters, digits and `+/=-:`, so nothing in them is escaped.
fn element<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = answer.split_once(&format!("<{name}>"))?;
    let (text, _) = after.split_once(&format!("</{name}>"))?;
    Some(text.trim()).filter(|text| !text.is_empty())
}
