//! `fuzz/src/promql.rs` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::promql::check(data));
