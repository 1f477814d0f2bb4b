//! `fuzz/src/unit_test.rs` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::unit_test::check(data));
