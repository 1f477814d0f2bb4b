//! `fuzz/src/web_config.rs` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::web_config::check(data));
