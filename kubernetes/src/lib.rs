//! The Kubernetes side: PrometheusRule and AlertmanagerConfig objects, selected, read and watched without an operator.
//!
//! - [`admission`]: what the API server asks before it stores an object
//! - [`alertmanager_config`]: AlertmanagerConfigs and the configuration they are merged into
//! - [`endpoints`]: targets made of EndpointSlices, Endpoints, Services and pods
//! - [`object`]: kinds of objects and what they are called
//! - [`selector`]: label selectors, and what leaving one out means
//! - [`prometheus_rule`]: a PrometheusRule and the rule file it is
//! - [`rule_source`]: which PrometheusRules are ours
//! - [`status`]: what is said about an object at the object
//! - [`report`]: telling it
//! - [`reflector`]: list and watch as a state machine
//! - [`client`]: single requests to the API server, each with a deadline
//! - [`lease`], [`leading`]: who of several leads
//! - [`watch`]: the loop around a reflector

pub mod admission;
pub mod alertmanager_config;
pub mod client;
pub mod endpoints;
pub mod leading;
pub mod lease;
pub mod object;
pub mod prometheus_rule;
pub mod reflector;
pub mod report;
pub mod rule_source;
pub mod selector;
pub mod status;
pub mod watch;
