//! `orchestrator::fuzz::senml` says what is asserted.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| orchestrator::fuzz::senml(bytes));
