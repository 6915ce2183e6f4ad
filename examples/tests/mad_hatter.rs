//! `mad_hatter` under virtual time.

#[macro_use]
mod stage;

#[expect(dead_code, reason = "the stage runs it, not its main")]
#[path = "../mad_hatter.rs"]
mod mad_hatter;

use mad_hatter::set_up;
use stage::play;
use std::collections::BTreeSet;

const SEEDS: std::ops::Range<u64> = 0..64;

#[test]
fn the_firecracker_always_explodes_in_bens_hands_and_the_universe_ends_two_seconds_later() {
    for seed in SEEDS {
        let show = play(seed, set_up);
        let bang = show.ended - 2.0;
        assert_eq!(show.lines, [format!("{bang:<4} BOOM! Firecracker exploded in the unlucky hands of Ben Eills")]);
    }
}

#[test]
fn each_burning_time_occurs_and_no_other() {
    let ends: BTreeSet<String> = SEEDS.map(|seed| play(seed, set_up).ended.to_string()).collect();
    assert!(ends.iter().eq(["2.5", "3", "3.5", "4"]), "{ends:?}");
}
