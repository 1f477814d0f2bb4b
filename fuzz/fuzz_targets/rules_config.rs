//! `fuzz/src/rules_config.rs` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::rules_config::check(data));
