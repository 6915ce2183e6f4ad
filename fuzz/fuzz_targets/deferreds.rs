//! Deferreds against a plain model.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fate_conformance::bodies::deferreds_against_a_plain_model(bytes));
