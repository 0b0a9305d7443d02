//! `models::fuzz::api_body` says what is asserted.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| models::fuzz::api_body(bytes));
