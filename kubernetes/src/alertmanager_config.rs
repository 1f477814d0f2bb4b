//! `AlertmanagerConfig` objects: read, checked, and merged into one `alertmanager.yml` as the operator merges them.
//!
//! Follows prometheus-operator 0.93. Objects of both versions are read into one form. A merge is a pure function of the base
//! configuration, the objects, and the Secrets and ConfigMaps they refer to.

mod alertmanager;
mod base;
mod global;
mod http_config;
mod matcher;
mod material;
mod merge;
mod object;
mod options;
mod reader;
mod receivers;
mod route;
mod shape;
mod time_interval;
mod url_check;
mod value;

pub use alertmanager::{Alertmanager, CONFIG_KEY, Configuration, MatcherStrategy, STRATEGIES};
pub use base::{Base, TEMPLATE_FOLDER};
pub use material::{Holder, Material, Missing, Reference};
pub use merge::{Accepts, Candidate, Contribution, Contributions, Merged, Rules, merge};
pub use object::AlertmanagerConfig;
pub use options::{AlertmanagerVersion, ApiVersion, GROUP, Options};

#[cfg(test)]
mod tests;
