//! `AlertmanagerConfig` objects: read, checked, and merged into one `alertmanager.yml` as the operator merges them.
//!
//! Follows prometheus-operator 0.93. Objects of both versions are read into one form. A merge is a pure function of the base
//! configuration, the objects, and the Secrets and ConfigMaps they refer to.

mod alertmanager;
mod api_objects;
mod base;
mod conversion;
pub mod gathering;
mod global;
mod http_config;
mod manifests;
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
mod world;

pub use alertmanager::{Alertmanager, CONFIG_KEY, Configuration, MatcherStrategy, STRATEGIES};
pub use api_objects::{ALERTMANAGERS, V1ALPHA1, V1BETA1, as_file, data};
pub use base::{Base, TEMPLATE_FOLDER};
pub use conversion::convert;
pub use manifests::Manifests;
pub use material::{Holder, Material, Missing, Reference};
pub use merge::{Accepts, Candidate, Contribution, Contributions, Merged, Rules, merge};
pub use object::AlertmanagerConfig;
pub use options::{AlertmanagerVersion, ApiVersion, GROUP, Options};
pub use world::{Held, World};

#[cfg(test)]
mod tests;
