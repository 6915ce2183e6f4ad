//! `unlucky_hatter` under virtual time.

#[macro_use]
mod stage;

#[expect(dead_code, reason = "the stage runs it, not its main")]
#[path = "../unlucky_hatter.rs"]
mod unlucky_hatter;

use stage::play;
use std::collections::BTreeSet;
use unlucky_hatter::set_up;

const SEEDS: std::ops::Range<u64> = 0..64;

#[test]
fn it_explodes_in_the_hatters_hands_for_a_second_and_at_its_very_end_and_then_in_bens() {
    let lines: BTreeSet<String> = SEEDS.flat_map(|seed| play(seed, set_up).lines).collect();
    let expected = [
        "0.5  BOOM! Firecracker exploded in the unlucky hands of Mad Hatter",
        "1    BOOM! Firecracker exploded in the unlucky hands of Mad Hatter",
        "1.5  BOOM! Firecracker exploded in the unlucky hands of Ben Eills",
        "2    BOOM! Firecracker exploded in the unlucky hands of Ben Eills",
    ];
    assert!(lines.iter().eq(expected), "{lines:#?}");
}

#[test]
fn it_explodes_once_and_all_is_over_after_three_seconds_whenever_that_was() {
    for seed in SEEDS {
        let show = play(seed, set_up);
        assert_eq!((show.lines.len(), show.ended), (1, 3.0), "seed {seed}: {:?}", show.lines);
    }
}
