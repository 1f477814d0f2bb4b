//! The HTTP side of a service: listeners, TLS, basic authentication, operation endpoints.
//!
//! - [`address`]: `:9093`, external URL, route prefix
//! - [`settings`]: the web configuration file (TLS, users, headers, a rate), in Prometheus' format
//! - [`tls`]: certificates, read again when the files change; `client_certificate`: those of clients
//! - [`auth`]: basic authentication with bcrypt hashes; `request_rate`: how many may come
//! - [`deadline`]: how long a request may take
//! - [`get_limit`]: how many GET requests are answered at the same time
//! - [`listen`]: sockets, the accept loop, graceful end
//! - [`lost`]: requests that no handler takes
//! - [`operation`]: `/-/healthy`, `/-/ready`, `/-/reload`, `/metrics`
//! - [`traffic`]: requests as metrics

pub mod address;
pub mod auth;
mod client_certificate;
pub mod deadline;
pub mod get_limit;
pub mod listen;
pub mod lost;
pub mod operation;
mod request_rate;
pub mod settings;
pub mod tls;
pub mod traffic;
