//! `in_a_simulation`: the race of the hare and the tortoise.

mod doc;

#[expect(dead_code, reason = "its races are run here, not its main")]
#[path = "../in_a_simulation.rs"]
mod in_a_simulation;

use in_a_simulation::{Race, run_race};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn race(seed: u64) -> Race {
    run_race(seed).expect("the race is run to its end")
}

#[test]
fn the_hare_wins_if_it_sleeps_for_less_than_three_quarters_of_an_hour_and_the_tortoise_is_first_on_a_tie() {
    let naps = (0..256).map(|seed| {
        let race = race(seed);
        let expected = if race.nap < 45 * MINUTE { ["hare", "tortoise"] } else { ["tortoise", "hare"] };
        assert_eq!(race.arrivals, expected, "seed {seed}:\n{}", race.history);
        race.nap
    });
    assert!(naps.collect::<Vec<_>>().contains(&(45 * MINUTE)), "no seed gave a tie");
}

#[test]
fn the_same_seed_is_the_same_race_and_another_is_another() {
    assert_eq!(race(3), race(3));
    assert_ne!(race(3).history, race(4).history);
}

#[test]
fn the_history_of_seed_eight_is_the_one_in_the_doc() {
    let race = race(8);
    let printed = format!("The {} wins.\n{}", race.arrivals[0], race.history);
    let doc = doc::first_block(include_str!("../in_a_simulation.rs"));
    assert!(printed.lines().eq(doc), "the doc should show:\n{printed}");
}
