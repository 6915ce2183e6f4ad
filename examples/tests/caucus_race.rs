//! `caucus_race` under virtual time.

mod doc;
#[macro_use]
mod stage;

#[expect(dead_code, reason = "the stage runs it, not its main")]
#[path = "../caucus_race.rs"]
mod caucus_race;

use caucus_race::set_up;
use stage::play;

#[test]
fn everybody_arrives_when_the_doc_says_and_nothing_is_left_to_happen() {
    let show = play(1, set_up);
    assert_eq!(show.lines, doc::first_block(include_str!("../caucus_race.rs")));
    assert_eq!(show.ended, 3.2);
}
