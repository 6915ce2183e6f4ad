//! `slow_multiply` under virtual time.

mod doc;
#[macro_use]
mod stage;

#[expect(dead_code, reason = "the stage runs it, not its main")]
#[path = "../slow_multiply.rs"]
mod slow_multiply;

use slow_multiply::set_up;
use stage::play;

#[test]
fn five_wait_for_their_values_at_once_and_each_has_it_when_the_doc_says() {
    let show = play(1, set_up);
    assert_eq!(show.lines, doc::first_block(include_str!("../slow_multiply.rs")));
    assert_eq!(show.ended, 8.0);
}
