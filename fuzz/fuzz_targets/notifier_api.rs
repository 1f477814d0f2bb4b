//! `fuzz/src/notifier_api.rs` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::notifier_api::check(data));
