//! `adapters::fuzz::oci_answer` says what is asserted.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| adapters::fuzz::oci_answer(bytes));
