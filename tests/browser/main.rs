//! The pages, as people see them: Debian's Chromium, driven over W3C WebDriver. Pictures of what was seen lie in
//! `target/screenshots/`.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod axe;
mod browser;
#[path = "../suite/conditions.rs"]
#[allow(dead_code, reason = "the suite uses the rest")]
mod conditions;
mod harness;
mod look;
#[path = "../suite/peers.rs"]
#[allow(dead_code, reason = "the suite uses the rest")]
mod peers;
mod webdriver;
