//! `fuzz/src/rule_file.rs` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::rule_file::check(data));
