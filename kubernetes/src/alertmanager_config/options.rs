//! What a merge is for.

use std::fmt;
use std::str::FromStr;

/// The version of the object's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApiVersion {
    /// What clusters serve as a rule.
    V1alpha1,
    /// `timeIntervals` instead of `muteTimeIntervals`, and no `regex` and `updateAlerts`.
    V1beta1,
}

/// The API group of all these kinds.
pub const GROUP: &str = "monitoring.coreos.com";

impl ApiVersion {
    /// By `apiVersion` of an object.
    pub fn of(api_version: &str) -> Option<ApiVersion> {
        match api_version.strip_prefix(GROUP)?.strip_prefix('/')? {
            "v1alpha1" => Some(ApiVersion::V1alpha1),
            "v1beta1" => Some(ApiVersion::V1beta1),
            _ => None,
        }
    }

    /// As in `apiVersion`, without the group.
    pub fn as_str(self) -> &'static str {
        match self {
            ApiVersion::V1alpha1 => "v1alpha1",
            ApiVersion::V1beta1 => "v1beta1",
        }
    }
}

/// What the text is written for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The Alertmanager that reads it; what it does not know yet is left out or refused. `None` is Watchfire, which
    /// knows all of it.
    pub target: Option<AlertmanagerVersion>,
    /// Where certificates are mounted, as the operator does; `None` puts them into the configuration.
    pub tls_folder: Option<String>,
}

/// `0.28.1`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertmanagerVersion {
    major: u64,
    minor: u64,
    patch: u64,
}

impl AlertmanagerVersion {
    /// Whether it is 0.`minor` or newer.
    pub fn is_at_least(self, minor: u64) -> bool {
        (self.major, self.minor) >= (0, minor)
    }
}

/// `0.28`, `0.28.1`, `v0.28.1-rc.0+build`.
impl FromStr for AlertmanagerVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("{text:?} is not a version of Alertmanager such as 0.28.1");
        let numbers = text.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
        let parts: Vec<u64> = numbers.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| invalid())?;
        match parts.as_slice() {
            [major, minor, rest @ ..] if rest.len() <= 1 => Ok(AlertmanagerVersion {
                major: *major,
                minor: *minor,
                patch: rest.first().copied().unwrap_or_default(),
            }),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for AlertmanagerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}
