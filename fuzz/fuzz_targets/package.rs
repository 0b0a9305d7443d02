//! `sol005::fuzz::package` says what is asserted.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sol005::fuzz::package(bytes));
