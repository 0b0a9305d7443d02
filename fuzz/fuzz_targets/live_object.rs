//! `adapters::fuzz::live_object` says what is asserted.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| adapters::fuzz::live_object(bytes));
