//! `fuzz/src/remote_write.rs` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::remote_write::check(data));
