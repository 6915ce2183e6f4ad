//! Framing against a model that has the whole stream before it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fate_conformance::bodies::framing_against_the_whole_stream(bytes));
