//! The wheel and the fuses against a sorted map.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fate_conformance::bodies::fuses_against_a_sorted_map(bytes));
