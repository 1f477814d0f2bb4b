//! The pages, as people see them: Debian's Chromium, driven over W3C WebDriver. Pictures of what was seen lie in
//! `target/screenshots/`.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod alerts;
mod axe;
mod browser;
#[path = "../suite/conditions.rs"]
#[allow(dead_code, reason = "the suite uses the rest")]
mod conditions;
mod harness;
mod history;
mod hostile;
mod keys;
mod look;
mod pages;
#[path = "../suite/peers.rs"]
#[allow(dead_code, reason = "the suite uses the rest")]
mod peers;
mod plain;
mod query_api;
mod routing;
mod rules;
mod silences;
#[path = "../suite/sink.rs"]
#[allow(dead_code, reason = "the suite uses the rest")]
mod sink;
mod site;
#[path = "../suite/stage.rs"]
#[allow(dead_code, reason = "the suite uses the rest")]
mod stage;
mod status;
mod webdriver;
