//! `fuzz/src/client_answers.rs` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::client_answers::check(data));
