//! `gunpowder_plot` under virtual time.

mod doc;
#[macro_use]
mod stage;

#[expect(dead_code, reason = "the stage runs it, not its main")]
#[path = "../gunpowder_plot.rs"]
mod gunpowder_plot;

use gunpowder_plot::set_up;
use stage::play;

#[test]
fn eight_fuses_burn_one_after_another_and_parliament_explodes_as_the_doc_says() {
    let show = play(1, set_up);
    assert_eq!(show.lines, doc::first_block(include_str!("../gunpowder_plot.rs")));
    assert_eq!(show.ended, 2.4);
}
