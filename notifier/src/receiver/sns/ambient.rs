//! Keys that the settings leave to the surroundings, looked for as Amazon's own libraries do: in the environment, in a
//! token that Kubernetes keeps in a file, at the container's agent, at the machine's.

use model::Timestamp;
use outbound::Request;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::publish::form_post;
use super::role::{EARLY, Keys, SESSION};

/// The machine's agent. Reached without a proxy, as is the container's.
const MACHINE: &str = "http://169.254.169.254";

/// The container's agent.
const CONTAINER: &str = "http://169.254.170.2";

/// Gives a variable of the environment.
pub(crate) type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Where keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// In the environment: two keys and, of a role's, a token.
    Environment { access_key: String, secret_key: String, session_token: Option<String> },
    /// At the token service, for the token in this file.
    WebIdentity { role: String, token_file: String, session: String },
    /// At the container's agent, for the token, or the one in this file.
    Container { url: String, token: Option<String>, token_file: Option<String> },
    /// At the machine's agent.
    Machine { url: String },
}

impl Source {
    /// Where the environment says they are.
    pub(crate) fn find(variables: &Variables) -> Source {
        let variable = |name: &str| variables(name).filter(|value| !value.is_empty());
        if let (Some(access_key), Some(secret_key)) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"))
        {
            return Source::Environment { access_key, secret_key, session_token: variable("AWS_SESSION_TOKEN") };
        }
        if let (Some(role), Some(token_file)) = (variable("AWS_ROLE_ARN"), variable("AWS_WEB_IDENTITY_TOKEN_FILE")) {
            let session = variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| SESSION.to_owned());
            return Source::WebIdentity { role, token_file, session };
        }
        let relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{CONTAINER}{path}"));
        if let Some(url) = relative.or_else(|| variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
            let token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
            return Source::Container { url, token, token_file: variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") };
        }
        let url = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| MACHINE.to_owned());
        Source::Machine { url: url.trim_end_matches('/').to_owned() }
    }
}

/// The region the environment names.
pub(crate) fn region(variables: &Variables) -> Option<String> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| variables(name).filter(|value| !value.is_empty()))
}

/// Asks the token service, for a token of Kubernetes'. Not signed: the token is the proof.
pub(crate) fn by_token(sts_url: String, role: &str, session: &str, token: &str) -> Request {
    let parameters = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("RoleArn", role),
        ("RoleSessionName", session),
        ("Version", "2011-06-15"),
        ("WebIdentityToken", token),
    ];
    form_post(sts_url, &parameters.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

/// Asks the container's agent.
pub(crate) fn at_container(url: &str, token: Option<&str>) -> Option<Request> {
    let headers = token.map(|token| Some((AUTHORIZATION, secret(token)?)));
    let headers = headers.map_or(Some(HeaderMap::new()), |header| Some(HeaderMap::from_iter([header?])));
    Some(asking(Method::GET, url.to_owned(), headers?))
}

/// Asks the machine's agent for a token, which it wants with every question.
pub(crate) fn machine_token(url: &str) -> Request {
    let name = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
    let headers = HeaderMap::from_iter([(name, HeaderValue::from_static("21600"))]);
    asking(Method::PUT, format!("{url}/latest/api/token"), headers)
}

/// Asks it for the name of its role, and with the name for the role's keys.
pub(crate) fn at_machine(url: &str, token: &str, role: &str) -> Option<Request> {
    let name = HeaderName::from_static("x-aws-ec2-metadata-token");
    let url = format!("{url}/latest/meta-data/iam/security-credentials/{role}");
    Some(asking(Method::GET, url, HeaderMap::from_iter([(name, secret(token)?)])))
}

fn asking(method: Method, url: String, headers: HeaderMap) -> Request {
    Request { method, url, headers, body: Default::default() }
}

fn secret(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(token).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What an agent answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: String,
}

/// The keys in an agent's answer, and until when they are used.
pub(crate) fn keys_in(answer: &[u8], region: &str) -> Option<(Keys, Timestamp)> {
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    let until = Timestamp::parse_rfc3339(&answer.expiration).ok()?.minus(EARLY);
    let keys = Keys {
        access_key: answer.access_key_id.into(),
        secret_key: answer.secret_access_key.into(),
        session_token: Some(answer.token.into()),
        region: region.into(),
    };
    Some((keys, until))
}
