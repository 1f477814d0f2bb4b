//! `fuzz/src/receiver_answers.rs` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::receiver_answers::check(data));
