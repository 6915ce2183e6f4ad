//! Addresses that anybody may have written.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fate_conformance::bodies::addresses_of_any_kind(bytes));
