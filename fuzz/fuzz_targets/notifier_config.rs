//! `fuzz/src/notifier_config.rs` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::notifier_config::check(data));
