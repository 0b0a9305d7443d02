//! `models::fuzz::slice_file` says what is asserted.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| models::fuzz::slice_file(bytes));
