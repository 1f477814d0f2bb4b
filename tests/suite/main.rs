//! One test binary for everything that needs more than one crate.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod api;
mod client;
mod conditions;
mod config_errors;
mod conformance;
mod dead_mail_server;
mod grafana;
mod head_to_head;
mod interoperation;
mod peers;
mod pipeline;
mod restart;
mod restoration;
mod rule_commands;
mod rule_unit_tests;
mod rules_api;
mod scenarios;
mod sending;
mod sink;
mod stage;
mod tidy;
