//! `fuzz/src/migrate.rs` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::migrate::check(data));
