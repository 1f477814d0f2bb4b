//! `--enable-feature`: Alertmanager's names.

use std::str::FromStr;

/// A feature that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Matchers and label names as before UTF-8 names.
    ClassicMode,
    /// Matchers in the newer syntax only.
    Utf8StrictMode,
    /// Known by name, without effect here.
    WithoutEffect(&'static str),
}

/// Features of Alertmanager that change nothing here.
const WITHOUT_EFFECT: [&str; 6] = [
    "alert-names-in-metrics",
    "receiver-name-in-metrics",
    "group-key-in-metrics",
    "auto-gomemlimit",
    "auto-gomaxprocs",
    "event-recorder",
];

impl FromStr for Feature {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "classic-mode" => Ok(Self::ClassicMode),
            "utf8-strict-mode" => Ok(Self::Utf8StrictMode),
            _ => {
                let known = WITHOUT_EFFECT.iter().find(|known| **known == name).copied();
                known.map(Self::WithoutEffect).ok_or_else(|| {
                    format!("unknown feature; known are classic-mode, utf8-strict-mode, {}", WITHOUT_EFFECT.join(", "))
                })
            }
        }
    }
}
