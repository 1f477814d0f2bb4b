//! `fuzz/src/patterns.rs` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::patterns::check(data));
