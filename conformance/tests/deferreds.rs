//! Deferreds against a plain model: random programs, and saved ones.

use fate_conformance::bodies::deferreds::Program;
use fate_conformance::bodies::deferreds_against_a_plain_model;
use proptest::collection::vec;
use proptest::prelude::*;

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(6000))]

    /// D1 to D7.
    #[test]
    fn short_programs_do_as_a_plain_model_says(bytes in vec(any::<u8>(), 0..120)) {
        deferreds_against_a_plain_model(&bytes);
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    /// D1 to D7.
    #[test]
    fn long_programs_do_as_a_plain_model_says(bytes in vec(any::<u8>(), 100..1200)) {
        deferreds_against_a_plain_model(&bytes);
    }
}

/// D1 to D7. Every line of `corpus/deferreds/*.txt` is a program that was hard at some time, or might be.
#[test]
fn saved_programs_do_as_a_plain_model_says() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/deferreds");
    let mut ran = 0;
    for file in std::fs::read_dir(corpus).expect("the corpus is part of the repository") {
        let path = file.expect("the corpus can be listed").path();
        let text = std::fs::read_to_string(path).expect("the corpus can be read");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            println!("{line}");
            line.parse::<Program>().expect("the corpus is well-formed").run();
            ran += 1;
        }
    }
    assert!(ran >= 50, "only {ran} programs");
}
