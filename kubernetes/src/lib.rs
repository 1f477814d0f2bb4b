//! The Kubernetes side: PrometheusRule and AlertmanagerConfig objects, selected, read and watched without an operator.
//!
//! - [`alertmanager_config`]: AlertmanagerConfigs and the configuration they are merged into
//! - [`endpoints`]: targets made of EndpointSlices, Endpoints, Services and pods
//! - [`object`]: kinds of objects and what they are called
//! - [`selector`]: label selectors, and what leaving one out means
//! - [`prometheus_rule`]: a PrometheusRule and the rule file it is
//! - [`reflector`]: list and watch as a state machine
//! - [`client`]: single requests to the API server, each with a deadline
//! - [`watch`]: the loop around a reflector

pub mod alertmanager_config;
pub mod client;
pub mod endpoints;
pub mod object;
pub mod prometheus_rule;
pub mod reflector;
pub mod selector;
pub mod watch;
