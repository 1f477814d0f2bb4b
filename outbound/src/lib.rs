//! Outbound HTTP: clients made from `http_config`, and the secrets they carry.
//!
//! In reading order:
//! - [`secret`]: a text that is never shown, inline or read from a file at each use
//! - [`http_config`]: the settings every HTTP client of the field shares, as meant
//! - [`client`]: a client made from them: one request, one deadline, one answer
//! - [`guard`]: what no request may do: reach a host beyond [`allowed_hosts`], carry credentials from https to http
//! - [`clients`]: one client for each distinct configuration
//! - [`go_json`]: JSON byte for byte as the field's Go programs write it

pub mod allowed_hosts;
pub mod client;
pub mod clients;
pub mod go_json;
pub mod guard;
pub mod http_config;
pub mod secret;

pub use allowed_hosts::{AllowedHost, AllowedHosts};
pub use client::{HttpClient, Limits, Request, Response, SendError, SendErrorKind};
pub use clients::HttpClients;
pub use guard::{Guard, Refusals};
pub use http_config::HttpConfig;
pub use secret::{Secret, SecretText, UnreadableSecret};
