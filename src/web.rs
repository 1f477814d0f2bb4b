//! The HTTP side of a service: listeners, TLS, basic authentication, operation endpoints.
//!
//! - [`access`]: who may do what, and the book of who changed what
//! - [`address`]: `:9093`, external URL, route prefix
//! - [`settings`]: the web configuration file (TLS, users, headers, a rate), in Prometheus' format
//! - [`tls`]: certificates, read again when the files change; `client_certificate`: those of clients
//! - [`auth`]: the doorkeeper: passwords, tokens, certificates, a trusted proxy; `request_rate`: how many may come
//! - [`connections`]: who is connected, and until when; `socket` and `passage` tell it what goes on
//! - [`descriptors`]: how many files and sockets may be open
//! - [`deadline`]: how long a request may take; `patience`: how long a client is waited for
//! - [`document`]: the OpenAPI document
//! - [`get_limit`]: how many GET requests are answered at the same time
//! - [`intake`]: how much memory bodies of requests take together, and how many are worked on
//! - [`listen`]: sockets, the accept loop, graceful end
//! - [`lost`]: requests that no handler takes
//! - [`operation`]: `/-/healthy`, `/-/ready`, `/-/reload`, `/metrics`
//! - [`traffic`]: requests as metrics

pub mod access;
pub mod address;
pub mod auth;
mod client_certificate;
pub mod connections;
pub mod deadline;
pub mod descriptors;
pub mod document;
pub mod get_limit;
pub mod intake;
pub mod listen;
pub mod lost;
pub mod operation;
mod passage;
mod patience;
mod request_rate;
pub mod settings;
mod socket;
pub mod tls;
pub mod traffic;
