//! Addresses that anybody may have written: random ones, and saved ones.

use fate_conformance::bodies::addresses_of_any_kind;
use proptest::prelude::*;

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(500))]

    /// E4, N7.
    #[test]
    fn whatever_looks_like_an_address_has_an_answer(
        text in r"\[?(here|there|localhost|[0-9]{1,3}(\.[0-9]{1,3}){0,4}|[0-9a-f:]{0,20}|\PC{0,4})(%[0-9a-z]{0,4})?\]?(:[0-9]{0,6}){0,2}",
    ) {
        addresses_of_any_kind(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(cases(500))]

    /// E4, N7.
    #[test]
    fn whatever_it_is_it_has_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        addresses_of_any_kind(&bytes);
    }
}

/// E4, N7. Every line of `corpus/addresses/*.txt` was hard at some time, or might be.
#[test]
fn saved_addresses_have_an_answer() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/addresses");
    let mut ran = 0;
    for file in std::fs::read_dir(corpus).expect("the corpus is part of the repository") {
        let path = file.expect("the corpus can be listed").path();
        let text = std::fs::read(path).expect("the corpus can be read");
        for line in text.split(|byte| *byte == b'\n') {
            println!("{}", line.escape_ascii());
            addresses_of_any_kind(line);
            ran += 1;
        }
    }
    assert!(ran >= 40, "only {ran} addresses");
}
