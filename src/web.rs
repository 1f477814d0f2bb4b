//! The HTTP side of a service: listeners, TLS, basic authentication, operation endpoints.
//!
//! - [`address`]: `:9093`, external URL, route prefix
//! - [`settings`]: the web configuration file (TLS, users), in Prometheus' format
//! - [`tls`]: certificates, read again when the files change
//! - [`auth`]: basic authentication with bcrypt hashes
//! - [`listen`]: sockets, the accept loop, graceful end
//! - [`operation`]: `/-/healthy`, `/-/ready`, `/-/reload`, `/metrics`

pub mod address;
pub mod auth;
pub mod listen;
pub mod operation;
pub mod settings;
pub mod tls;
