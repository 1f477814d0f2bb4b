//! `fuzz/src/go_template.rs` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::go_template::check(data));
