//! `adapters::fuzz::api_server` says what is asserted.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| adapters::fuzz::api_server(bytes));
