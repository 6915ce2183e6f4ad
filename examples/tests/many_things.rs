//! `many_things` under virtual time.

#[macro_use]
mod stage;

#[expect(dead_code, reason = "the stage runs it, not its main")]
#[path = "../many_things.rs"]
mod many_things;

use fate::{Fate, Signal, sim::Sim};
use many_things::set_up;
use stage::{STAGE, Show, direct};
use std::time::Duration;

const PROMPT: &str = "0    The time has come to talk of many things. Of what? (Or quit.)";

/// A world in which the walrus walks for three seconds, and the number is crunched for one and a half.
fn world() -> Sim {
    let mut sim = Sim::new(1);
    sim.host(STAGE);
    sim.program(STAGE, "sh", |child| async move {
        assert_eq!(child.args()[0], "-c");
        child.fate().sleep(Duration::from_secs(3)).await;
        child.print("The walrus is back from his walk.\n").await?;
        fate::Ok(())
    });
    let crunching = Duration::from_millis(1500);
    sim.thread_time(STAGE, crunching..crunching + Duration::from_nanos(1));
    sim
}

/// What becomes of it if this is typed, each line behind the milliseconds after which it is; or else the end of the input.
fn talk(lines: &[(u64, Option<&str>)]) -> Show {
    direct(
        world(),
        |fate: &Fate| set_up(fate),
        |sim| {
            for (milliseconds, line) in lines {
                sim.run_until(Duration::from_millis(*milliseconds)).expect("nobody fails");
                match line {
                    Some(line) => sim.type_line(STAGE, line),
                    None => sim.end_input(STAGE),
                }
            }
        },
    )
}

#[test]
fn whatever_else_goes_on_the_user_is_answered() {
    let show = talk(&[(500, Some("of shoes")), (2500, Some(" of ships ")), (2500, Some("")), (4200, Some("quit"))]);
    let expected = [
        PROMPT,
        "0.5  Ah, of shoes!",
        "1    tick",
        "1.5  Below a million, 837799 takes the most steps: 524",
        "2    tick",
        "2.5  Ah, of ships!",
        "3    tick",
        // What he says comes through a pipe.
        "3.00002 The walrus is back from his walk.",
        "4    tick",
    ];
    assert_eq!(show.lines, expected);
    assert_eq!(show.ended, 4.2);
}

#[test]
fn at_the_end_of_the_input_what_was_begun_is_finished() {
    let show = talk(&[(1200, Some("of cabbages")), (1200, None)]);
    let expected = [
        PROMPT,
        "1    tick",
        "1.2  Ah, of cabbages!",
        "1.5  Below a million, 837799 takes the most steps: 524",
        "3.00002 The walrus is back from his walk.",
    ];
    assert_eq!(show.lines, expected);
    assert!(show.left.is_empty(), "left behind: {:#?}", show.left);
}

#[test]
fn quitting_ends_the_command_and_waits_for_the_calculation() {
    let show = talk(&[(300, Some("quit"))]);
    let expected = [
        PROMPT,
        "0.30002 The walrus came to grief: signal: 15 (SIGTERM)",
        "1.5  Below a million, 837799 takes the most steps: 524",
    ];
    assert_eq!(show.lines, expected);
}

#[test]
fn ctrl_c_does_what_quitting_does() {
    let sim = world();
    let show = direct(
        sim,
        |fate: &Fate| set_up(fate),
        |sim| {
            sim.run_until(Duration::from_millis(300)).expect("nobody fails");
            sim.signal(STAGE, Signal::INT);
        },
    );
    assert_eq!(show.lines[..2], [PROMPT, "0.30002 The walrus came to grief: signal: 15 (SIGTERM)"]);
}
