//! One test binary for everything that needs more than one crate.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod acknowledge;
mod admission;
mod alertmanager_configs;
mod api;
#[allow(dead_code, reason = "a server for several tests")]
mod api_server;
mod backtest;
mod check_rules;
mod client;
mod conditions;
mod config_errors;
mod conformance;
mod crashes;
mod dead_mail_server;
mod demo;
mod deploy;
mod differential;
mod explain;
mod grafana;
mod head_to_head;
mod hostile_query_api;
mod interoperation;
mod kubernetes_discovery;
mod kubernetes_rules;
mod limits;
mod maintenance;
mod migrate;
mod overload;
mod peers;
mod pipeline;
mod query;
mod query_outage;
mod reloading;
mod restart;
mod restoration;
mod rule_commands;
mod rule_peers;
mod rule_service_kills;
mod rule_unit_tests;
mod rules_api;
mod scenarios;
mod sending;
mod sink;
mod small_disk;
mod stage;
mod store_copies;
mod store_damage;
mod store_upgrade;
mod tidy;
mod web_settings;
