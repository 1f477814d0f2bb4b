//! What each parser must do with any input: end soon, within bounds, without a panic, and keep its word: what it prints it
//! reads again, and two ways to read the same agree.
//!
//! Each file is one kind of input, with one function `check` that is given bytes. The fuzzer calls it through
//! `fuzz_targets/`; `tests/suite/hostile_input/` calls it with everything in `regressions/`.

mod loopback;
pub(crate) mod site;
mod text;

pub mod answers;
pub mod client_answers;
pub mod cluster;
pub mod go_template;
pub mod handlebars;
pub mod mail;
pub mod matchers;
pub mod migrate;
pub mod notifier_api;
pub mod notifier_config;
pub mod pages;
pub mod patterns;
pub mod promql;
pub mod receiver_answers;
pub mod records;
pub mod remote_write;
pub mod rule_file;
pub mod rules_api;
pub mod rules_config;
pub mod schedule;
pub mod series;
pub mod store;
pub mod unit_test;
pub mod web_config;
pub mod words;
pub mod yaml;

/// What must hold for any bytes.
pub type Check = fn(&[u8]);

/// Every kind of input by its name, which is that of its fuzz target and of its folder of regressions.
pub const ALL: [(&str, Check); 26] = [
    ("answers", answers::check),
    ("client_answers", client_answers::check),
    ("cluster", cluster::check),
    ("go_template", go_template::check),
    ("handlebars", handlebars::check),
    ("mail", mail::check),
    ("matchers", matchers::check),
    ("migrate", migrate::check),
    ("notifier_api", notifier_api::check),
    ("notifier_config", notifier_config::check),
    ("pages", pages::check),
    ("patterns", patterns::check),
    ("promql", promql::check),
    ("receiver_answers", receiver_answers::check),
    ("records", records::check),
    ("remote_write", remote_write::check),
    ("rule_file", rule_file::check),
    ("rules_api", rules_api::check),
    ("rules_config", rules_config::check),
    ("schedule", schedule::check),
    ("series", series::check),
    ("store", store::check),
    ("unit_test", unit_test::check),
    ("web_config", web_config::check),
    ("words", words::check),
    ("yaml", yaml::check),
];
